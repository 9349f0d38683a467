"""Tests for strategies/penalised.py; those of its hooks are in tests/penalties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import PPO

from sb3_prune import PruningCallback
from sb3_prune.compensation import fitting
from sb3_prune.exceptions import ConfigError
from sb3_prune.penalties import PENALTIES
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.strategies import (
    AgentView,
    PenalisedConfig,
    WeightConfig,
    WeightStrategy,
)


class Largest(WeightStrategy):
    """A strategy that is no gradual one."""

    name = "largest"

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        return weight.abs()


def hooks(model: Any) -> int:
    """Return the number of hooks on the weights of a model."""
    kinds = ("_backward_hooks", "_post_accumulate_grad_hooks")
    return sum(
        len(getattr(p, k) or {}) for p in model.policy.parameters() for k in kinds
    )


def test_every_strategy_with_events_may_have_a_penalty() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    strategy = Largest(
        WeightConfig(penalty="l1", networks=("mlp_extractor.value_net",))
    )
    assert strategy.penalty() is PENALTIES["l1"]
    layers = strategy.strengths(model.policy.wiring())
    assert {layer.network for layer in layers} == {"mlp_extractor.value_net"}
    strategy.attach(look_at(model, 0.0))
    once = hooks(model)
    strategy.attach(look_at(model, 0.0))
    assert hooks(model) == once > 0
    strategy.detach()
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"penalty": "dsp"}, False),
        ({"penalty": "dsp", "strength": 0.0}, None),
        ({"penalty": "dsp", "strength": 1e-7}, None),
        ({"penalty": "dsp", "strength": 0.0, "strengths": {"actor": 1e-3}}, False),
        ({"penalty": "l1", "compensate": True}, True),
        ({"compensate": False}, False),
    ],
)
def test_with_a_strong_penalty_cuts_are_plain_by_default(
    options: Any, expected: Any
) -> None:
    assert make_strategy("magnitude", options).compensates is expected


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True])
def test_small_ridges_let_a_penalty_and_fits_drive_weights_apart(
    small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of readers grow from cut to cut; with the ridges of fits they do not."""
    if small:
        monkeypatch.setattr(fitting, "RIDGES", tuple(10.0**n for n in range(-8, 0)))
    options = {"penalty": "dsp", "strength": 1e-2, "begin": 0.0, "end": 0.9}
    given = {**options, "final_sparsity": 0.9, "compensate": True}
    model = PPO(
        "MlpPolicy", "CartPole-v1", n_steps=128, n_epochs=10, seed=0, device="cpu"
    )
    model.learn(4_096, PruningCallback("magnitude", given))
    weights = [p for n, p in model.policy.named_parameters() if "policy_net.2.w" in n]
    assert bool(weights[0].detach().abs().max() > 1) == small


def test_networks_may_have_strengths_of_their_own() -> None:
    own = {"mlp_extractor": 0.5, "mlp_extractor.value_net": 0.0}
    strategy = Largest(WeightConfig(penalty="l1", strengths=own))
    layers = strategy.strengths(zoo.trained("PPO").policy.wiring())
    assert {(la.network, s) for la, s in layers.items()} == {
        ("mlp_extractor.policy_net", 0.5),
        ("mlp_extractor.value_net", 0.0),
    }


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"penalty": "l3"}, "penalty must be one of"),
        ({"strength": -1.0}, "strength must be finite"),
        (
            {"strengths": {"actor": float("nan")}},
            r"strengths\['actor'\] must be finite",
        ),
        ({"strengths": 3}, "strengths must map names"),
    ],
)
def test_bad_options(options: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        PenalisedConfig(**options)


def test_strengths_without_a_penalty_are_refused() -> None:
    with pytest.raises(ConfigError, match="have no effect without a penalty"):
        Largest(WeightConfig(strength=0.5))
