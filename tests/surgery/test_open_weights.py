"""Tests for surgery/open_weights.py."""

from __future__ import annotations

import torch
import zoo

import sb3_prune as sp
from sb3_prune.surgery.open_weights import between_open

FIRST, SECOND = (f"mlp_extractor.policy_net.{k}" for k in (0, 2))


def test_rows_and_columns_of_closed_units() -> None:
    model = zoo.make_model("PPO")  # 4 inputs, 12 + 10 units, 2 outputs.
    wiring = sp.wire(model)
    sp.mask(model, {FIRST: sp.surgery.remove([1, 3], 12)})
    sp.mask(model, {SECOND: sp.surgery.remove([0], 10)})
    rows, columns = torch.ones(10, dtype=torch.bool), torch.ones(12, dtype=torch.bool)
    rows[0], columns[[1, 3]] = False, False
    modules = dict(model.policy.named_modules())
    assert torch.equal(between_open(modules[FIRST], wiring)[:, 0], columns)
    found = between_open(modules[SECOND], wiring)
    assert torch.equal(found, rows[:, None] & columns)
    assert torch.equal(between_open(modules["action_net"], wiring)[0], rows)
    assert bool(between_open(modules["value_net"], wiring).all())


def test_a_frozen_weight_may_be_a_buffer() -> None:
    model = zoo.make_model("PPO")
    frozen = torch.nn.Linear(4, 3)
    weight = frozen.weight.detach()
    del frozen.weight
    frozen.register_buffer("weight", weight)
    assert between_open(frozen, sp.wire(model)).shape == (3, 4)
