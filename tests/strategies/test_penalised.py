"""Tests for strategies/penalised.py; those of its hooks are in tests/penalties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo

from sb3_prune.exceptions import ConfigError
from sb3_prune.penalties import PENALTIES
from sb3_prune.pruning import look_at
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
