"""The laws of surgery and of checkpoints hold while weights have a penalty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zoo
from callbacks.resuming import digest, fixed_env
from callbacks.test_checkpoint import (
    CONFIG,
    TOTAL,
    KillAt,
    Killed,
    saving,
    train_to,
)
from sb3_prune_dsp import DSP, DSPConfig
from test_laws import masked_and_cut, three_hundred_updates

from sb3_prune import PruningCallback
from sb3_prune.penalties import PENALTIES, PenaltyHooks
from sb3_prune.runs import checkpoints
from sb3_prune.surgery import wire

some_algorithms = pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])


def penalised(model: Any, penalty: str, strength: float = 0.01) -> Any:
    hooks = PenaltyHooks()
    strengths = dict.fromkeys(wire(model).values(), strength)
    hooks.attach(model, PENALTIES[penalty], strengths)
    return hooks


@pytest.mark.slow
@pytest.mark.parametrize("penalty", PENALTIES)
@some_algorithms
def test_a_cut_run_and_a_masked_run_stay_equal(name: str, penalty: str) -> None:
    masked, cut = masked_and_cut(name)
    for model in (masked, cut):
        penalised(model, penalty)
        three_hundred_updates(name, model)
    zoo.assert_close(zoo.outputs(cut.policy), zoo.outputs(masked.policy), 1e-5)


@some_algorithms
def test_a_strength_of_zero_trains_as_no_penalty(name: str) -> None:
    plain, zero = (PruningCallback(make(p, 0.0)) for p in ("none", "dsp"))
    one, other = (
        zoo.train(zoo.make_model(name), callback=callback) for callback in (plain, zero)
    )
    zoo.assert_same(zoo.snapshot(one.policy), zoo.snapshot(other.policy))


def make(penalty: Any, strength: float) -> DSP:
    return DSP(DSPConfig(**CONFIG, penalty=penalty, strength=strength))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("physical", [True, False])
@some_algorithms
def test_a_killed_run_ends_as_if_it_had_not_been(
    name: str, physical: bool, tmp_path: Path
) -> None:
    def callback(strength: float = 0.1) -> PruningCallback:
        config = DSPConfig(**CONFIG, strength=strength, compensate=False)  # type: ignore[arg-type]
        return PruningCallback(DSP(config), physical=physical)

    def trained(*callbacks: Any) -> Any:
        return train_to(zoo.make_model(name, env=fixed_env(name)), TOTAL, *callbacks)

    expected, without = digest(trained(callback())), digest(trained(callback(0.0)))
    assert expected != without

    pruning = callback()
    with pytest.raises(Killed):
        trained(pruning, saving(tmp_path, pruning), KillAt(74))

    pruning = callback()
    resumed = saving(tmp_path, pruning)
    cls = type(zoo.trained(name))
    model, states = checkpoints.load(cls, tmp_path, fixed_env(name))
    resumed.restore(states)
    assert 40 <= model.num_timesteps < 74
    train_to(model, TOTAL, pruning, resumed)
    assert digest(model) == expected


@some_algorithms
def test_training_ends_without_hooks(name: str) -> None:
    model = zoo.train(zoo.make_model(name), callback=PruningCallback(make("dsp", 1.0)))
    for parameter in model.policy.parameters():
        assert not parameter._backward_hooks
        assert not parameter._post_accumulate_grad_hooks
