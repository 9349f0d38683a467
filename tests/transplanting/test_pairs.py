"""Tests for transplanting/pairs.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import InputRules
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.pairs import Pair, find_pair


def paired(**given: Any) -> Pair:
    old = zoo.trained("PPO")
    new = build(old, old.get_env(), {}, 0, None)
    names = ("observations", "actions", "inputs", "new_actions")
    every = dict.fromkeys((*names, "vecnormalize", "replay_buffer"))
    return find_pair(new, old, **{**every, **given})


def test_without_maps_every_entry_is_itself() -> None:
    pair = paired()
    assert pair.actions == tuple(range(len(pair.actions)))
    assert not pair.counts_twice
    assert pair.new is not pair.old


@pytest.mark.parametrize("repeated", ["copy", "share"])
def test_an_observation_counts_twice_unless_it_is_shared(repeated: Any) -> None:
    size = zoo.trained("PPO").observation_space.shape[0]  # type: ignore[index]
    twice = [0, 0, *range(2, size)]
    pair = paired(observations=twice, inputs=InputRules(repeated=repeated))
    assert pair.counts_twice == (repeated == "copy")


def test_rules_of_a_wrong_type_are_refused() -> None:
    with pytest.raises(TransplantError, match="inputs must be"):
        paired(inputs="mean")
