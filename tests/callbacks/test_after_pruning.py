"""Tests for callbacks/after_pruning.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zoo
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    EvalCallback,
    EveryNTimesteps,
)
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from sb3_prune.callbacks import AfterPruning, PruningCallback
from sb3_prune.exceptions import ConfigError

CONFIG = {"final_sparsity": 0.5, "begin": 0.2, "end": 0.6, "steps": 3}


class Notes(BaseCallback):
    """Notes every call and the units at that time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.units: set[int] = set()

    def _note(self, name: str) -> None:
        self.calls.append(name)
        self.units.add(sum(sp.wire(self.model).units().values()))

    def _on_training_start(self) -> None:
        self.calls.append("start")

    def _on_rollout_start(self) -> None:
        self._note("rollout start")

    def _on_step(self) -> bool:
        self._note("step")
        return True

    def _on_rollout_end(self) -> None:
        self._note("rollout end")

    def _on_training_end(self) -> None:
        self._note("end")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_callbacks_see_the_smallest_agent_only(name: str, capsys: Any) -> None:
    pruning, inner = PruningCallback("magnitude", CONFIG), Notes()
    model = zoo.make_model(name)
    after = AfterPruning(pruning, inner, verbose=1)
    zoo.train(model, 160, callback=[pruning, after])
    assert inner.units == {sum(sp.wire(model).units().values())}
    assert inner.calls[0] == "start" and inner.calls[-1] == "end"
    assert {"step", "rollout start", "rollout end"} <= set(inner.calls)
    assert 0 < inner.n_calls < pruning.n_calls
    assert "pruning is over, callbacks wake" in capsys.readouterr().out


@pytest.mark.slow
def test_the_best_model_has_lost_all_its_units(tmp_path: Path) -> None:
    arch = {"net_arch": [24, 24]}
    env = make_vec_env("CartPole-v1", seed=0)
    model = PPO("MlpPolicy", env, 64, policy_kwargs=arch, n_steps=64, seed=0)
    pruning = PruningCallback("magnitude", CONFIG)
    folders = [str(tmp_path / name) for name in ("plain", "after")]
    best = [
        EvalCallback(
            make_vec_env("CartPole-v1", seed=1),
            eval_freq=100,
            best_model_save_path=folder,
            verbose=0,
        )
        for folder in folders
    ]
    zoo.train(model, 800, callback=[pruning, best[0], AfterPruning(pruning, best[1])])
    final = sum(sp.wire(model).units().values())
    units = [
        sum(sp.wire(PPO.load(f"{folder}/best_model")).units().values())
        for folder in folders
    ]
    assert units[1] == final and units[0] >= final


def test_a_callback_inside_can_stop_the_training() -> None:
    class Stop(BaseCallback):
        """Stops at its first call."""

        def _on_step(self) -> bool:
            return False

    pruning, model = PruningCallback("magnitude", CONFIG), zoo.make_model("SAC")
    zoo.train(model, 160, callback=[pruning, AfterPruning(pruning, [Notes(), Stop()])])
    assert pruning.done and model.num_timesteps < 160


def test_callbacks_that_never_woke_are_told() -> None:
    pruning = PruningCallback("magnitude", CONFIG | {"end": 1.0})
    model, inner = zoo.make_model("PPO"), Notes()
    with pytest.warns(UserWarning, match="never woke: training ended before"):
        model.learn(64, callback=[pruning, AfterPruning(pruning, inner)])
    assert inner.calls == ["start", "end"]


P = PruningCallback()


def test_a_callback_that_prunes_elsewhere_wakes_nothing() -> None:
    pruning, model = PruningCallback("magnitude", CONFIG), zoo.make_model("PPO")
    with pytest.raises(ConfigError, match=r"not in this training: pass it to learn\("):
        zoo.train(model, 64, callback=AfterPruning(pruning, Notes()))
    for callbacks in ([pruning, Notes()], [Notes(), pruning]):
        after = AfterPruning(pruning, Notes())
        zoo.train(model, 64, callback=[callbacks[0], after, callbacks[1]])
    with pytest.raises(ConfigError, match="not in this training"):
        zoo.train(model, 64, callback=AfterPruning(pruning, Notes()))


def test_what_only_knows_the_callback_that_prunes_is_let_through() -> None:
    """It does not call it."""
    inner = Notes()
    inner.pruning = P  # type: ignore[attr-defined]
    AfterPruning(P, AfterPruning(P, inner))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("magnitude", Notes()), "pruning must be a PruningCallback, got 'magnitude'"),
        ((PruningCallback(), None), "callback must be a callback, got None"),
        ((PruningCallback(), [Notes(), 3]), "callback must be a callback, got 3"),
        ((P, P), "must not have the callback that prunes in it"),
        ((P, [Notes(), CallbackList([P])]), "must not have the callback that prunes"),
        ((P, EveryNTimesteps(2, P)), "must not have the callback that prunes in it"),
        ((P, []), "callback must be a callback, got none"),
        ((P, Notes(), "x"), "verbose must be a whole number, got 'x'"),
        ((PruningCallback(), "best"), "callback must be a callback, got 'b'"),
    ],
)
def test_what_is_no_callback_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AfterPruning(*arguments)
