"""Tracer: watches a policy run once, and learns which axes hold the same units.

Axes of parameters start as fresh variables. Each torch call unifies, splits and binds
the axes of what it takes and gives, by one rule per operation. What has no rule fixes
the units that meet it: a missing rule can only leave units alone, never cut wrongly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.axes import (
    Axis,
    fix,
    fix_held,
    free,
    opaque,
    roots,
    unify,
)
from sb3_prune.surgery.flow.names import (
    ALIASES,
    FACTORIES,
    SILENT,
    called,
    pointwise,
)
from sb3_prune.surgery.flow.rules import RULES
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.tags import Arrival, Call, Tag


class Tracer(TorchFunctionMode):
    """Unifies the axes of all tensors that a policy's calls touch.

    Attributes:
        tensors: Parameters and buffers of the policy by id.
        paths: Every path under which the policy holds them.
        tags: What is known of every tensor that was seen, by id.
        sides: What a parameter does with the units along an axis, (id, axis) -> side.
        shifts: What is added to units, (id, axis).
        two_sided: What both makes and reads the units along an axis, (id, axis).
        doubled: What belongs to units and makes or reads them as well, (id, axis).
        born: Number of the call at which a parameter first made units.
        uses: Numbers of the calls that used the values of a parameter, by its id.
        seen: Ids of the parameters whose values were used.
        arrivals: Every meeting of activations with a weight.
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
        self.born: dict[int, int] = {}
        self.uses: dict[int, set[int]] = defaultdict(set)
        self.seen = self.uses.keys()
        self.arrivals: list[Arrival] = []
        self.calls = 0
        self._alive: list[torch.Tensor] = []  # So that no id is given away again.
        for path, tensor in _named_tensors(policy):
            self.tensors[id(tensor)] = tensor
            self.paths[id(tensor)].append(path)
        for key, tensor in self.tensors.items():
            view = (key, tuple(range(tensor.ndim)))
            axes = [free(size, held=True) for size in tensor.shape]
            self.tags[key] = Tag(axes, False, frozenset([key]), view)

    # What rules say.

    def tag(self, tensor: torch.Tensor) -> Tag:
        """Return what is known of a tensor; one never seen before is an input."""
        if id(tensor) not in self.tags:
            self.put(tensor, [opaque(n, "an input") for n in tensor.shape], True)
        return self.tags[id(tensor)]

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
        """Say what the axes of a tensor are."""
        assert len(axes) == tensor.ndim, (len(axes), tensor.shape)
        self._alive.append(tensor)
        if id(tensor) not in self.tensors:
            known = frozenset() if active else sources
            self.tags[id(tensor)] = Tag(list(axes), active, known)

    def like(
        self, tensor: torch.Tensor, axes: Sequence[Axis], *of: torch.Tensor
    ) -> None:
        """Say what the axes of a tensor are that was made of others."""
        tags = [self.tag(source) for source in of]
        sources = frozenset[int]().union(*(tag.sources for tag in tags))
        self.put(tensor, axes, any(tag.active for tag in tags), sources)

    def fix_all(self, tensors: Iterable[torch.Tensor], why: str) -> None:
        """Fix the units along every axis of some tensors."""
        for tensor in tensors:
            for axis in self.axes(tensor):
                fix(axis, why)

    def holds(self, tensor: torch.Tensor, axis: int, side: Side) -> None:
        """Say what the parameters behind a tensor do with the units along an axis."""
        tag = self.tag(tensor)
        axis %= tensor.ndim
        if tag.view is not None:
            self.hold(tag.view[0], tag.view[1][axis], side)
            return
        units = set(map(id, roots(tag.axes[axis])))
        for key in tag.sources:
            for place, own in enumerate(self.tags[key].axes):
                if units & set(map(id, roots(own))):
                    self.hold(key, place, side)

    def hold(self, key: int, axis: int, side: Side) -> None:
        """Say what a parameter does with the units along an axis."""
        place = key, axis
        old = self.sides.setdefault(place, side)
        if {old, side} == {Side.ROWS, Side.COLUMNS}:
            self.sides[place] = Side.ROWS
            self.two_sided.add(place)
        elif old is not side:  # One is UNIT: a weight and its own norm, say.
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
        """Say that a product sums over an axis: a weight reads activations.

        Args:
            inputs: One factor.
            input_axis: Its axis.
            weight: The other.
            weight_axis: Its axis.
            why: The operation.
            bias: What is added to the product.
            exact: Whether a constant that arrives may move into the bias.
        """
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
        """Say what is added to a product that was met before."""
        self.arrivals[arrival] = replace(self.arrivals[arrival], bias=id(bias))

    @staticmethod
    def unfoldable(axis: Axis, why: str) -> None:
        """Say that what a constant unit says cannot move into a bias."""
        for units in roots(axis):
            units.mark(unfoldable=[why])

    def mix(self, axis: Axis, why: str) -> None:
        """Say that an operation mixes the units of an axis with each other."""
        for units in roots(axis):
            units.mark(mixes=[why])

    # What the mode sees.

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call, then learn from it."""
        call = Call(called(func), args, kwargs or {}, func(*args, **(kwargs or {})))
        self.calls += 1
        is_property = getattr(func, "__name__", "") == "__get__"
        if call.name in ("set", "grad") or (is_property and not call.outputs):
            return call.out
        self._see(call)
        if call.outputs or call.name == "setitem":
            self._learn(call)
        elif call.name not in SILENT:
            self.fix_all(call.inputs, f"{call.name} takes values out of torch")
        return call.out

    def _see(self, call: Call) -> None:
        if call.name in SILENT or call.name in ALIASES:
            return
        for tensor in call.inputs:
            tag = self.tags.get(id(tensor))
            if tag is not None and not tag.active:
                for key in tag.sources:
                    self.uses[key].add(self.calls)

    def _learn(self, call: Call) -> None:
        """Apply the rule of a call; what does not fit it counts as without rule."""
        try:
            if not self._derive(call):
                self._give_up(call, f"no rule for {call.name}")
        except Exception as error:
            self._give_up(call, f"{call.name}: {type(error).__name__} {error}")

    def _derive(self, call: Call) -> bool:
        rule = RULES.get(call.name)
        if rule is not None:
            return rule(self, call.out, *call.args, **call.kwargs) is not False
        if call.name in FACTORIES and not call.inputs:
            for tensor in call.outputs:
                self.put(tensor, [free(n) for n in tensor.shape], False)
            return True
        if call.name in pointwise():
            self.elementwise(call.inputs, call.outputs, call.name)
            return True
        return False

    def _give_up(self, call: Call, why: str) -> None:
        self.fix_all(call.inputs, why)
        for tensor in call.outputs:
            axes = [opaque(n, why) for n in tensor.shape]
            self.put(tensor, axes, bool(call.inputs))

    def elementwise(
        self, inputs: list[torch.Tensor], outputs: list[torch.Tensor], why: str
    ) -> None:
        """Say that every entry is computed from entries at its own place."""
        active = any(self.tag(tensor).active for tensor in inputs)
        for out in outputs:
            axes = [
                self._aligned(out, axis, inputs, active, why)
                for axis in range(-out.ndim, 0)
            ]
            if not any(out is t and id(t) in self.tensors for t in inputs):
                self.like(out, axes, *inputs)

    def _aligned(
        self,
        out: torch.Tensor,
        axis: int,
        inputs: list[torch.Tensor],
        active: bool,
        why: str,
    ) -> Axis:
        """Unify what broadcasting lays side by side; ``axis`` counts from the end."""
        size = out.shape[axis]
        same = [t for t in inputs if t.ndim >= -axis and t.shape[axis] == size]
        for tensor in same[1:]:
            unify(self.axes(same[0])[axis], self.axes(tensor)[axis], why)
        for tensor in inputs:
            if tensor.ndim >= -axis and tensor.shape[axis] != size:
                fix_held(self.axes(tensor)[axis], f"{why} spreads one unit")
        if active:
            for tensor in same:
                tag = self.tag(tensor)
                if not tag.active and tag.sources:
                    self.holds(tensor, axis, Side.UNIT)
                    if why in ("add", "sub") and tag.view is not None:
                        place = tag.view[1][axis % tensor.ndim]
                        self.shifts.add((tag.view[0], place))
        return self.axes(same[0])[axis] if same else free(size)


def _named_tensors(policy: nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    yield from policy.named_parameters(remove_duplicate=False)
    yield from policy.named_buffers(remove_duplicate=False)
