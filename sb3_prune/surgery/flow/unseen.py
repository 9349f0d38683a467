"""Unseen: parameters that no traced forward reads, and the units that they may hold."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from sb3_prune.surgery.flow.axes import Axis, length
from sb3_prune.surgery.flow.beside import Readers, beside_of, read_size, unread

if TYPE_CHECKING:
    from sb3_prune.surgery.flow.tracer import Tracer


def unseen_readers(policy: nn.Module, tracer: Tracer) -> Iterator[tuple[Axis, str]]:
    """Yield every axis whose units may be read by a tensor that no forward used.

    The trace cannot know what such a tensor does. So it fixes the units along every
    axis as long as one of the tensor's axes, until the policy declares a forward that
    uses the tensor (:func:`all_forwards`).

    Args:
        policy: The policy.
        tracer: The tracer that watched the forwards of the policy.
    """
    between = set(_inner_weights(policy))
    for key, tensor in tracer.tensors.items():
        if key in tracer.seen or key in between:
            continue
        path = tracer.paths[key][0]
        sizes = set(_read_sizes(policy, tracer, path, tensor)) - {1}
        yield from _along(tracer, sizes, unread(path))
    for why, beside in beside_of(policy).reads:
        yield from _along(tracer, beside, why)


def _along(tracer: Tracer, sizes: Set[int], why: str) -> Iterator[tuple[Axis, str]]:
    """Yield every axis that has one of some sizes, with the reason to fix it."""
    for seen in tracer.seen:
        for axis in tracer.tags[seen].axes:
            if length(axis) in sizes:
                yield axis, why


def _read_sizes(
    policy: nn.Module, tracer: Tracer, path: str, tensor: torch.Tensor
) -> list[int]:
    """Return the sizes of the axes along which a tensor may hold traced units.

    A Linear or a convolution that never ran reads units along one axis. Any other
    tensor may hold units along every axis. An example is noise that a layer adds to its
    weight, but only in training.
    """
    owner = policy.get_submodule(path.rpartition(".")[0])
    if isinstance(owner, Readers) and id(owner.weight) not in tracer.seen:
        return [read_size(owner, tensor)] if tensor.ndim > 1 else []
    return list(tensor.shape)


def _inner_weights(policy: nn.Module) -> Iterator[int]:
    """Yield the ids of weights that read the layer before them in a Sequential.

    If no forward runs a network, its inner layers only read each other.
    """
    for module in policy.modules():
        if isinstance(module, nn.Sequential):
            linears = [m for m in module if isinstance(m, nn.Linear)]
            for one, other in pairwise(linears):
                if one.out_features == other.in_features:
                    yield id(other.weight)
