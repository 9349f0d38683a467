"""Gate trials: test the gates of a policy that contains modules of the user.

Two properties are tested. An open gate must not change any output
(:class:`OpenTrial`). Closing a gate must have the same effect as removing the units
(:func:`leaks`). A user's network can violate both: it may index the Sequential in which
a gate has shifted the positions, or read units before they have passed the gate.

Each test is repeated with noise added to all weights, because a weight of zero can hide
a path of the units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from sb3_prune.surgery.change import NO_NOISE
from sb3_prune.surgery.comparison import outputs
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer
from sb3_prune.surgery.trial import TOLERANCE

Said = list[tuple[str, torch.Tensor]] | None
"""Outputs of a policy by the name of the forward; None if a forward raises."""


class OpenTrial:
    """Test whether gates leave the outputs of a policy unchanged, bit for bit.

    Args:
        policy: The policy before its gates are inserted; its outputs are recorded.
    """

    def __init__(self, policy: nn.Module) -> None:
        self._policy = policy
        self._before = self._both()

    def passes(self) -> bool:
        """Tell whether the outputs still equal the recorded ones."""
        return all(map(_alike, self._before, self._both()))

    def _both(self) -> tuple[Said, Said]:
        plain = _said(self._policy)
        with _writable(self._policy):
            _stir(self._policy)
            return plain, _said(self._policy)


def leaks(policy: nn.Module, layers: Sequence[HiddenLayer]) -> bool:
    """Tell whether units of some layers bypass their gates.

    If none do, closing gates gives the same outputs as setting all weights that read
    the closed units to zero.

    Args:
        policy: The policy; it is not changed.
        layers: Layers with open gates, including those of target networks.
    """
    return any(_leaks(policy, layers, stirred) for stirred in (False, True))


def _leaks(policy: nn.Module, layers: Sequence[HiddenLayer], stirred: bool) -> bool:
    with _writable(policy):
        if stirred:
            _stir(policy)
        with _closed(layers):
            closed = _said(policy)
        for layer in layers:
            _silence(layer)
        return not _alike(closed, _said(policy), TOLERANCE)


def _said(policy: nn.Module) -> Said:
    try:
        return outputs(policy)
    except Exception:
        return None


def _alike(before: Said, after: Said, tolerance: float = 0.0) -> bool:
    """Tell whether outputs are equal; the tolerance is a share of the largest entry."""
    if before is None or after is None:
        return before is after
    if [(n, t.shape) for n, t in before] != [(n, t.shape) for n, t in after]:
        return False
    return all(
        torch.allclose(x, y, 0.0, tolerance * _largest(x), equal_nan=True)
        for (_, x), (_, y) in zip(before, after, strict=True)
    )


def _largest(tensor: torch.Tensor) -> float:
    finite = tensor[tensor.isfinite()].abs()
    return max(1.0, float(finite.max())) if len(finite) else 1.0


@contextmanager
def _writable(policy: nn.Module) -> Iterator[None]:
    """Restore the data of all tensors of a policy when the block ends."""
    kept = [(t, t.data) for t in (*policy.parameters(), *policy.buffers())]
    try:
        for tensor, data in kept:
            tensor.data = data.clone()
        yield
    finally:
        for tensor, data in kept:
            tensor.data = data


def _stir(policy: nn.Module) -> None:
    """Add noise to all tensors; variances stay positive and activations moderate."""
    generator = torch.Generator().manual_seed(0)
    for tensor in (*policy.parameters(), *policy.buffers()):
        if not tensor.is_floating_point():
            continue
        if tensor.ndim < MATRIX:
            noise = torch.rand(tensor.shape, generator=generator) * 0.3 + 0.1
        else:
            noise = torch.randn(tensor.shape, generator=generator)
            noise /= max(1.0, tensor[:1].numel() ** 0.5)
        tensor.data.add_(noise.to(tensor))


@contextmanager
def _closed(layers: Iterable[HiddenLayer]) -> Iterator[None]:
    """Close the gates of every other unit inside the block."""
    for layer in layers:
        if layer.gate is not None:
            layer.gate.close(range(0, layer.units, 2), like=layer.like.detach())
    try:
        yield
    finally:
        for layer in layers:
            if layer.gate is not None:
                layer.gate.open()


def _silence(layer: HiddenLayer) -> None:
    """Set the weights that read every other unit to zero, in place."""
    for slot in layer.group.slots:
        if _reads(slot, layer):
            silent = NO_NOISE if slot.side is Side.NOISE else 0.0
            slot.units(slot.tensor.data, layer.units)[::2] = silent


def _reads(slot: Slot, layer: HiddenLayer) -> bool:
    """Tell whether a slot reads the units; the rows of tied weights read them, too."""
    tied = layer.group.two_sided and slot.side is Side.ROWS
    return slot in layer.readers or (tied and slot.tensor.ndim >= MATRIX)
