"""Tests for callbacks/remarks.py."""

from __future__ import annotations

import warnings

import pytest
from stable_baselines3.common.logger import Logger

from sb3_prune.callbacks.remarks import Remarks
from sb3_prune.exceptions import FewObservationsError


def test_a_remark_is_logged_once_per_training() -> None:
    said: list[str] = []

    class Listening(Logger):
        def warn(self, *args: object) -> None:
            said.extend(map(str, args))

    remarks, logger = Remarks(), Listening(None, [])
    for remark in ("a", "b", "a"):
        remarks.log(logger, remark)
    assert said == ["a", "b"]
    remarks.begin()
    remarks.log(logger, "a")
    assert said == ["a", "b", "a"]


def test_who_waits_is_told_once_and_at_the_end() -> None:
    remarks = Remarks()
    remarks.end()
    with pytest.warns(UserWarning, match="waits for more observations. Too few"):
        remarks.wait(FewObservationsError("Too few."))
    remarks.wait(FewObservationsError("Too few."))
    with pytest.warns(UserWarning, match="was not pruned"):
        remarks.end()
    remarks.begin()
    remarks.end()


def test_pieces_are_told_once() -> None:
    remarks = Remarks()
    with pytest.warns(UserWarning, match="goes on from step 64, .* begin at 50%"):
        remarks.pieces(64, 0.5)
    with warnings.catch_warnings(action="error"):
        remarks.begin()
        remarks.pieces(64, 0.5)
