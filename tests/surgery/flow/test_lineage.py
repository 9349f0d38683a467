"""Tests for surgery/flow/lineage.py: every hidden layer that stays says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import sb3_prune as sp
from surgery.flow.tiny import Net, TinyPolicy, matrix

Run = Callable[[Any, torch.Tensor], torch.Tensor]


def made(step: Run) -> Run:
    """Return a network that calls a step between two layers."""
    return lambda n, x: n.b(step(n, n.a(x)).relu())


def mapped(n: Any, h: torch.Tensor) -> torch.Tensor:
    return torch.vmap(lambda w: h @ w)(n.w.expand(3, 8, 8)).mean(0)


def mapped_twice(n: Any, h: torch.Tensor) -> torch.Tensor:
    inner = torch.vmap(lambda w, v: v @ w, (None, 0))
    return torch.vmap(inner, (0, None))(n.w[None], h)[0]


def attended(n: Any, h: torch.Tensor) -> torch.Tensor:
    return n.part(*[h.unsqueeze(1)] * 3)[0][:, 0]


VMAP = "a transform of torch, such as vmap"
MHA = "no rule for multi_head_attention_forward"
LAYERS: dict[str, tuple[Run, Any, dict[str, str]]] = {
    "einsum": (
        lambda n, h: torch.einsum("...i,...io->...o", h, n.w),
        None,
        {"a": "no rule for einsum", "w": "no rule for einsum"},
    ),
    "tensordot": (
        lambda n, h: torch.tensordot(h, n.w, 1),
        None,
        {"a": "no rule for tensordot", "w": "no rule for tensordot"},
    ),
    "vmap": (mapped, None, {"w": VMAP}),
    "bilinear": (
        lambda n, h: n.part(h, h),
        lambda: nn.Bilinear(8, 8, 8),
        {"a": "no rule for bilinear", "part": "no rule for bilinear"},
    ),
    "normalised": (
        lambda n, h: functional.linear(h, functional.normalize(n.w)),
        None,
        {"a": "no rule for normalize", "w": "no rule for normalize"},
    ),
    "attention": (
        attended,
        lambda: nn.MultiheadAttention(8, 2, batch_first=True),
        {"a": MHA, "part.in_proj_weight": MHA, "part.out_proj": MHA},
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_an_operation_without_a_rule_is_listed(name: str) -> None:
    step, part, expected = LAYERS[name]
    parts = {"part": part()} if part else {"w": matrix(8, 8)}
    net = Net(made(step), a=nn.Linear(5, 8), b=nn.Linear(8, 4), **parts)
    wiring = sp.wire(TinyPolicy(net))
    assert {f"net.{n}": why for n, why in expected.items()}.items() <= (
        wiring.fixed.items()
    )
    assert {"net.a", "net.b"} <= wiring.keys() | wiring.fixed.keys()


def test_what_returns_outputs_of_the_agent_is_not_listed() -> None:
    net = Net(lambda n, x: torch.tensordot(x, n.w, 1), w=matrix(5, 4))
    policy = TinyPolicy(net)
    policy.head = nn.Identity()
    assert not sp.wire(policy) and not sp.wire(policy).fixed


def test_only_what_a_transform_hides_is_fixed_by_it() -> None:
    net = Net(made(mapped), a=nn.Linear(5, 8), b=nn.Linear(8, 4), w=matrix(8, 8))
    wiring = sp.wire(TinyPolicy(net))
    assert wiring.fixed["net.w"] == VMAP and "net.b" in wiring


def test_a_transform_in_a_transform_is_seen() -> None:
    net = Net(made(mapped_twice), a=nn.Linear(5, 8), b=nn.Linear(8, 4), w=matrix(8, 8))
    assert not any(
        "no forward" in why for why in sp.wire(TinyPolicy(net)).fixed.values()
    )
