"""Tests for callbacks/pruning.py: compensated cuts while an agent trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import images
import pytest
import zoo
from stable_baselines3.common.logger import Logger

import sb3_prune as sp
from callbacks.resuming import digest, fixed_env
from callbacks.test_checkpoint import KillAt, Killed, saving, train_to
from sb3_prune import PruningCallback
from sb3_prune.recording.observations import count_observations
from sb3_prune.runs import checkpoints

TOTAL = 128
CONFIG = {
    "final_sparsity": 0.5,
    "begin": 0.5,
    "end": 1.0,
    "steps": 3,
    "compensate": True,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_killed_run_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    """Rollouts that were kept for the next cut come back, too."""
    pruning = PruningCallback("magnitude", CONFIG)
    whole = train_to(zoo.make_model(name, env=fixed_env(name)), TOTAL, pruning)
    history, expected = pruning.history, digest(whole)
    assert len(history) > 2

    pruning = PruningCallback("magnitude", CONFIG)
    model: Any = zoo.make_model(name, env=fixed_env(name))
    with pytest.raises(Killed):
        train_to(model, TOTAL, pruning, saving(tmp_path, pruning), KillAt(98))

    pruning = PruningCallback("magnitude", CONFIG)
    callback = saving(tmp_path, pruning)
    model, states = checkpoints.load(type(model), tmp_path, fixed_env(name))
    callback.restore(states)
    assert 64 <= model.num_timesteps < 98 and len(pruning.history) < len(history)
    train_to(model, TOTAL, pruning, callback)
    assert digest(model) == expected
    assert pruning.history == history


class Kept(PruningCallback):
    """Notes how many observations there are for a cut."""

    counts: list[int]

    def _prune(self) -> None:
        kept = self._seen.reservoir.inputs()
        count = 0 if kept is None else count_observations(kept.observations)
        self.counts.append(count)
        super()._prune()


@pytest.mark.parametrize(("name", "size"), [("A2C", 8), ("PPO", 32), ("TRPO", 32)])
def test_short_rollouts_add_up(name: str, size: int) -> None:
    callback = Kept("magnitude", CONFIG)
    callback.counts = []
    zoo.train(zoo.make_model(name), TOTAL, callback=callback)
    rollouts = TOTAL // size
    assert callback.counts == [size * i for i in range(rollouts + 1)]


def test_only_who_compensates_keeps_long_rollouts() -> None:
    callback = Kept("magnitude", {**CONFIG, "compensate": False})
    callback.counts = []
    zoo.train(zoo.make_model("PPO"), TOTAL, callback=callback)
    assert set(callback.counts) == {0}


@pytest.mark.parametrize("name", ["SAC", "PPO", "TD3"])
def test_what_a_fit_achieved_is_logged(name: str) -> None:
    model = zoo.make_model(name)
    logger = Logger(None, [])
    model.set_logger(logger)
    seen: list[dict[str, Any]] = []
    logger.dump = lambda step=0: seen.append(dict(logger.name_to_value))  # type: ignore[method-assign]
    zoo.train(model, TOTAL, callback=PruningCallback("magnitude", CONFIG))
    logger.dump()
    found = {k.removeprefix("prune/"): v for k, v in seen[-1].items() if "prune/" in k}
    assert 0 < found["fit_error"] < 2 and found["fit_observations"] >= 64
    assert found["moved_actions"] >= 0 and found["moved_values"] > 0
    assert ("kl" in found) == (name != "TD3")


def test_too_few_observations_are_told_once_and_cuts_are_plain(capsys: Any) -> None:
    config = {**CONFIG, "begin": 0.0, "end": 0.2, "compensate": None}
    model = zoo.make_model("A2C", verbose=1)
    with pytest.warns(UserWarning, match="The cuts are not compensated: .* costs") as w:
        model.learn(48, callback=PruningCallback("magnitude", config))
    assert len(w) == 1
    said = capsys.readouterr().out
    assert said.count("the cuts are not compensated: To compensate the cut of") >= 1
    units = model.policy.initial_units
    assert sp.wire(model).units() == {n: k // 2 for n, k in units.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO-MultiInput", "SAC-Cnn", "LSTM-MultiInput"])
def test_agents_with_pictures_train_on(name: str) -> None:
    model = ({**images.LOOKERS, **images.REMEMBERING})[name].make()
    config = {"final_sparsity": 0.5, "begin": 0.5, "steps": 2}
    callback = PruningCallback("magnitude", config)
    zoo.train(model, 64, callback=callback)
    assert len(callback.history) > 1
    zoo.train_on(model, 32)


@pytest.mark.slow
def test_clusters_are_merged_and_fitted() -> None:
    callback = PruningCallback("clusters", {"compensate": True, "begin": 0.5})
    model = zoo.train(zoo.make_model("SAC"), 160, callback=callback)
    zoo.train_on(model)
