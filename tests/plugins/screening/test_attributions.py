"""Tests for attributions.py."""

from __future__ import annotations

import sys

import pytest
import torch
from sb3_prune_screening.attributions import integrated
from screening.made import window
from torch import nn

from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.screening.loss import batch_of, loss_terms
from sb3_prune.surgery.flow.quiet import quiet


@pytest.mark.parametrize("name", ["A2C", "PPO"])
def test_they_add_up_to_the_change_of_the_loss(name: str) -> None:
    """Of the critic, the units of one layer carry all that depends on observations."""
    found = window(name, nn.Tanh)
    batch, model = batch_of(found), found.model
    parts = integrated(found, ["mlp_extractor.policy_net"], points=64)
    others = integrated(found, ["mlp_extractor.value_net"], points=64)
    policy, critic = (list(each.values())[-1].sum(1) for each in (parts, others))
    with quiet(model.policy):
        there = loss_terms(model, batch)
        zeros = torch.zeros_like(batch.observations)  # type: ignore[arg-type]
        vars(batch)["observations"] = zeros
        change = there - loss_terms(model, batch)
    torch.testing.assert_close(policy + critic, change, rtol=1e-3, atol=1e-4)


def test_masks_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedPolicyError, match="MaskablePPO here has others"):
        integrated(window("MaskablePPO"))


def test_without_captum_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ConfigError, match=r"pip install 'sb3-prune\[saliency\]'"):
        integrated(window("A2C"))
