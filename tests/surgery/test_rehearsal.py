"""Tests for surgery/rehearsal.py: training is run before and after a cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import remove, trial
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.rehearsal import Rehearsal
from surgery.flow.tiny import Net, TinyPolicy

GONE = remove([0, 3, 4], 8)
Run = Callable[[Any, torch.Tensor], torch.Tensor]


def policy_of(run: Run, **parts: Any) -> TinyPolicy:
    return TinyPolicy(Net(run, a=nn.Linear(5, 8), b=nn.Linear(8, 4), **parts))


def plain(n: Net, x: torch.Tensor) -> torch.Tensor:
    return n.b(n.a(x).relu())


def rehearsed(policy: nn.Module, *, kills: bool = True) -> dict[str, float]:
    """Cut a layer and return how far moved what training does."""
    if kills:
        trial.kill(sp.wire(policy)["net.a"], GONE.removed)
    plan = {"net.a": GONE}
    rehearsal = Rehearsal(policy, plan)
    carry_out(policy, plan, folds=False, follows=False)
    return rehearsal.moved()


def test_outputs_and_gradients_are_compared() -> None:
    moved = rehearsed(policy_of(plain))
    gradients = {
        f"the gradient of 'net.{p}.{t}'" for p in "ab" for t in ("weight", "bias")
    }
    gradients |= {f"the gradient of 'head.{t}'" for t in ("weight", "bias")}
    expected = {"the output of '_predict'", *gradients}
    assert set(moved) == {f"{what} in training mode" for what in expected}
    assert max(moved.values()) < 1e-6


def test_live_units_move_them() -> None:
    moved = rehearsed(policy_of(plain), kills=False)
    assert min(moved.values()) > 0 or max(moved.values()) > 1e-3


def test_what_modules_keep_is_compared() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        h = n.a(x).relu()
        n.hidden, n.loss = h, h.sum()
        if n.training:
            n.mean.add_(h.detach().mean(0))
        return n.b(h)

    policy = policy_of(run)
    policy.net.register_buffer("mean", torch.zeros(8))
    moved = rehearsed(policy)
    kept = {what for what in moved if not what.startswith("the")}
    names = ("net.mean", "net.loss[0]")
    assert kept == {f"'{name}' in training mode" for name in names}
    assert max(moved.values()) < 1e-6


def test_a_gradient_that_is_no_number_tells_nothing() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        h = n.a(x).relu()
        n.loss = h.square().sum(0).sqrt().sum()
        return n.b(h)

    assert max(rehearsed(policy_of(run)).values()) < 1e-5


def test_draws_are_run_with_two_levels() -> None:
    runs: list[torch.Tensor] = []

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        if n.training:
            runs.append(torch.rand(()))
        return plain(n, x)

    policy = policy_of(run)
    sp.wire(policy)
    runs.clear()
    rehearsed(policy)
    assert len({float(level) for level in runs}) == 2


@pytest.mark.parametrize("after", [False, True])
def test_a_forward_that_fails_in_training_is_named(after: bool) -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        h = n.a(x).relu()
        if n.training and h.shape[1] == (5 if after else 8):
            raise RuntimeError("no")
        return n.b(h)

    why = "'_predict' in training mode: RuntimeError: no"
    with pytest.raises(UnsupportedPolicyError, match=why):
        rehearsed(policy_of(run))


def test_gradients_that_never_were_are_not_missed() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return plain(n, x)

    policy = policy_of(run)
    policy.head.requires_grad_(False)
    assert set(rehearsed(policy)) == {"the output of '_predict' in training mode"}
