"""Tests for surgery/flow/lineage.py: every hidden layer that stays says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
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


def test_a_layer_that_is_written_into_a_part_of_a_tensor_is_listed() -> None:
    def run(n: Any, x: torch.Tensor) -> torch.Tensor:
        z = x.new_zeros(len(x), 16)
        z[:, :8], z[:, 8:] = n.a(x).relu(), n.c(x).relu()
        return n.b(z)

    net = Net(run, a=nn.Linear(5, 8), c=nn.Linear(5, 8), b=nn.Linear(16, 4))
    fixed = sp.wire(TinyPolicy(net)).fixed
    assert {"net.a", "net.c"} <= fixed.keys()
    assert fixed["net.a"] == "no rule for setitem"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_layer_behind_scripted_code_is_listed() -> None:
    gate = torch.jit.script(nn.Sequential(nn.ReLU(), nn.Hardtanh()))
    net = Net(
        lambda n, x: n.b(n.gate(n.a(x))),
        a=nn.Linear(5, 8),
        b=nn.Linear(8, 4),
        gate=gate,
    )
    assert "net.a" in sp.wire(TinyPolicy(net)).fixed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_network_is_listed_and_the_rest_is_pruned() -> None:
    class Scripted(BaseFeaturesExtractor):
        """An extractor whose code torch hides."""

        def __init__(self, space: Any) -> None:
            super().__init__(space, 16)
            net = nn.Sequential(nn.Linear(4, 24), nn.ReLU())
            self.net = torch.jit.script(net.append(nn.Linear(24, 16)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)

    kwargs = {"features_extractor_class": Scripted}
    model = zoo.make_model("PPO", policy_kwargs=kwargs)
    wiring = sp.wire(model)
    assert wiring.fixed["features_extractor.net"].startswith("torch.jit.script hides")
    before = wiring.units()
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    assert sp.complexity(model).units < sum(before.values())
    zoo.train(model)
