"""Tests for sb3_prune_dsp/l1.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from sb3_prune_dsp.l1 import L1, L1Config, large

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError
from sb3_prune.penalties import PENALTIES
from sb3_prune.pruning import look_at
from sb3_prune.surgery import masks_of

ACTOR = {"mlp_extractor.policy_net.0", "mlp_extractor.policy_net.3", "action_net"}


def weights(model: Any) -> dict[str, torch.Tensor]:
    found = model.policy.named_modules()
    return {n: m.weight.detach() for n, m in found if isinstance(m, torch.nn.Linear)}


def test_the_actor_alone_has_the_price_and_the_masks() -> None:
    strategy = L1()
    assert strategy.penalty() is PENALTIES["l1"]
    model = zoo.train(zoo.make_model("PPO"))
    masks = strategy.propose_masks(look_at(model, 1.0))
    assert {n for n in masks if "value" in n} == set()
    assert len(masks) == len(ACTOR)
    layers = strategy.strengths(model.policy.wiring())
    assert {la.network for la in layers} == {"mlp_extractor.policy_net"}


def test_a_threshold_is_one_whatever_the_share() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    strategy = L1(L1Config(threshold=0.1))
    before = weights(model)
    for path, mask in strategy.propose_masks(look_at(model, 1.0)).items():
        expected = before[path].abs() >= min(0.1, float(before[path].abs().max()))
        assert torch.equal(mask, expected)


def test_the_largest_weights_are_large_enough() -> None:
    weight = torch.tensor([[0.1, -0.3], [0.2, 0.3]])
    assert large(weight, 0.2).tolist() == [[False, True], [True, True]]
    assert large(weight, 1.0).tolist() == [[False, True], [False, True]]


@pytest.mark.slow
def test_a_price_makes_more_weights_small() -> None:
    """With a threshold, a larger strength leaves fewer weights."""
    left = []
    for strength in (0.0, 0.05):
        model = zoo.make_model("PPO")
        config = {"threshold": 0.05, "strength": strength, "end": 1.0}
        zoo.train(model, 512, callback=sp.PruningCallback("l1", config))
        left.append(sum(int(mask.sum()) for mask in masks_of(model).values()))
    assert left[1] < left[0]


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), float("inf")])
def test_bad_thresholds(threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        L1Config(threshold=threshold)
