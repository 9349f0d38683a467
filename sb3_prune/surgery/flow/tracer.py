"""Tracer: watches a policy run once, and learns which axes hold the same units.

Axes of parameters start as fresh variables. One rule per torch operation unifies,
splits and binds the axes of inputs and outputs. An operation without a rule fixes all
units that it gets: a missing rule may prevent a cut, but never causes a wrong one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.axes import (
    Axis,
    fix_held,
    free,
    opaque,
    unify,
)
from sb3_prune.surgery.flow.composing import SUMS, composed
from sb3_prune.surgery.flow.ledger import Ledger
from sb3_prune.surgery.flow.names import (
    ALIASES,
    FACTORIES,
    SILENT,
    called,
    pointwise,
)
from sb3_prune.surgery.flow.rules import RULES
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.tags import Call


class Tracer(Ledger, TorchFunctionMode):
    """Unifies the axes of all tensors that a policy's calls touch."""

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
            tag = self.tag(tensor)
            if not tag.active:
                for key in tag.sources:
                    self.uses[key].add(self.calls)

    def _learn(self, call: Call) -> None:
        """Apply the rule of a call; a call that it does not fit counts as unknown."""
        try:
            if not self._derive(call):
                self._give_up(call, f"no rule for {call.name}")
        except Exception as error:
            self._give_up(call, f"{call.name}: {type(error).__name__} {error}")
        self._bend(call)
        product = self.multiplied == self.calls
        self.lineage.follow(call, self._behind_call(call), product=product)

    def _bend(self, call: Call) -> None:
        """Note how a weight that a call computed depends on parameters."""
        tags = [self.tag(tensor) for tensor in call.inputs]
        if not any(tag.sources for tag in tags) or any(tag.active for tag in tags):
            return
        sources = [tag.sources for tag in tags]
        known = [keys for keys in sources if not keys or keys - self.drawn]
        if not any(known):  # Made of noise alone, which is no factor.
            return
        nothing = any(type(arg) in (int, float) and arg == 0 for arg in call.args)
        adds = call.name in ("add", "sub") and nothing  # Plus 0.
        bend = SUMS if adds else composed(call.name, known)
        bends = [self.bends.get(id(tensor), SUMS) for tensor in call.inputs]
        made = {id(out) for out in call.outputs} - self.drawn
        self.bends |= dict.fromkeys(made, max(bend, *bends))

    def _behind_call(self, call: Call) -> frozenset[int]:
        """Return the ids of the parameters that a call gets, or behind what it gets."""
        tags = [self.tag(tensor) for tensor in call.inputs]
        return frozenset().union(*(tag.sources for tag in tags if not tag.active))

    def _has_matrix(self, call: Call) -> bool:
        return any(self.tensors[key].ndim > 1 for key in self._behind_call(call))

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
        active = any(self.tag(tensor).active for tensor in call.inputs)
        if active and self._has_matrix(call):
            self.multiplied = self.calls
        for tensor in call.outputs:
            axes = [opaque(n, why) for n in tensor.shape]
            self.like(tensor, axes, *call.inputs)

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
