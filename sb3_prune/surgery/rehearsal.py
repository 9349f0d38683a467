"""Rehearsal: run a policy as training does, before and after a cut.

A user's modules may run other code in training mode. What that code says, what it
leaves in attributes and buffers (an auxiliary loss, say), and the gradients of all
parameters must stay as they were when dead units go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.comparison import Outputs, moved, repeatable
from sb3_prune.surgery.flow.forwards import (
    Forward,
    is_optional,
    sample_inputs,
    training_forwards,
)
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import (
    exact_arithmetic,
    own_attributes,
    quiet,
    seed_torch,
)
from sb3_prune.surgery.flow.still import LEVELS, Still
from sb3_prune.surgery.wiring import wire

Tensor = torch.Tensor
ROWS = 5
"""Least number of inputs."""


@dataclass
class _Played:
    """What one forward did in training mode."""

    name: str
    error: str | None = None
    """Why the forward failed."""
    said: list[Tensor] = field(default_factory=list)
    """The tensors that it returned."""
    left: dict[str, Tensor] = field(default_factory=dict)
    """Buffers and attributes of modules after it, by path."""
    gradients: dict[str, Tensor] = field(default_factory=dict)
    """Gradients of parameters, by path."""
    stuck: str | None = None
    """Why there are no gradients."""


class Rehearsal:
    """Runs a policy in training mode when it is made, and again after a cut.

    Args:
        twin: A copy of a policy; units that will go are dead already.
        plan: Changes that only remove units.
        mode: A torch function mode to run under, for units that mix.

    Raises:
        UnsupportedPolicyError: A forward fails in training mode.
    """

    def __init__(
        self,
        twin: nn.Module,
        plan: Mapping[str, Change],
        mode: TorchFunctionMode | None = None,
    ) -> None:
        self.twin, self.mode = twin, mode
        self._kept = _kept(twin, plan)
        self._rows = _rows(twin, plan)
        self._before = list(self._plays())
        for played in self._before:
            if played.error and not is_optional(played.name):
                raise UnsupportedPolicyError(_failed(played))
        if all(played.error for played in self._before):
            raise UnsupportedPolicyError(_failed(self._before[0]))

    def moved(self) -> dict[str, float]:
        """Run the policy after the cut; return how far moved what it does.

        Raises:
            UnsupportedPolicyError: A forward, or its gradients, fail after the cut.
        """
        far: dict[str, float] = {}
        for one, other in zip(self._before, self._plays(), strict=True):
            if one.error:
                continue
            if other.error or (other.stuck and not one.stuck):
                raise UnsupportedPolicyError(_failed(other))
            before, after = self._pairs(one, other)
            for what, by in moved(before, after).items():
                far[what] = max(far.get(what, 0.0), by)
        return far

    def _pairs(self, one: _Played, other: _Played) -> tuple[Outputs, Outputs]:
        """Return what can be compared of two runs of a forward, each with its name."""
        what = f"the output of '{one.name}' in training mode"
        rows = [(what, *pair) for pair in zip(one.said, other.said, strict=True)]
        rows += self._alike("'{}' in training mode", one.left, other.left)
        if self.mode is None:  # A stand-in replays statistics without gradients.
            what = "the gradient of '{}' in training mode"
            rows += self._alike(what, one.gradients, other.gradients)
        return [(n, x) for n, x, _ in rows], [(n, y) for n, _, y in rows]

    def _alike(
        self, what: str, before: Mapping[str, Tensor], after: Mapping[str, Tensor]
    ) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield the tensors that both runs have, without what belonged to dead units.

        What was not finite before tells nothing: a norm of zeros has no gradient.
        """
        for path in before.keys() & after.keys():
            x, y = before[path], after[path]
            for axis, kept in self._kept.get(path, {}).items():
                x = x.index_select(axis, kept) if x.shape[axis] > len(kept) else x
            if x.shape == y.shape:
                odd = ~x.isfinite()
                yield what.format(path), x.masked_fill(odd, 0), y.masked_fill(odd, 0)

    def _plays(self) -> Iterator[_Played]:
        """Run every forward, for each level of draws; one level if nothing is drawn."""
        for level in LEVELS:
            still = Still(level, self._rows)
            with quiet(self.twin, training=True), exact_arithmetic():
                inputs = sample_inputs(self.twin, self._rows, 7)
                found = training_forwards(self.twin, inputs)
                for forward in repeatable(self.twin, found):
                    yield self._play(forward, still)
            if not still.drawn:
                return

    def _play(self, forward: Forward, still: Still) -> _Played:
        played = _Played(forward[0])
        seed_torch(0)
        np.random.seed(0)
        random.seed(0)
        try:
            with ExitStack() as stack:
                for mode in (still, self.mode):
                    if mode is not None:
                        stack.enter_context(mode)
                said = list(leaves(forward[1]()))
        except Exception as error:
            played.error = f"{type(error).__name__}: {error}"
            return played
        left = dict(_left(self.twin))
        try:
            scalars = [t for t in left.values() if t.ndim == 0]
            played.gradients = dict(_gradients(self.twin, [*said, *scalars]))
        except Exception as error:
            played.stuck = f"{type(error).__name__}: {error}"
        played.said = [_noted(t) for t in said]
        played.left = {path: _noted(t) for path, t in left.items()}
        return played


