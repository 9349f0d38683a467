"""Tests for callbacks/remarks.py."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import zoo
from stable_baselines3.common.logger import Logger

import sb3_prune as sp
from sb3_prune.callbacks.remarks import Remarks
from sb3_prune.compensation.proposing import Proposal, PruneReport
from sb3_prune.exceptions import FewObservationsError
from sb3_prune.pruning import make_strategy
from sb3_prune.strategies import Strategy
from sb3_prune.surgery import Plan


def test_a_remark_is_logged_once_per_training() -> None:
    said: list[str] = []

    class Listening(Logger):
        def warn(self, *args: object) -> None:
            said.extend(map(str, args))

    remarks, logger = Remarks(), Listening(None, [])
    for remark in ("a", "b", "a"):
        remarks.tell(logger, Proposal(plan=Plan(), plain=remark), report(remark))
    assert said == ["a", "b"]
    remarks.begin()
    remarks.tell(logger, Proposal(plan=Plan(), plain="a"), report("a"))
    assert said == ["a", "b", "a"]


def test_that_fits_lacked_something_is_warned_of_once_per_training() -> None:
    remarks, logger = Remarks(), Logger(None, [])
    lacking = Proposal(plan=Plan(), plain="the cuts are plain.", missing=True)
    for _ in range(2):
        remarks.begin()
        with pytest.warns(UserWarning, match=r"^The cuts are plain\. This") as told:
            remarks.tell(logger, lacking, report("a"))
            remarks.tell(logger, lacking, report("b"))
        assert len(told) == 1


def report(plain: str) -> PruneReport:
    return PruneReport({}, (0, 0), {}, {}, {}, (), {}, {}, plain=plain)


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


def test_cuts_before_the_agent_learns_are_told_once_per_training() -> None:
    remarks, model = Remarks(), zoo.make_model("SAC", learning_starts=100)
    model.num_timesteps = 100
    for _ in range(2):
        remarks.begin()
        with pytest.warns(UserWarning, match="at step 100, but .* after step 100") as w:
            remarks.early(model)
            remarks.early(model)
        assert len(w) == 1
    remarks.begin()
    model.num_timesteps = 101
    remarks.early(model)
    remarks.early(zoo.make_model("PPO"))


def test_layers_that_cannot_change_are_told_once_per_training() -> None:
    remarks, wiring = Remarks(), sp.wire(zoo.make_model("SAC"))
    remarks.fixed(wiring, strategy())
    wiring.fixed = {"actor.a": "no rule", "critic.b": "it is read twice"}
    with pytest.warns(UserWarning, match=r"pruned.* actor.a: no rule; critic.b: it is"):
        remarks.fixed(wiring, strategy())
    wiring.fixed = {**wiring.fixed, "actor.c": "late"}
    with pytest.warns(UserWarning, match=r"count: actor.c: late\."):
        remarks.fixed(wiring, strategy())
    remarks.begin()
    with pytest.warns(UserWarning, match=r"count: critic.b: it is read twice\."):
        remarks.fixed(wiring, strategy(networks=("critic",)))


def test_layers_of_networks_that_are_left_are_not_told() -> None:
    remarks, wiring = Remarks(), sp.wire(zoo.make_model("SAC"))
    wiring.fixed = {"critic.qf0.9": "no rule"}
    remarks.fixed(wiring, strategy("dsp"))
    with pytest.warns(UserWarning, match="critic"):
        remarks.fixed(wiring, strategy())


def strategy(name: str = "magnitude", **options: Any) -> Strategy:
    return make_strategy(name, options)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_ordinary_trainings_are_not_warned_of(name: str) -> None:
    model = zoo.make_model(name)
    callback = sp.PruningCallback("magnitude", {"begin": 0.6, "compensate": False})
    with warnings.catch_warnings():
        for text in ("Layers that cannot", "Units are cut at step"):
            warnings.filterwarnings("error", text)
        model.learn(128, callback=callback)
    assert callback.done


def test_pieces_are_told_once() -> None:
    remarks = Remarks()
    with pytest.warns(UserWarning, match="goes on from step 64.* is 50% done"):
        remarks.pieces(64, 0.5)
    with warnings.catch_warnings(action="error"):
        remarks.begin()
        remarks.pieces(64, 0.5)
