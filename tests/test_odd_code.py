"""Code that depends on the number of units: cut right, or refused by a trial."""

from __future__ import annotations

from types import MethodType
from typing import Any

import pytest
import torch
import zoo
from extracted import A, assert_refused, extracted, without_dead
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnsupportedPolicyError
from sb3_prune.surgery import keep, remove, trial

# Shares of a width.


def halves(net: Any, x: torch.Tensor) -> torch.Tensor:
    a, b = net.a(x).chunk(2, -1)
    return net.b(torch.cat([a.relu(), b.tanh()], -1))


def thirds(net: Any, x: torch.Tensor) -> torch.Tensor:
    h = net.a(x)
    k = h.shape[-1] // 3
    return net.b(torch.cat([h[:, :k].relu(), h[:, k:].tanh()], -1))


def first_share(net: Any, x: torch.Tensor) -> torch.Tensor:
    h = net.a(x).tanh()
    return net.b(
        torch.cat([h[:, : h.shape[-1] // 2] * 0.5, h[:, h.shape[-1] // 2 :]], -1)
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", [halves, thirds, first_share])
@pytest.mark.parametrize("which", [["a[0]"], ["a[1]"], ["a[0]", "a[1]"]])
def test_code_that_takes_shares_of_a_width_is_refused(run: Any, which: Any) -> None:
    """Equal cuts would pass."""
    model = extracted(run)
    names = {f"features_extractor.{name}" for name in which}
    with pytest.raises(UnsupportedPolicyError, match=r"refuses 'features_extractor.a"):
        trial.require_trial(model.policy, names)


def test_halves_of_few_units_are_refused_too() -> None:
    def build(net: Any) -> None:
        net.a, net.b = nn.Linear(4, 4), nn.Linear(4, 8)

    assert_refused(
        extracted(halves, build), UnsupportedPolicyError, "refuses", f"{A}[0]"
    )


def test_halves_that_gate_each_other_are_one_group() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        value, gate = net.a(x).chunk(2, -1)
        return net.b(value * gate.sigmoid())

    def build(net: Any) -> None:
        net.b = nn.Linear(6, 8)

    for gone in (1, 2, 3, 5):
        model = extracted(run, build)
        assert without_dead(model, a=gone) < 1e-6
        assert model.policy.features_extractor.a.out_features == 12 - 2 * gone


# Branches that say nothing yet.


def by_place(h: torch.Tensor) -> torch.Tensor:
    return h * torch.linspace(0.1, 3, h.shape[-1])


def by_scalar(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.skip(x) + net.alpha * net.b(by_place(net.a(x).relu()))


def by_weight(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.skip(x) + net.b(by_place(net.a(x).relu()))


def scaled(shape: tuple[int, ...]) -> Any:
    def build(net: Any) -> None:
        net.skip, net.alpha = nn.Linear(4, 8), nn.Parameter(torch.zeros(shape))

    return build


def zeroed(part: int) -> Any:
    def build(net: Any) -> None:
        net.skip = nn.Linear(4, 8)
        net.b.weight.data[:part] = 0.0

    return build


SILENT = {
    "a scalar": (by_scalar, scaled(())),
    "a vector": (by_scalar, scaled((8,))),
    "a row": (by_scalar, scaled((1, 8))),
    "a weight": (by_weight, zeroed(8)),
}


@pytest.mark.parametrize("kind", SILENT)
def test_a_branch_times_zero_is_tried(kind: str) -> None:
    assert_refused(extracted(*SILENT[kind]), UnsupportedPolicyError, f"refuses '{A}'")


# What patches objects.


def test_a_stock_network_with_another_forward_is_tried() -> None:
    model = zoo.make_model("PPO", stock=True)
    net: Any = model.policy.mlp_extractor.policy_net

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self[2](by_place(self[0](x).tanh())).tanh()

    net.forward = MethodType(forward, net)
    assert not trial.is_known(model.policy)
    name = "mlp_extractor.policy_net.0"
    with pytest.raises(UnsupportedPolicyError, match="A trial cut refuses"):
        sp.apply(model, {name: remove([0], 12)})


def test_an_optimiser_is_refused_by_itself_and_not_by_a_trial() -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.b(net.a(x).relu())

    model = extracted(run, optimizer_class=torch.optim.Adafactor)
    model.learn(32)
    with pytest.raises(PlanError, match=r"^The optimiser 'optimizer' \(Adafactor\)"):
        sp.apply(model, {A: keep(range(6), 12)})
