"""Answers shells that ask how a word may go on, and gives them the script that asks.

The protocol is click's: the shell sets the variable `COMPLETE` and the words so far.
"""

import re
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from optimerge.cli.group import COMPLETE
from optimerge.errors import OptimergeError

NAME = "optimerge"
INSTALL = {
    "bash": "mkdir -p ~/.local/share/bash-completion/completions && optimerge completion bash"
    " > ~/.local/share/bash-completion/completions/optimerge",
    "zsh": "echo 'source <(optimerge completion zsh)' >> ~/.zshrc   # below compinit",
    "fish": "mkdir -p ~/.config/fish/completions && optimerge completion fish"
    " > ~/.config/fish/completions/optimerge.fish",
}
"""By shell the line that installs its script for good."""


class Bash(BashComplete):
    """Bash cuts words at : and =, and takes an answer for the last piece: pieces are put together.

    So `--pick best:g` comes as `--pick`, `best`, `:`, `g`; of the answer `best:gsm8k` bash wants
    `gsm8k`.
    """

    source_template = BashComplete.source_template.replace(
        "    return 0\n",
        "    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]]; then\n"
        "        compopt -o nospace\n"
        "    fi\n\n    return 0\n",
    )
    before = ""
    """Of the word that is completed, what bash has cut off."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one."""
        words, last = super().get_completion_args()
        pieces = _joined([*words, last])
        whole = pieces[-1]
        self.before = whole if re.fullmatch("[:=]+", last) else whole[: len(whole) - len(last)]
        return pieces[:-1], whole

    def format_completion(self, item: "CompletionItem[Any]") -> str:
        """Return an answer without what bash has cut off."""
        option, equals, _ = self.before.partition("=")
        value = str(item.value)
        if option.startswith("--") and equals and not value.startswith(option):
            value = f"{option}={value}"  # of `--pick=best:x` click completes what is after the =
        return f"{item.type},{value.removeprefix(self.before)}"


def _joined(words: list[str]) -> list[str]:
    """Return words with : and = put together again with what stands round them."""
    found: list[str] = []
    for word in words:
        cut = re.fullmatch("[:=]+", word) or (found and found[-1][-1:] in (":", "="))
        if found and cut and not found[-1].endswith(" "):
            found[-1] += word
        else:
            found.append(word)
    return found


def answer(cli: click.Group, asked: str) -> int:
    """Answer a shell on standard output; return the exit code.

    Nothing is said of what cannot be read: who presses a key asked no question.
    """
    add_completion_class(Bash)
    try:
        return shell_complete(cli, {}, NAME, COMPLETE, asked)
    except OptimergeError:
        return 1


def script(cli: click.Command, shell: str) -> str:
    """Return a shell's script, with how to install it in its first lines."""
    asks: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": ZshComplete, "fish": FishComplete}
    text = asks[shell](cli, {}, NAME, COMPLETE).source().strip() + "\n"
    head, _, rest = text.partition("\n")
    note = f"# To install it: {INSTALL[shell]}\n"
    return f"{head}\n{note}{rest}" if head.startswith("#compdef") else f"{note}{text}"
