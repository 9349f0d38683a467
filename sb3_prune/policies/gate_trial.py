"""Gate trials: what nobody knows is run with its gates before it keeps them.

A gate must be free while it is open, and closing it must say what removing units does.
Networks of one's own may index the Sequential that a gate moves, or read units that
have not passed it. Weights are stirred for a second look, so that none of them is zero
and hides a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from sb3_prune.surgery.comparison import outputs
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.hidden_layer import MATRIX, HiddenLayer
from sb3_prune.surgery.trial import TOLERANCE

Said = list[tuple[str, torch.Tensor]] | None
"""What a policy says, by the name of the forward; None if it fails."""
SILENT_LOG_STD = -20.0
"""Logarithm of the noise of a unit that gSDE does not read."""


class OpenTrial:
    """Tells whether a policy still says what it said at first, bit for bit.

    Args:
        policy: The policy, as it is to stay.
    """

    def __init__(self, policy: nn.Module) -> None:
        self._policy = policy
        self._before = self._both()

    def passes(self) -> bool:
        """Tell whether nothing has moved."""
        return all(map(_alike, self._before, self._both()))

    def _both(self) -> tuple[Said, Said]:
        plain = _said(self._policy)
        with _writable(self._policy):
            _stir(self._policy)
            return plain, _said(self._policy)


def leaks(policy: nn.Module, layers: Sequence[HiddenLayer]) -> bool:
    """Tell whether units of some layers leave by a path around their gates.

    Closing a gate must say the same as silencing every weight that reads the units.

    Args:
        policy: The policy; it stays as it is.
        layers: Layers with open gates, targets among them.
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
    """Tell whether outputs are equal, up to a part of the largest entry."""
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
    """Give every tensor of a policy other data for a while; identities stay."""
    kept = [(t, t.data) for t in (*policy.parameters(), *policy.buffers())]
    try:
        for tensor, data in kept:
            tensor.data = data.clone()
        yield
    finally:
        for tensor, data in kept:
            tensor.data = data


def _stir(policy: nn.Module) -> None:
    """Add noise to all weights; variances stay positive, activations moderate."""
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
    """Close the gates of every other unit for a while."""
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
    """Let nothing read every other unit, in place."""
    for slot in layer.group.slots:
        if _reads(slot, layer):
            silent = SILENT_LOG_STD if slot.side is Side.NOISE else 0.0
            slot.units(slot.tensor.data, layer.units)[::2] = silent


def _reads(slot: Slot, layer: HiddenLayer) -> bool:
    """Tell whether a stretch reads the units; tied weights do with their rows."""
    tied = layer.group.two_sided and slot.side is Side.ROWS
    return slot in layer.readers or (tied and slot.tensor.ndim >= MATRIX)
