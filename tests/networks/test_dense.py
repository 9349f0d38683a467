"""Tests for networks/dense.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks.dense import DenseBlock, LiveLayerNorm, dense_net

WEIGHTS = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
OPEN = [0, 2, 3, 5]


def scrambled(module: nn.Module) -> Any:
    """Draw every vector of a module, in double precision."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 1:
            tensor.data = torch.rand(tensor.shape) + 0.5
    return module.double()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# Layer normalisation over what is alive.


def test_with_all_units_open_it_is_layer_normalisation_bit_for_bit() -> None:
    norm, stock = LiveLayerNorm(6), nn.LayerNorm(6)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-1, 1)
    stock.load_state_dict(norm.state_dict())
    hidden = torch.randn(9, 6)
    assert torch.equal(norm(hidden), stock(hidden))
    ones = torch.ones(6)
    torch.testing.assert_close(norm(hidden, ones), stock(hidden), atol=1e-6, rtol=0)


def test_closed_units_do_not_count() -> None:
    norm, survivors = scrambled(LiveLayerNorm(6)), nn.LayerNorm(4).double()
    with torch.no_grad():
        survivors.weight.copy_(norm.weight[OPEN])
        survivors.bias.copy_(norm.bias[OPEN])
    hidden = torch.randn(9, 6).double()
    found = norm(hidden, WEIGHTS.double())[:, OPEN]
    torch.testing.assert_close(found, survivors(hidden[:, OPEN]))


def test_units_count_by_their_weights() -> None:
    norm = LiveLayerNorm(6).double()
    hidden, weights = torch.randn(4, 6).double(), torch.rand(6).double()
    mean = (hidden * weights).sum(1, keepdim=True) / weights.sum()
    variance = (weights * (hidden - mean) ** 2).sum(1, keepdim=True) / weights.sum()
    expected = (hidden - mean) / (variance + norm.eps).sqrt()
    torch.testing.assert_close(norm(hidden, weights), expected)


def test_a_layer_with_no_unit_left_is_finite() -> None:
    assert bool(LiveLayerNorm(6)(torch.randn(4, 6), torch.zeros(6)).isfinite().all())


def test_its_gradient_is_that_of_finite_differences() -> None:
    norm = scrambled(LiveLayerNorm(6))
    hidden = torch.randn(3, 6).double().requires_grad_()
    torch.autograd.gradcheck(lambda x: norm(x, WEIGHTS.double()), (hidden,))


# The block.


def by_hand(block: DenseBlock, inputs: torch.Tensor) -> torch.Tensor:
    """Compute z_l = [V z; a(norm(W z + b))] unit by unit."""
    units = [(inputs * row).sum(1) for row in block.weight]
    hidden = torch.stack(units, dim=1) + block.bias
    norm = block.norm
    if isinstance(norm, nn.BatchNorm1d):
        assert norm.running_mean is not None and norm.running_var is not None
        centred = (hidden - norm.running_mean) / (norm.running_var + 1e-3).sqrt()
        hidden = centred * norm.weight + norm.bias
    elif isinstance(norm, LiveLayerNorm):
        mean, variance = hidden.mean(1)[:, None], hidden.var(1, correction=0)[:, None]
        centred = (hidden - mean) / (variance + 1e-5).sqrt()
        hidden = centred * norm.weight + norm.bias
    silu = isinstance(block.activation, nn.SiLU)
    new = hidden * torch.sigmoid(hidden) if silu else torch.tanh(hidden)
    return torch.cat([inputs * block.scale, new], dim=1)


