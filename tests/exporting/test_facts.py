"""Facts are JSON, whatever the spaces are, and texts that say what raw means."""

from __future__ import annotations

import json

import exported
import numpy as np
import pytest
from gymnasium import spaces

from exporting.test_normalisation import vecnormalize
from sb3_prune.exporting.facts import facts_of, in_words, space_facts
from sb3_prune.exporting.tracing import trace


@pytest.mark.parametrize("name", ["PPO-mixed", "PPO-box", "MaskablePPO"])
def test_facts_are_strict_json(name: str) -> None:
    facts = facts_of(exported.decision(name), "agent")
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_an_infinite_clip_is_strict_json() -> None:
    env = vecnormalize()
    env.clip_obs = float("inf")
    facts = facts_of(trace(exported.agent("SAC"), env), "agent")
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["normalisation"]["clip"] == "inf"


def test_bounds() -> None:
    low = np.array([-np.inf, 0], np.float32)
    found = space_facts(spaces.Box(low, np.inf, dtype=np.float32))
    assert found["low"] == ["-inf", 0.0] and found["high"] == "inf"
    assert space_facts(exported.BOX)["low"] == -1.0


def test_choices_of_inputs() -> None:
    inputs = facts_of(exported.decision("PPO-mixed"), "agent")["inputs"]
    found = {port["key"]: (port["name"], port["choices"]) for port in inputs}
    assert found == {
        "dials": ("observation_dials", [2, 4]),
        "gear": ("observation_gear", 3),
        "joint angle": ("observation_joint_angle", None),
        "lamps": ("observation_lamps", 2),
    }


def test_words() -> None:
    facts = facts_of(exported.decision("BranchingDQN"), "agent")
    check = {"observations": 1000, "largest_difference": 0.0, "ties": 0}
    text = in_words({**facts, "check": check})
    for part in ("NaN", "channels first", "newest last", "[3, 2]", "1000", "are not"):
        assert part in " ".join(text.split()), part
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize(
    ("name", "ties", "words"),
    [
        ("SAC", 0, "its actions differ by at most 2.0e-07 from the agent's."),
        ("DQN", 0, "its choices are the agent's."),
        ("DQN", 565, "565 choices differ where the agent sees no difference."),
    ],
)
def test_choices_have_no_size(name: str, ties: int, words: str) -> None:
    facts = facts_of(exported.decision(name), "agent")
    check = {"observations": 1000, "largest_difference": 2e-7, "ties": ties}
    text = in_words({**facts, "check": check})
    assert words in text.splitlines()
    assert ("at most" in text) == (name == "SAC")
