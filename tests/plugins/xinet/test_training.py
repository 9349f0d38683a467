"""Whole trainings with the strategy, killed ones among them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from callbacks.resuming import digest, fixed_env
from callbacks.test_checkpoint import Diary, KillAt, Killed
from stable_baselines3.common.callbacks import BaseCallback

import sb3_prune as sp
from sb3_prune import FeatureCallback, PruningCallback, ResumableCheckpointCallback
from sb3_prune.gates import Gate
from sb3_prune.runs import checkpoints
from sb3_prune.surgery.optimizer import optimizers

FAST: dict[str, Any] = {"theta_rate": 0.05, "price": 10.0, "min_units": 2}
"""Options with which tiny agents lose units within a hundred steps."""
LEARNS = [name for name in zoo.ALGORITHMS if name != "TRPO"]
LONG = 1_000_000
"""Steps of a run that only a kill ends."""
SLOW: dict[str, Any] = {"begin": 40 / LONG, "theta_rate": 0.01, "price": 10.0}


def widths(model: Any) -> dict[str, int]:
    return sp.wire(model.policy).units()


def held(model: Any) -> list[str]:
    """Return the tensors that gates hold."""
    return [key for key in model.policy.state_dict() if "gate" in key]


def featured(name: str, steps: int, *callbacks: BaseCallback, **kwargs: Any) -> Any:
    """Train an agent on an extractor to so many steps, those before included."""
    model = kwargs.pop("model", None) or ofexi_zoo.make_model(name, **kwargs)
    features = FeatureCallback(pretraining=4, batch_size=16)
    given = {"callback": [features, *callbacks], "reset_num_timesteps": False}
    return zoo.train(model, steps - model.num_timesteps, **given)


def assert_over(model: Any, pruning: PruningCallback) -> None:
    """Assert that units have gone, and that the agent is a plain one again."""
    initial, now = model.policy.initial_units, widths(model)
    assert now == pruning.history[-1]["units"]
    assert sum(now.values()) < sum(initial.values())
    assert min(now.values()) >= 2
    assert held(model) == []
    for layer in sp.wire(model.policy).values():
        assert layer.target is None or layer.target.units == layer.units
    for optimizer in optimizers(model.policy).values():
        assert not optimizer._optimizer_step_post_hooks
        assert not optimizer._optimizer_step_pre_hooks


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNS)
def test_every_algorithm_loses_units_and_is_deterministic_again(name: str) -> None:
    pruning = PruningCallback("xinet", FAST)
    model = zoo.train(zoo.make_model(name), 160, callback=pruning)
    assert_over(model, pruning)
    assert np.array_equal(zoo.actions(model), zoo.actions(model))
    zoo.train_on(model)


@pytest.mark.parametrize("name", ["ValueSAC", "TD3", "PPO"])
def test_agents_on_an_extractor_lose_units_everywhere(name: str) -> None:
    pruning = PruningCallback("xinet", FAST)
    model = featured(name, 112, pruning)
    assert_over(model, pruning)
    gone = {n for n, k in widths(model).items() if k < model.policy.initial_units[n]}
    networks = {name.partition(".")[0] for name in gone}
    assert "ofe" in networks
    assert len(networks) > 1
    again = ofexi_zoo.reload(model)
    assert widths(again) == widths(model)
    assert np.array_equal(zoo.actions(again), zoo.actions(model))
    ofexi_zoo.train_on(again)


class Rollouts(BaseCallback):
    """Writes down, at the end of each rollout, whether any theta is uncertain."""

    def __init__(self, pruning: PruningCallback) -> None:
        super().__init__()
        self.pruning = pruning
        self.found: list[tuple[bool, bool]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        gates = [layer.gate for layer in sp.wire(self.model).values()]
        thetas = [g.theta for g in gates if g is not None and g.theta is not None]
        unsure = any(bool(((t > 0) & (t < 1)).any()) for t in thetas)
        self.found.append((self.pruning.done, unsure))


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_no_rollout_is_collected_between_drawing_and_rounding(name: str) -> None:
    options = {"begin": 0.1, "end": 0.5, "theta_rate": 0.003, "price": 10.0}
    pruning = PruningCallback("xinet", options)
    rollouts = Rollouts(pruning)
    zoo.train(zoo.make_model(name), 160, callback=[pruning, rollouts])
    assert (False, True) in rollouts.found and (True, False) in rollouts.found
    assert (True, True) not in rollouts.found


def test_nothing_moves_before_begin() -> None:
    plain = featured("SAC", 64)
    strict = {"lambda_agent": 0.0, "lambda_extractor": 0.0, "begin": 1.0, "end": 1.0}
    waiting = featured("SAC", 64, PruningCallback("xinet", strict))
    assert digest(waiting) == digest(plain)


@pytest.mark.parametrize(
    ("name", "end"), [("ValueSAC", 1.0), ("PPO", 0.8), ("PPO", 1.0)]
)
def test_the_last_rollout_ends_it_at_the_latest(name: str, end: float) -> None:
    # One look between begin and end on-policy, and none after it.
    pruning = PruningCallback("xinet", {**FAST, "theta_rate": 0.02, "end": end})
    model = featured(name, 96, pruning)
    assert_over(model, pruning)


@pytest.mark.slow
def test_a_masked_run_equals_a_cut_run(monkeypatch: Any) -> None:
    # Cut layers would draw fewer numbers.
    monkeypatch.setattr(torch, "bernoulli", lambda theta: (theta >= 0.3).float())
    options = {**FAST, "theta_rate": 0.03, "price": 1.0, "end": 1.0}
    runs = []
    for physical in (True, False):
        pruning = PruningCallback("xinet", options, physical=physical)
        runs.append((featured("ValueSAC", 90, pruning, ofe={"norm": "layer"}), pruning))
    (cut, by_cutting), (masked, by_masking) = runs
    assert by_cutting.history == by_masking.history
    assert len(by_cutting.history) > 3
    assert widths(masked) == masked.policy.initial_units
    assert not any("theta" in key for key in held(masked))
    sp.surgery.remove_closed(masked)
    assert widths(masked) == widths(cut)
    ofexi_zoo.assert_close(cut.policy, ofexi_zoo.outputs(masked.policy), 1e-5)


# Runs that end early.


class Leave(BaseCallback):
    """End a training, or fail, after so many steps."""

    def __init__(self, steps: int, error: type[BaseException] | None = None) -> None:
        super().__init__()
        self.steps, self.error = steps, error

    def _on_step(self) -> bool:
        if self.n_calls >= self.steps and self.error is not None:
            raise self.error
        return self.n_calls < self.steps


def gates_of(model: Any) -> list[Gate]:
    return [layer.gate for layer in sp.wire(model.policy).values()]  # type: ignore[misc]


def left_behind(name: str = "ValueSAC") -> Any:
    """Return an agent whose training ended while its thetas were learning."""
    options = {"theta_rate": 0.005, "price": 100.0, "tolerance": 0.01}
    model = ofexi_zoo.make_model(name)
    pruning = PruningCallback("xinet", options, total_timesteps=96)
    featured(name, 64, pruning, model=model)
    thetas = [gate.theta for gate in gates_of(model)]
    assert all(theta is not None and bool((theta < 1).any()) for theta in thetas)
    return model


@pytest.mark.parametrize("name", ["ValueSAC", "PPO"])
@pytest.mark.parametrize("reloaded", [False, True])
def test_thetas_that_nobody_learns_are_constants(name: str, reloaded: bool) -> None:
    model = left_behind(name)
    if reloaded:
        model = ofexi_zoo.reload(model)
    before = [gate.theta.clone() for gate in gates_of(model)]  # type: ignore[union-attr]
    drawn: list[torch.Tensor] = []
    draw = torch.bernoulli
    try:
        torch.bernoulli = lambda theta: drawn.append(theta) or draw(theta)  # type: ignore
        featured(name, model.num_timesteps + 32, model=model)
    finally:
        torch.bernoulli = draw
    assert drawn == []
    for gate, theta in zip(gates_of(model), before, strict=True):
        assert gate.theta is not None and gate.theta.grad is None
        assert torch.equal(gate.theta, theta)


@pytest.mark.slow
def test_a_new_run_takes_old_thetas_up_when_it_begins() -> None:
    model = left_behind()
    before = [gate.theta.clone() for gate in gates_of(model)]  # type: ignore[union-attr]
    options = {**FAST, "begin": 0.5}
    pruning = PruningCallback("xinet", options)
    features = FeatureCallback(batch_size=16)
    zoo.train(model, 32, callback=[features, pruning, Leave(15)])
    for gate, theta in zip(gates_of(model), before, strict=True):
        assert gate.theta is not None and torch.equal(gate.theta, theta)
    zoo.train(model, 96, callback=[features, pruning])
    assert_over(model, pruning)


def test_a_run_after_an_interrupted_one_is_the_only_one_that_learns() -> None:
    options = {"theta_rate": 0.002, "begin": 0.25}
    model = ofexi_zoo.make_model("ValueSAC")
    with pytest.raises(KeyboardInterrupt):
        pruning = PruningCallback("xinet", options)
        featured("ValueSAC", 64, pruning, Leave(40, KeyboardInterrupt), model=model)
    for layer in sp.wire(model.policy).values():
        for twin in layer.with_targets():
            twin.gate.settle()  # type: ignore[union-attr]
    features = FeatureCallback(batch_size=16)
    again = PruningCallback("xinet", options)
    zoo.train(model, 64, callback=[features, again, Leave(32)])
    hooks = [o._optimizer_step_post_hooks for o in optimizers(model.policy).values()]
    assert not any(hooks)
    steps = {float(gate.theta_steps) for gate in gates_of(model)}  # type: ignore[arg-type]
    assert max(steps) <= 16


def test_pretraining_prunes_nothing() -> None:
    model = ofexi_zoo.make_model("SAC", learning_starts=48)
    features = FeatureCallback(pretraining=60, batch_size=16)
    pruning = PruningCallback("xinet", {**FAST, "begin": 0.2})
    zoo.train(model, 96, callback=[features, pruning, Leave(51)])
    assert model.policy.ofe.updates >= 60
    steps = [float(g.theta_steps) for g in gates_of(model) if g.theta_steps is not None]
    assert max(steps, default=0.0) <= 4


# Runs that are killed.


def saving(folder: Path, pruning: PruningCallback, every: int) -> Any:
    return ResumableCheckpointCallback(folder, every, {"pruning": pruning})


def learning(model: Any) -> dict[str, Any]:
    """Return all that gates hold, targets included."""
    gates = {n: m for n, m in model.policy.named_modules() if isinstance(m, Gate)}
    return {n: dict(gate.state_dict()) for n, gate in gates.items()}


def between(gates: dict[str, Any]) -> float:
    """Return the share of thetas strictly between 0 and 1."""
    thetas = torch.cat([held["theta"] for held in gates.values() if "theta" in held])
    return float(((thetas > 0) & (thetas < 1)).float().mean())


@pytest.mark.parametrize("name", ["ValueSAC", "TD3"])
def test_a_run_killed_while_thetas_learn_ends_as_if_it_had_not_been(
    name: str, tmp_path: Path
) -> None:
    options = {**FAST, "theta_rate": 0.03}
    pruning = PruningCallback("xinet", options)
    whole = featured(name, 140, pruning, env=fixed_env(name))
    history, expected = pruning.history, digest(whole)

    pruning = PruningCallback("xinet", options)
    callbacks = [pruning, saving(tmp_path, pruning, 20), KillAt(70)]
    model = ofexi_zoo.make_model(name, env=fixed_env(name))
    with pytest.raises(Killed):
        featured(name, 140, *callbacks, model=model)

    pruning = PruningCallback("xinet", options)
    callback = saving(tmp_path, pruning, 20)
    model, states = checkpoints.load(type(model), tmp_path, fixed_env(name))
    callback.restore(states)
    assert between(learning(model)) > 0.2
    assert any(held["theta_mean"].any() for held in learning(model).values())
    assert 0 < len(pruning.history) < len(history)
    featured(name, 140, pruning, callback, model=model)
    assert digest(model) == expected
    assert pruning.history == history


def train_until_killed(folder: Path) -> None:
    """Train, prune and save; what the test kills."""
    pruning = PruningCallback("xinet", SLOW)
    diary = Diary(folder / "diary", pruning)
    checkpointing = saving(folder / "checkpoints", pruning, 16)
    featured("ValueSAC", LONG, pruning, diary, checkpointing)


def kill_a_run(folder: Path) -> None:
    """Start a run in another process and kill it after a cut and a checkpoint."""
    code = (
        "import pathlib; from plugins.xinet.test_training import train_until_killed;"
        f"train_until_killed(pathlib.Path({str(folder)!r}))"
    )
    tests = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"cut and saved\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_killed_in_earnest_resumes(tmp_path: Path) -> None:
    kill_a_run(tmp_path)
    lines = (tmp_path / "diary").read_text().splitlines()
    diary = dict(line.split() for line in lines)

    pruning = PruningCallback("xinet", SLOW)
    callback = saving(tmp_path / "checkpoints", pruning, 16)
    model, states = checkpoints.load(
        sp.ValueSAC, callback.folder, zoo.make_env("ValueSAC")
    )
    callback.restore(states)
    assert digest(model, pruning.state_dict()) == diary[str(model.num_timesteps)]
    assert between(learning(model)) > 0.2
    cut = widths(model)
    assert cut == pruning.history[-1]["units"] != model.policy.initial_units

    featured("ValueSAC", model.num_timesteps + 100, pruning, callback, model=model)
    assert sum(widths(model).values()) < sum(cut.values())
