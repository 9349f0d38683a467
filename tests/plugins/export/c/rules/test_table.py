"""Tests for sb3_prune_export/c/rules/table.py."""

from __future__ import annotations

import pytest
from sb3_prune_export.c.rules import RULES
from sb3_prune_export.c.rules.table import rule


def test_a_rule_is_known_by_all_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def own() -> None:
        """Do nothing."""

    for name in ("one", "other"):
        monkeypatch.setitem(RULES, name, None)
    assert rule("one", "other")(own) is own
    assert RULES["one"] is RULES["other"] is own
