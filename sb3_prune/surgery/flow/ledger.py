"""Ledger: what a tracer knows of tensors, and the methods that rules call."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from sb3_prune.surgery.flow.axes import (
    Axis,
    fix,
    free,
    opaque,
    roots,
    unify,
)
from sb3_prune.surgery.flow.composing import PRODUCT, SUMS
from sb3_prune.surgery.flow.lineage import Lineage
from sb3_prune.surgery.flow.slots import MASK, Side
from sb3_prune.surgery.flow.tags import Arrival, Tag


class Ledger:
    """Knows the axes of all tensors that a policy's calls touch.

    Attributes:
        tensors: Parameters and buffers of the policy by id.
        paths: Every path under which the policy holds them.
        tags: What is known of every tensor that was seen, by id.
        sides: What a parameter does with the units along an axis, (id, axis) -> side.
        shifts: Parameters that are added to units, (id, axis).
        two_sided: Parameters that both make and read units, (id, axis).
        doubled: Parameters that make or read units and also scale them, (id, axis).
        composed: Parameters with which a weight is computed in such a way that their
            units can only be selected, (id, axis).
        bends: How computed weights depend on parameters (:mod:`.composing`), by id.
        born: Number of the call at which a parameter first made units.
        uses: Numbers of the calls that used the values of a parameter, by its id.
        seen: Ids of the parameters whose values were used.
        arrivals: Every product of activations with a weight.
        lineage: Which weights made the tensors.
        calls: Number of calls so far.
        evaluated: Number of the first call in training mode.
        multiplied: Number of the last call that multiplied with a weight.
    """

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.tensors: dict[int, torch.Tensor] = {}
        self.paths: dict[int, list[str]] = defaultdict(list)
        self.tags: dict[int, Tag] = {}
        self.sides: dict[tuple[int, int], Side] = {}
        self.shifts: set[tuple[int, int]] = set()
        self.two_sided: set[tuple[int, int]] = set()
        self.doubled: set[tuple[int, int]] = set()
        self.composed: set[tuple[int, int]] = set()
        self.bends: dict[int, int] = {}
        self.drawn: frozenset[int] = frozenset()  # Noise that its module draws anew.
        self.born: dict[int, int] = {}
        self.uses: dict[int, set[int]] = defaultdict(set)
        self.seen = self.uses.keys()
        self.arrivals: list[Arrival] = []
        self.lineage = Lineage()
        self.calls = 0
        self.evaluated = sys.maxsize
        self.multiplied = -1
        self._alive: list[torch.Tensor] = []  # So that ids stay unique.
        for path, tensor in _named_tensors(policy):
            self.tensors[id(tensor)] = tensor
            self.paths[id(tensor)].append(path)
        for key, tensor in self.tensors.items():
            view = (key, tuple(range(tensor.ndim)))
            axes = [free(size, held=True) for size in tensor.shape]
            self.tags[key] = Tag(axes, False, frozenset([key]), view)

    def tag(self, tensor: torch.Tensor) -> Tag:
        """Return what is known of a tensor; one never seen before is an input."""
        if id(tensor) not in self.tags:
            inside = self.tags.get(id(_unwrapped(tensor)))
            if inside is None:
                self.put(tensor, [opaque(n, "an input") for n in tensor.shape], True)
                self.lineage.enter(tensor)
            else:
                self._transform(tensor, inside)
        return self.tags[id(tensor)]

    def _transform(self, tensor: torch.Tensor, inside: Tag) -> None:
        """Record a tensor in a transform of torch, such as vmap, which hides axes."""
        why = "a transform of torch, such as vmap"
        for axis in inside.axes:
            fix(axis, why)
        axes = [opaque(n, why) for n in tensor.shape]
        self.put(tensor, axes, inside.active, inside.sources)
        self.lineage.hidden |= inside.sources

    def axes(self, tensor: torch.Tensor) -> list[Axis]:
        """Return the axes of a tensor."""
        return self.tag(tensor).axes

    def put(
        self,
        tensor: torch.Tensor,
        axes: Sequence[Axis],
        active: bool,
        sources: frozenset[int] = frozenset(),
    ) -> None:
        """Record the axes of a tensor."""
        assert len(axes) == tensor.ndim, (len(axes), tensor.shape)
        self._alive.append(tensor)
        if id(tensor) not in self.tensors:
            known = frozenset() if active else sources
            self.tags[id(tensor)] = Tag(list(axes), active, known)

    def like(
        self, tensor: torch.Tensor, axes: Sequence[Axis], *of: torch.Tensor
    ) -> None:
        """Record the axes of a tensor that was computed from others."""
        tags = [self.tag(source) for source in of]
        sources = frozenset[int]().union(*(tag.sources for tag in tags))
        self.put(tensor, axes, any(tag.active for tag in tags), sources)

    def fix_all(self, tensors: Iterable[torch.Tensor], why: str) -> None:
        """Fix the units along every axis of some tensors."""
        for tensor in tensors:
            for axis in self.axes(tensor):
                fix(axis, why)

    def holds(
        self, tensor: torch.Tensor, axis: int, side: Side, *, alone: bool = True
    ) -> None:
        """Record what the parameters behind a tensor do with the units of an axis.

        Args:
            tensor: A weight, maybe a computed one.
            axis: The axis.
            side: What it does with the units.
            alone: Whether no other factor of the same product does so, too.
        """
        places = self._behind(tensor, axis % tensor.ndim)
        for key, place in places:
            self.hold(key, place, side)
        bend = self.bends.get(id(tensor), SUMS)
        straight = bend == SUMS or (bend == PRODUCT and len(places) == 1)
        if side is not Side.UNIT and not (straight and alone):
            self.composed.update(places)

    def _behind(self, tensor: torch.Tensor, axis: int) -> list[tuple[int, int]]:
        """Return the parameters, with an axis, behind the units of a tensor's axis."""
        tag = self.tag(tensor)
        if tag.view is not None:
            return [(tag.view[0], tag.view[1][axis])]
        units = set(map(id, roots(tag.axes[axis])))
        return [
            (key, place)
            for key in tag.sources
            for place, own in enumerate(self.tags[key].axes)
            if units & set(map(id, roots(own)))
        ]

    def hold(self, key: int, axis: int, side: Side) -> None:
        """Record what a parameter does with the units along an axis."""
        place = key, axis
        if side is not Side.UNIT:
            self.multiplied = self.calls
        old = self.sides.setdefault(place, side)
        if {old, side} == {Side.ROWS, Side.COLUMNS}:
            self.sides[place] = Side.ROWS
            self.two_sided.add(place)
        elif old is not side:  # One is UNIT: a weight times its own norm, e.g.
            self.doubled.add(place)
            is_weight = self.tensors[key].ndim > 1
            if is_weight == (old is Side.UNIT):
                self.sides[place] = side
        if side is Side.ROWS:
            self.born.setdefault(key, self.calls)

    def contract(
        self,
        inputs: torch.Tensor,
        input_axis: int,
        weight: torch.Tensor,
        weight_axis: int,
        why: str,
        bias: torch.Tensor | None = None,
        exact: bool = True,
    ) -> None:
        """Record that a product sums over an axis: a weight reads activations.

        Args:
            inputs: One factor.
            input_axis: Its axis that is summed over.
            weight: The other factor.
            weight_axis: Its axis that is summed over.
            why: Name of the operation.
            bias: The tensor that is added to the product.
            exact: Whether constant inputs may be folded into the bias.
        """
        self.multiplied = self.calls
        x, w = self.tag(inputs), self.tag(weight)
        unify(x.axes[input_axis], w.axes[weight_axis], why)
        if w.active and not x.active:
            self.holds(inputs, input_axis, Side.COLUMNS)
            self.unfoldable(x.axes[input_axis], "a weight on the left reads them")
            return
        if not x.active or w.active:
            fix(x.axes[input_axis], f"{why} of two activations")
            return
        self.holds(weight, weight_axis, Side.COLUMNS)
        if w.view is None:
            self.unfoldable(x.axes[input_axis], "a computed weight reads them")
            return
        weight_axis = w.view[1][weight_axis % weight.ndim]
        end = input_axis % inputs.ndim - inputs.ndim
        added = None if bias is None else id(bias)
        met = Arrival(w.view[0], added, weight_axis, end, exact, self.calls)
        self.arrivals.append(met)

    def add_bias(self, arrival: int, bias: torch.Tensor) -> None:
        """Record the bias that is added to an earlier product."""
        self.arrivals[arrival] = replace(self.arrivals[arrival], bias=id(bias))

    @staticmethod
    def unfoldable(axis: Axis, why: str) -> None:
        """Record why constant units cannot be folded into a bias."""
        for units in roots(axis):
            units.mark(unfoldable=[why])

    def mix(self, axis: Axis, why: str) -> None:
        """Record that an operation mixes the units of an axis with each other."""
        for units in roots(axis):
            units.mark(mixes=[why])


def _unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor inside the wrappers of transforms."""
    transforms: Any = torch._C._functorch
    while transforms.is_functorch_wrapped_tensor(tensor):
        tensor = transforms.get_unwrapped(tensor)
    return tensor


def _named_tensors(policy: nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    yield from policy.named_parameters(remove_duplicate=False)
    for path, buffer in policy.named_buffers(remove_duplicate=False):
        if path.rpartition(".")[2] != MASK:  # No forward uses it: the weight is zero.
            yield path, buffer