@pytest.mark.parametrize("activation", ["silu", "tanh"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_block_is_the_equation(norm: Any, activation: Any) -> None:
    block = scrambled(DenseBlock(5, 6, norm, activation)).eval()
    inputs = torch.randn(8, 5).double()
    torch.testing.assert_close(block(inputs), by_hand(block, inputs))
    assert block.width == block(inputs).shape[1] == 11


def test_in_training_batch_normalisation_uses_the_batch() -> None:
    block = scrambled(DenseBlock(5, 6, "batch")).train()
    inputs = torch.randn(8, 5).double()
    hidden = nn.functional.linear(inputs, block.weight, block.bias)
    deviation = (hidden.var(0, correction=0) + 1e-3).sqrt()
    normal = (hidden - hidden.mean(0)) / deviation * block.norm.weight + block.norm.bias
    new = normal * torch.sigmoid(normal)
    torch.testing.assert_close(block(inputs)[:, 5:], new)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_bias_that_the_batch_takes_away_again_takes_no_step(norm: Any) -> None:
    """Its gradient is rounding, which Adam would make as large as any step."""
    block = DenseBlock(5, 6, norm).train()
    with torch.no_grad():
        block.bias.uniform_(-1, 1)
    before = block.bias.detach().clone()
    adam = torch.optim.Adam(block.parameters(), lr=0.1)
    for _ in range(5):
        adam.zero_grad()
        block(torch.randn(8, 5)).square().sum().backward()
        adam.step()
    assert torch.equal(block.bias, before) == (norm == "batch")
    assert adam.state[block.bias]["exp_avg"].shape == (6,)


def test_the_gate_multiplies_new_units_only() -> None:
    block = DenseBlock(5, 6, "none").eval()
    inputs = torch.randn(8, 5)
    before = block(inputs)
    block.gate.close([1, 4], like=block.bias)
    gated = block(inputs)
    assert not gated[:, [6, 9]].any()
    others = [k for k in range(11) if k not in (6, 9)]
    assert torch.equal(gated[:, others], before[:, others])


def test_units_that_are_closed_leave_normalised_layers() -> None:
    block = scrambled(DenseBlock(5, 6, "layer")).eval()
    block.gate.close([1, 4], like=block.bias)
    alive = DenseBlock(5, 4, "layer").double().eval()
    with torch.no_grad():
        for whole, part in (
            (block.weight, alive.weight),
            (block.bias, alive.bias),
            (block.norm.weight, alive.norm.weight),
            (block.norm.bias, alive.norm.bias),
        ):
            part.copy_(whole[OPEN])
        alive.scale.copy_(block.scale)
    inputs = torch.randn(8, 5).double()
    kept = [*range(5), *(5 + k for k in OPEN)]
    torch.testing.assert_close(block(inputs)[:, kept], alive(inputs))


# How it starts.


def test_it_starts_as_the_original_does() -> None:
    """With Keras' defaults: Glorot, zeros, momentum 0.99, epsilon 0.001."""
    block = DenseBlock(40, 60, "batch")
    bound, weight = (6 / (40 + 60)) ** 0.5, block.weight.detach()
    assert bound * 0.98 < float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not block.bias.any()
    assert isinstance(block.norm, nn.BatchNorm1d)
    assert (block.norm.momentum, block.norm.eps) == (0.01, 1e-3)
    assert isinstance(block.activation, nn.SiLU)


def test_drawing_anew_starts_from_the_beginning() -> None:
    block = DenseBlock(3, 4)
    with torch.no_grad():
        block.scale.fill_(2.0)
        block.bias.fill_(2.0)
    block.reset_parameters()
    assert bool((block.scale == 1).all())
    assert bool((block.bias == 0).all())
    assert float(block.weight.detach().abs().max()) <= (6 / 7) ** 0.5


def test_what_was_there_passes_unchanged_at_first() -> None:
    block = DenseBlock(5, 6)
    inputs = torch.randn(8, 5)
    assert bool((block.scale == 1).all())
    assert torch.equal(block(inputs)[:, :5], inputs)
    assert not list(block.gate.state_dict())


@pytest.mark.parametrize("activation", ["silu", "tanh"])
def test_activations_are_zero_at_zero_and_twice_differentiable(activation: Any) -> None:
    function = DenseBlock(1, 1, "none", activation).activation
    assert function(torch.zeros(1)) == 0
    places = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradgradcheck(function, (places,))


def test_a_net_grows_by_its_blocks() -> None:
    net = dense_net(5, 6, 3)
    assert [len(block.scale) for block in net] == [5, 11, 17]  # type: ignore[arg-type]
    assert net(torch.randn(8, 5)).shape == (8, 5 + 3 * 6)


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"norm": "group"}, "norm.*'group'"),
        ({"activation": "relu"}, "silu, tanh.*relu"),
    ],
)
def test_what_does_not_exist_is_named(option: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        DenseBlock(5, 6, **option)
