"""Numbers by layer of made-up runs."""

from typing import Any

LONG = "org/Some-Very-Long-Model-Name-7B-"
"""What the parents of a run of long names begin with."""


def layers(params: dict[str, Any], long: bool) -> list[dict[str, Any]]:
    many = 80 if long else 28
    given = (("math", "math-expert-instruct"), ("code", "code-expert"))
    models = [(k, f"{LONG}{m}-{n}") for n in range(3) for k, m in given] if long else given
    return [
        {
            "model": m,
            "parameter": p,
            "part": part,
            "values": [params[f"{k}.{p}"] * (1 - 1.2 * i / many) for i in range(many)],
        }
        for k, m in models
        for p in ("weight", "density")
        for part in (("",) if long else ("self_attn", "mlp"))
    ]
