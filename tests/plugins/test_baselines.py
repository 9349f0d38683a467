"""Tests for the plug-in sb3_prune_baselines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sb3_prune_baselines import (
    Magnitude,
    MagnitudeConfig,
    RandomPruning,
    register_strategies,
)
from zoo import ALGORITHMS, make_model, train

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import recent_activations
from sb3_prune.strategies import AgentView, GradualConfig, Strategy
from sb3_prune.surgery import apply, wire

MEASURES = ["incoming", "outgoing", "product", "activation"]


def look(model: object, seed: int = 0) -> AgentView:
    wiring = wire(model.policy)  # type: ignore[attr-defined]
    return AgentView(
        model=model,  # type: ignore[arg-type]
        wiring=wiring,
        initial_units=wiring.units(),
        progress=1.0,
        rng=np.random.default_rng(seed),
        activations=lambda: recent_activations(model),  # type: ignore[arg-type]
    )


def test_all_are_registered() -> None:
    found: list[type] = []
    register_strategies(found.append)
    assert [cls.name for cls in found] == ["gmp", "magnitude", "random"]
    for cls in found:
        assert issubclass(cls, Strategy)
        assert cls.reference
        cls(cls.Config())


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("strategy", [Magnitude, RandomPruning])
def test_they_prune_every_algorithm(name: str, strategy: type[Strategy]) -> None:
    model = make_model(name)
    apply(model, strategy().propose(look(model)))
    assert set(wire(model.policy).units().values()) == {2}  # 20 % of 12 and of 10
    train(model)


@pytest.mark.parametrize("measure", MEASURES)
def test_units_that_do_nothing_go_first(measure: str) -> None:
    model = train(make_model("PPO"))  # its units are tanh: none dies by itself
    dead = [0, 5, 7]
    layers = wire(model.policy)
    with torch.no_grad():
        for layer in layers.values():
            layer.module.weight[dead] = 0.0
            layer.module.bias[dead] = 0.0
            for slot in layer.readers:
                getattr(slot.owner, slot.attribute)[:, dead] = 0.0
    config = MagnitudeConfig(final_sparsity=0.3, score=measure)  # type: ignore[arg-type]
    for change in Magnitude(config).propose(look(model)).values():
        assert set(dead) <= set(change.removed.tolist())


def test_random_pruning_repeats_with_the_seed() -> None:
    model = make_model("PPO")

    def units(seed: int) -> list[list[int]]:
        plan = RandomPruning(GradualConfig(final_sparsity=0.5)).propose(
            look(model, seed)
        )
        return [change.selection.tolist() for change in plan.values()]

    assert units(1) == units(1)
    assert units(1) != units(2)


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"score must be one of activation.*'norm'"):
        MagnitudeConfig(score="norm")  # type: ignore[arg-type]
