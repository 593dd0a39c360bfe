"""benchmarks/racing_simulation.py prints a row for every rule."""

import importlib.util
import sys
from pathlib import Path

from optimerge.testing.race_rules import RULES

FILE = Path(__file__).parents[2] / "benchmarks" / "racing_simulation.py"


def test_every_rule_has_a_row_in_every_table(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("racing_simulation", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = ["--races", "4", "--items", "40", "--studies", "1"]
    monkeypatch.setattr(sys, "argv", [str(FILE), *given])
    module.main()
    printed = capsys.readouterr().out
    for rule in RULES:
        assert printed.count(f"\n{rule} ") == 4