def _failed(played: _Played) -> str:
    return f"'{played.name}' in training mode: {played.error or played.stuck}"


def _noted(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().double().clone()


def _left(policy: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the buffers of modules, and the tensors among their attributes."""
    yield from policy.named_buffers()
    for path, module in policy.named_modules():
        for name, value in own_attributes(module).items():
            for i, tensor in enumerate(leaves(value)):
                yield f"{path}.{name}[{i}]", tensor


def _gradients(policy: nn.Module, said: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield the gradients of parameters, of a weighted sum of some tensors.

    The weights differ, for the sum of a softmax is 1 whatever its inputs are.
    """
    parts = [_weighted(t) for t in said if t.requires_grad]
    named = {n: p for n, p in policy.named_parameters() if p.requires_grad}
    if not parts or not named:
        return
    total = torch.stack(parts).sum()
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    for name, gradient in zip(named, found, strict=True):
        if gradient is not None:
            yield name, _noted(gradient)


def _weighted(tensor: Tensor) -> Tensor:
    finite = torch.where(tensor.isfinite(), tensor, 0.0).flatten().double()
    return finite @ torch.arange(1, 1 + len(finite)).to(finite).cos()


def _kept(
    policy: nn.Module, plan: Mapping[str, Change]
) -> dict[str, dict[int, Tensor]]:
    """Return which entries of a tensor stay, by its path and by axis."""
    paths = {module: path for path, module in policy.named_modules()}
    stay: dict[str, dict[int, Tensor]] = {}
    for name, change in plan.items():
        for layer in wire(policy)[name].with_targets():
            for slot in layer.group.slots:
                path = f"{paths[slot.owner]}.{slot.attribute}".lstrip(".")
                size = slot.tensor.shape[slot.axis]
                fresh = torch.ones(size, dtype=torch.bool)
                mask = stay.setdefault(path, {}).setdefault(slot.axis, fresh)
                stretch = mask.narrow(0, slot.start, layer.units * slot.block)
                stretch.view(layer.units, slot.block)[change.removed.cpu()] = False
    return {
        path: {axis: mask.nonzero().flatten() for axis, mask in axes.items()}
        for path, axes in stay.items()
    }


def _rows(policy: nn.Module, plan: Mapping[str, Change]) -> int:
    """Return a number of inputs that no tensor has as a length, now or later."""
    tensors: tuple[Any, ...] = (*policy.parameters(), *policy.buffers())
    lengths = {size for tensor in tensors for size in tensor.shape}
    lengths |= {change.after for change in plan.values()}
    return next(n for n in count(ROWS) if n not in lengths)
