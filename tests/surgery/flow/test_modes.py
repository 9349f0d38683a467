"""Tests for surgery/flow/modes.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import torch
import zoo

import sb3_prune as sp
from sb3_prune.surgery.flow.modes import usual_modes

MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "inference": torch.inference_mode,
    "autocast": partial(torch.autocast, "cpu", torch.bfloat16),
}


def test_modes_are_left_and_come_back() -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        with usual_modes():
            made = torch.ones(2, 2) @ torch.ones(2, 2)
        assert made.dtype is torch.float32 and not made.is_inference()
        assert torch.is_inference_mode_enabled() and torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("stock", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strategy", ["magnitude", "reconstruct", "clusters", "gmp"])
def test_pruning_in_a_mode_equals_pruning_outside(
    strategy: str, mode: str, stock: bool
) -> None:
    options = {"tau": 0.9} if strategy == "clusters" else {"final_sparsity": 0.5}
    plain, other = (zoo.make_model("PPO", stock=stock) for _ in range(2))
    sp.prune(plain, strategy, options, env=plain.get_env(), episodes=2)
    with MODES[mode]():
        sp.prune(other, strategy, options, env=other.get_env(), episodes=2)
    assert not any(p.is_inference() for p in other.policy.parameters())
    zoo.assert_same(zoo.snapshot(other.policy), zoo.snapshot(plain.policy))
    zoo.train(other)


@pytest.mark.parametrize("mode", MODES)
def test_surgery_in_a_mode(mode: str) -> None:
    model = zoo.make_model("SAC")
    with MODES[mode]():
        name, units = next(iter(sp.wire(model).units().items()))
        sp.apply(model, {name: sp.remove([0], units)})
    zoo.train(model)
    assert {p.dtype for p in model.policy.parameters()} == {torch.float32}
