"""Tests for transplanting/pairing.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO

from sb3_prune.exceptions import SB3PruneError, TransplantError, UnknownNameError
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.pairing import frames, pair_observations
from transplanting.looks import SPACES, Looks, image, numbers, untrained


def sources(old: Any, new: Any, given: Any = None) -> Any:
    policies = [untrained("PPO", space).policy for space in (old, new)]
    return pair_observations(*policies, given)


KEYS = SPACES["keys"]
FLAT = spaces.Dict({"a": numbers(2), "b": numbers(3)})


def test_equal_spaces_need_no_map() -> None:
    for space in SPACES.values():
        assert sources(space, space).is_same


def test_keys_that_are_not_named_stay() -> None:
    new = spaces.Dict({"a": numbers(3), "b": numbers(3), "c": numbers(1)})
    found = sources(FLAT, new, {"a": [1, None, 0], "c": None})
    assert found.sources == (1, None, 0, 2, 3, 4, None)


def test_names_may_change_their_key() -> None:
    new = spaces.Dict({"b": numbers(4), "c": numbers(1)})
    names = {"old": {"a": ["x", "y"]}, "new": {"b": ["b.2", "y", "b.0", "z"], "c": "x"}}
    with pytest.raises(TransplantError, match="a list of 1 names"):
        sources(FLAT, new, names)
    names["new"]["c"] = ["x"]
    assert sources(FLAT, new, names).sources == (4, 1, 2, None, 0)


def test_frames() -> None:
    assert frames(2, 3, 2) == [None, None, 0, 1, 2, 3]
    assert frames(3, 2, 2) == [2, 3, 4, 5]
    assert frames(2, 2, 1) == [0, 1]
    with pytest.raises(TransplantError, match="positive"):
        frames(0, 1, 1)


WIDER = spaces.Dict({"a": numbers(2), "b": numbers(4)})
NAMED = {"a": ["x", "y"]}
EYE = spaces.Dict({"arm": numbers(3), "ball": numbers(2), "look": image(2)})
TWO_EYES = spaces.Dict({**EYE.spaces, "eye": image(2)})
ERRORS: list[tuple[Any, Any, Any, str]] = [
    (FLAT, KEYS, None, "say by observations="),
    (FLAT, numbers(5), None, "name all entries"),
    (FLAT, numbers(5), [0, 1, 2, 3, 4], "name all entries"),
    (FLAT, FLAT, {"d": None}, "Unknown new observation 'd'.*a, b"),
    (FLAT, FLAT, {"a": "d"}, "Unknown old observation 'd'.*a, b"),
    (FLAT, FLAT, [0, 1], "must map"),
    (FLAT, spaces.Dict({"a": numbers(2), "c": numbers(3)}), {}, "Unknown old .*'c'"),
    (FLAT, spaces.Dict({"a": numbers(2), "c": numbers(3)}), {"c": [0] * 3}, "'c'"),
    (
        FLAT,
        spaces.Dict({"a": numbers(3), "b": numbers(3)}),
        {},
        "of 'a'.*the new one 3",
    ),
    (FLAT, FLAT, {"old": {"z": []}, "new": {}}, "lists by key"),
    (FLAT, FLAT, {"old": [1], "new": {}}, "lists by key"),
    (FLAT, FLAT, {"a": None, "b": None}, "All observations are new"),
    (numbers(2), FLAT, {"old": "xy", "new": {}}, "must be a list, got 'xy'"),
    (numbers(2), FLAT, {"old": None, "new": {}}, "must be a list, got None"),
    (FLAT, FLAT, {"old": {"a": 3}, "new": {}}, "needs a list of 2 names, got 3"),
    (FLAT, WIDER, {"old": NAMED, "new": NAMED}, "of 'b'.*the new one 4"),
    (KEYS, EYE, {"look": "eye"}, "'eye' has a network of its own"),
    (KEYS, TWO_EYES, {"look": "eye"}, "'eye' has a network of its own"),
    (image(), image(3, 40, 40), None, "images of"),
    (image(), image(3, 40, 40), [0, 1, 2], "images of"),
    (image(), image(3, 40, 36), {"channels": [0, 1, 2]}, "height"),
    (image(), image(), {"depth": [0], "width": None}, "Unknown entry"),
    (image(), image(), {"height": [*range(35, -1, -1)]}, "stretched"),
    (image(), image(), {"height": [*range(35), None]}, "stretched"),
    (image(), image(), {"height": 3}, "height of the observations must be"),
    (image(), image(4), None, "has 3 observations, the new one 4"),
    (SPACES["branches"], spaces.MultiDiscrete([3, 2]), None, "choices"),
    (SPACES["choices"], numbers(4), None, "cannot become"),
    (SPACES["choices"], spaces.Discrete(3), [0, 1, 4], "cannot be old index 4"),
]


@pytest.mark.parametrize(("old", "new", "given", "match"), ERRORS)
def test_what_does_not_fit_is_named(old: Any, new: Any, given: Any, match: str) -> None:
    with pytest.raises(SB3PruneError, match=match) as found:
        sources(old, new, given)
    assert isinstance(found.value, TransplantError | UnknownNameError)


def test_images_that_are_divided_by_255() -> None:
    """SB3 does so to whole numbers from 0 to 255 with three axes, also for an MLP."""
    given = {"divided": spaces.Box(0, 255, (3, 4, 4), np.uint8)}
    for high in (1, 255):
        given[f"up to {high}"] = spaces.Box(0, high, (3, 4, 4), np.float32)
    policies = {
        name: PPO("MlpPolicy", Looks(space, spaces.Discrete(2))).policy
        for name, space in given.items()
    }

    def paired(*names: str) -> ObservationMap:
        return pair_observations(*(policies[name] for name in names), None)

    for one, other in (("divided", "up to 1"), ("up to 255", "up to 1")):
        assert paired(one, other).is_same and paired(other, one).is_same
    for names in (("divided", "up to 255"), ("up to 255", "divided")):
        with pytest.raises(TransplantError, match=r"by 255: (True|False), and"):
            paired(*names)
