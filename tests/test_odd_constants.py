"""Constants that units say: they move into a bias of their reader, or are told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from extracted import A, extracted
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import folding, remove
from sb3_prune.surgery.comparison import moved, outputs


def cut_constants(model: Any, count: int = 3) -> tuple[float, str | None]:
    """Make units of ``a`` say 1, cut them; return how far outputs moved, and why."""
    a = model.policy.features_extractor.a
    with torch.no_grad():
        a.weight[:count], a.bias[:count] = 0.0, 1.0
    before = outputs(model.policy)
    report = sp.apply(model, {A: remove(range(count), 12)})
    far = max(moved(before, outputs(model.policy)).values())
    return far, report.unfolded.get(A)


def plain(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).relu())


def by_addmm(net: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.addmm(net.b.bias, net.a(x).relu(), net.b.weight.t())


@pytest.mark.parametrize("run", [plain, by_addmm])
def test_constants_move_into_the_bias(run: Any) -> None:
    assert cut_constants(extracted(run)) == (pytest.approx(0.0, abs=1e-6), None)


def scaled_addmm(net: Any, x: torch.Tensor) -> torch.Tensor:
    weight = net.b.weight.t()
    return torch.addmm(net.b.bias, net.a(x).relu(), weight, beta=0.5, alpha=2.0)


def bias_added_again(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x).tanh() + net.b.bias


def bias_multiplied(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x) * net.b.bias.exp()


def bias_of_both(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x) + net.c(x).relu()


def bias_of_two_readers(net: Any, x: torch.Tensor) -> torch.Tensor:
    h = net.a(x).relu()
    return net.b(h) + net.d(h).tanh()


def without_bias_too(net: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(net, x) + (net.a(x).relu() @ net.b.weight.t()).relu()


def share_with_c(net: Any) -> None:
    net.c = nn.Linear(4, 8)
    net.c.bias = net.b.bias


def share_with_d(net: Any) -> None:
    net.d = nn.Linear(12, 8)
    net.d.bias = net.b.bias


SHARING = {bias_of_both: share_with_c, bias_of_two_readers: share_with_d}


ELSEWHERE = "a reader's bias is used elsewhere, too"
TOLD = {
    scaled_addmm: "addmm scales what it adds",
    bias_added_again: ELSEWHERE,
    bias_multiplied: ELSEWHERE,
    bias_of_both: ELSEWHERE,
    bias_of_two_readers: ELSEWHERE,
    without_bias_too: "a reader has no bias",
}


@pytest.mark.parametrize("run", TOLD)
def test_a_bias_that_does_more_takes_no_constant(run: Any) -> None:
    model = extracted(run, SHARING.get(run))
    bias = model.policy.features_extractor.b.bias.detach().clone()
    far, why = cut_constants(model)
    assert far > 1e-5 and why == TOLD[run]
    kept = torch.equal(model.policy.features_extractor.b.bias, bias)
    assert kept or run is without_bias_too


def test_what_folding_does_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, read: Any, *args: Any) -> None:
        self.tensors[read.bias] = self._current(read.bias) + 0.3

    model = extracted(plain)
    bias = model.policy.features_extractor.b.bias.detach().clone()
    monkeypatch.setattr(folding.Folding, "_add", wrong)
    _, why = cut_constants(model)
    assert why == "folding them would change outputs of the policy"
    assert torch.equal(model.policy.features_extractor.b.bias, bias)
