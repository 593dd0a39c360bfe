"""Builds a recipe for the command `build`: the merge with its bar, and the upload."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from optimerge.cli.bars import bar
from optimerge.cli.quiet import quiet
from optimerge.cli.screen import count, err, note, say, watched
from optimerge.export import build as builder
from optimerge.export import hub
from optimerge.merge.free import size
from optimerge.recipe.read import read_recipe


@dataclass(frozen=True)
class Asked:
    """How to build, as the command line says."""

    seed: int | None
    exact: bool
    allow_nan: bool
    card: bool
    run: Path | None


def run_build(
    recipe: Path, out: Path, asked: Asked, device: str, push: str | None, *, public: bool
) -> None:
    """Build a recipe in the folder `out` and, with the name `push`, upload that to the Hub."""
    if push is not None and watched(err()):
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    with quiet():
        target = None
        if push is not None:
            read_recipe(recipe)  # before anything is made on the Hub
            target = hub.prepare(push, private=not public)
        try:
            _tell(_built(recipe, out, asked, device, push))
            if target is not None:
                _upload(target, out)
        except KeyboardInterrupt:
            err().print("stopped; the same command goes on where this one was")
            raise


def _built(recipe: Path, out: Path, asked: Asked, device: str, push: str | None) -> "builder.Built":
    with bar(err()) as shown:
        task = shown.add_task("merging", total=None)
        return builder.build(
            recipe,
            out,
            device=device,
            seed=asked.seed,
            mode="exact" if asked.exact else None,
            allow_nan=asked.allow_nan,
            card=asked.card,
            run=asked.run,
            name=push.partition("/")[2] if push else None,
            reuse=push is not None,
            progress=lambda done, total: shown.update(task, completed=done, total=total),
            remark=note,
        )


def _tell(built: "builder.Built") -> None:
    for each in built.notes:
        note(each)
    if built.reused:
        click.echo(f"{built.directory} is this build already: nothing is merged")
        return
    click.echo(
        f"wrote {built.directory}: {built.tensors} tensors, {count(built.parameters)} parameters "
        f"({built.mode} mode, seed {built.seed})"
    )


def _upload(target: "hub.Target", out: Path) -> None:
    kept = "private" if target.private else "public"
    whole = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    say(f"uploading {size(whole)} to {target.name} ({kept})")
    click.echo(f"uploaded to {hub.upload(target, out)} ({kept})")
