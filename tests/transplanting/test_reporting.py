"""Tests for transplanting/reporting.py."""

from __future__ import annotations

from sb3_prune.transplanting import plan_transplant
from transplanting.made import env_of, trained


def test_a_report_says_what_was_carried() -> None:
    given = {"observations": (0, 1, 2, 3, None, None), "actions": (0, 1, 2, 3, None)}
    report = plan_transplant(trained("DQN"), env=env_of("DQN", 6, 5), **given)
    carried, new = 2 * (12 * 4 + 12 + 130 + 44), 2 * (2 * 12 + 11)
    assert (report.carried, report.new, report.dropped) == (carried, new, 2 * 12)
    lines = str(report).splitlines()
    assert lines[0].split() == ["tensor", "carried", "new", "dropped"]
    assert "q_net.q_net.0.weight" in lines[1]
    assert any(line.split() == ["all", "468", "70", "24"] for line in lines)
    assert "outputs of new actions: pessimistic" in lines
    why = (
        "The replay buffer stays behind, 96 transitions: nobody knows what new sensors "
        "would have said."
    )
    assert lines[-1] == why
