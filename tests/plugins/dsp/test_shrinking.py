"""Tests for sb3_prune_dsp/shrinking.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from sb3_prune_dsp.shrinking import shrink, widths

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import mask_weights, masks_of, wire

ACTOR = [f"mlp_extractor.policy_net.{k}" for k in (0, 2)]


def test_widths_by_hand() -> None:
    """4 inputs, 12 + 10 units: 24 of 48 weights are left, then 17 of 120."""
    model = zoo.make_model("PPO")
    masks = [torch.zeros(12 * 4), torch.zeros(10 * 12)]
    masks[0][:24], masks[1][:17] = 1.0, 1.0
    shaped = [masks[0].view(12, 4), masks[1].view(10, 12)]
    mask_weights(model, dict(zip(ACTOR, shaped, strict=True)))
    layers = wire(model)
    # 24 / 4 = 6 units, and 17 / 6 rounded up.
    assert widths([layers[name] for name in ACTOR]) == [6, 3]


def test_a_dense_net_of_these_widths_is_left() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    paths = [n for n in map(str, wire(model)) if "policy_net" in n]
    assert not shrink(model, ["mlp_extractor.policy_net"])
    first = model.policy.mlp_extractor.policy_net[0]
    mask = torch.zeros_like(first.weight)
    mask[:, :2] = 1.0
    mask_weights(model, {paths[0]: mask})
    assert shrink(model, ["mlp_extractor.policy_net"])
    # 24 of 48 weights are left, and all 120 of the next layer: at most its 10 units.
    assert [wire(model).units()[n] for n in paths] == [6, 10]
    assert not masks_of(model)


def test_no_chain_is_refused() -> None:
    model = zoo.make_model("RecurrentPPO")
    with pytest.raises(UnsupportedPolicyError, match="lstm_actor"):
        shrink(model, ["lstm_actor"])
