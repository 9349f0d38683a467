"""Tests for callbacks/parents.py; who uses it is in test_interrupted.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ofexi_zoo
import pytest
import zoo
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    EvalCallback,
    EveryNTimesteps,
)

import sb3_prune as sp
from sb3_prune.callbacks import ResumableCheckpointCallback
from sb3_prune.callbacks.parents import require_rollouts
from sb3_prune.exceptions import ConfigError


class Asks(BaseCallback):
    """Needs rollouts."""

    def _on_training_start(self) -> None:
        require_rollouts(self)

    def _on_step(self) -> bool:
        return True


def test_lists_pass_rollouts_on() -> None:
    zoo.train(zoo.make_model("PPO"), callback=CallbackList([Asks(), Asks()]))


@pytest.mark.parametrize("several", [False, True])
def test_event_callbacks_do_not(several: bool) -> None:
    inner = CallbackList([Asks()]) if several else Asks()
    with pytest.raises(ConfigError, match="Asks would do nothing inside of EveryNTime"):
        zoo.train(zoo.make_model("PPO"), callback=EveryNTimesteps(10, inner))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", [sp.PruningCallback, ResumableCheckpointCallback])
def test_nor_what_a_better_evaluation_calls(
    kind: Any, several: bool, tmp_path: Path
) -> None:
    path = {} if kind is sp.PruningCallback else {"folder": tmp_path}
    inner = CallbackList([kind(**path)]) if several else kind(**path)
    better = EvalCallback(
        zoo.make_env("PPO"), callback_on_new_best=inner, eval_freq=20, verbose=0
    )
    with pytest.raises(ConfigError, match=r"inside of EvalCallback.* into the list"):
        zoo.train(zoo.make_model("PPO"), callback=better)


def test_neither_do_evaluations() -> None:
    model = zoo.make_model("PPO")
    after = EvalCallback(zoo.make_env("PPO"), callback_after_eval=Asks(), verbose=0)
    with pytest.raises(ConfigError, match="inside of EvalCallback"):
        zoo.train(model, callback=after)


class Forwards(BaseCallback):
    """A callback of a user, which passes on what it knows of."""

    def __init__(self, inner: BaseCallback) -> None:
        super().__init__()
        self.inner = inner

    def _init_callback(self) -> None:
        self.inner.init_callback(self.model)

    def _on_training_start(self) -> None:
        self.inner.on_training_start(self.locals, self.globals)

    def _on_step(self) -> bool:
        return self.inner.on_step()

    def _on_training_end(self) -> None:
        self.inner.on_training_end()


@pytest.mark.parametrize("name", ["SAC", "PPO"])
@pytest.mark.parametrize("kind", [sp.PruningCallback, ResumableCheckpointCallback])
def test_a_callback_that_passes_no_rollouts_on(
    kind: Any, name: str, tmp_path: Path
) -> None:
    path = {} if kind is sp.PruningCallback else {"folder": tmp_path}
    model = zoo.make_model(name)
    with pytest.raises(ConfigError, match="inside of a callback that does not tell"):
        zoo.train(model, callback=Forwards(kind(**path)))
    assert sp.wire(model).units() == sp.wire(zoo.make_model(name)).units()


def test_a_feature_callback_needs_rollouts_too() -> None:
    model = ofexi_zoo.make_model("SAC")
    with pytest.raises(ConfigError, match="FeatureCallback would do nothing inside"):
        zoo.train(model, callback=Forwards(sp.FeatureCallback()))
