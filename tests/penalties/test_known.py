"""Tests for known.py."""

from __future__ import annotations

import pytest
import torch

from sb3_prune.penalties import PENALTIES, Penalty, PerUnit

W = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-1.0, 2.0]])
"""Weights into three units."""
V = torch.tensor([[1.0, -2.0, 2.0], [5.0, 0.0, 0.0], [0.0, 1.0, -1.0]])
"""Weights out of them."""
BY_HAND = {
    "dsp": (25 * 9 + 0 + 5 * 2, 2 * W * torch.tensor([[9.0], [25.0], [2.0]])),
    "group-lasso": (5 + 5**0.5, W / torch.tensor([[5.0], [1.0], [5**0.5]])),
    "l1": (4 * 2 + 2 + 5 + 5 + 2, W.sign()),
}
"""The value, and the gradient at the incoming weights."""
OUTGOING = {"dsp": 2 * V * torch.tensor([[25.0], [0.0], [5.0]]), "l1": V.sign()}


def gradients(name: str, *weights: torch.Tensor) -> list[torch.Tensor | None]:
    """Return gradients in the shape of the weights."""
    found = PENALTIES[name].gradients(*weights)
    return [
        w * g.factors * g.times if isinstance(g, PerUnit) else g
        for w, g in zip(weights, found, strict=True)
    ]


@pytest.mark.parametrize("name", PENALTIES)
def test_values_and_gradients_are_those_computed_by_hand(name: str) -> None:
    value, incoming = BY_HAND[name]
    assert float(PENALTIES[name].value(W, V)) == pytest.approx(value)
    found = gradients(name, W, V)
    assert found[0] is not None
    torch.testing.assert_close(found[0], incoming)
    if name in OUTGOING:
        assert found[1] is not None
        torch.testing.assert_close(found[1], OUTGOING[name])
    else:
        assert found[1] is None


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("strided", [False, True])
def test_closed_forms_are_the_gradients_of_autograd(name: str, strided: bool) -> None:
    torch.manual_seed(1)
    weights = [torch.randn(7, n, dtype=torch.float64) for n in (5, 4)]
    weights[0][2] = weights[1][3] = 0.0  # There, nothing pulls.
    if strided:
        weights = [w.t().contiguous().t() for w in weights]
    found = gradients(name, *weights)
    expected = Penalty.gradients(PENALTIES[name], *weights)
    for gradient, true in zip(found, expected, strict=True):
        assert (gradient is None) == (true is None)
        if gradient is not None and true is not None:
            torch.testing.assert_close(gradient, true)


@pytest.mark.parametrize("name", PENALTIES)
def test_weights_stay_as_they_are(name: str) -> None:
    before = W.clone(), V.clone()
    PENALTIES[name].gradients(W, V)
    assert torch.equal(W, before[0]) and torch.equal(V, before[1])
