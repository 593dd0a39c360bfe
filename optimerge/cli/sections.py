"""The commands, in the sections of the main help; each is `command` in the module of its name."""

from collections.abc import Mapping, Sequence

SECTIONS: Mapping[str, Sequence[str]] = {
    "Try it": ("demo", "zoo"),
    "Search": ("check", "calibrate", "search", "status", "stop", "soup"),
    "Look": ("front", "show", "dashboard", "report"),
    "Score": ("test", "evaluate"),
    "Make the model": ("export", "build"),
    "What there is": ("methods", "samplers", "objectives", "schema", "completion"),
}
