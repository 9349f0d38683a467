"""Tracer: watches a policy run once, and learns which axes hold the same units.

Axes of parameters start as fresh variables. One rule per torch operation unifies,
splits and binds the axes of inputs and outputs. An operation without a rule fixes all
units that it gets: a missing rule may prevent a cut, but never causes a wrong one.
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
        shifts: Parameters that are added to units, (id, axis).
        two_sided: Parameters that both make and read units, (id, axis).
        doubled: Parameters that make or read units and also scale them, (id, axis).
        born: Number of the call at which a parameter first made units.
        uses: Numbers of the calls that used the values of a parameter, by its id.
        seen: Ids of the parameters whose values were used.
        arrivals: Every product of activations with a weight.
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
        self._alive: list[torch.Tensor] = []  # So that ids stay unique.
        for path, tensor in _named_tensors(policy):
            self.tensors[id(tensor)] = tensor
            self.paths[id(tensor)].append(path)
        for key, tensor in self.tensors.items():
            view = (key, tuple(range(tensor.ndim)))
            axes = [free(size, held=True) for size in tensor.shape]
            self.tags[key] = Tag(axes, False, frozenset([key]), view)

    # Methods that rules call.

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

    def holds(self, tensor: torch.Tensor, axis: int, side: Side) -> None:
        """Record what the parameters behind a tensor do with the units of an axis."""
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
        """Record what a parameter does with the units along an axis."""
        place = key, axis
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

    # Methods that follow a call.

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
        """Apply the rule of a call; a call that it does not fit counts as unknown."""
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
        """Record that each output entry depends on input entries at its own index."""
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
        """Unify the axes that broadcasting aligns; ``axis`` counts from the end."""
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
