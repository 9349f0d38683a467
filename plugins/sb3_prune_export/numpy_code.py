"""Code: write a decision as Python that needs NumPy only."""

from __future__ import annotations

import inspect
import keyword
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from sb3_prune.exceptions import ExportError
from sb3_prune_export import operations
from sb3_prune_export.numpy_rules import DEFAULTS, IGNORED, RULES, SCALED

RESERVED = {"np", "math", "run", "Agent", "predict", "FACTS", "WEIGHTS", "AGENT"}
"""Names that the code around the operations uses."""


class Writer:
    """Writes the operations of a decision as lines of Python.

    Attributes:
        weights: Name -> weight that the lines read.
        constants: Lines that depend on weights alone, for the module.
        lines: Lines of the function that decides.
        helpers: Functions of :mod:`operations` that the lines call, in their order.
    """

    def __init__(self) -> None:
        self.weights: dict[str, np.ndarray] = {}
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.helpers: list[Callable[..., Any]] = []
        self._returned: list[str] = []
        self._known: dict[fx.Node, str] = {}
        self._fixed: set[fx.Node] = set()
        self._used = set(RESERVED) | set(vars(operations))

    @classmethod
    def of(cls, program: ExportedProgram, inputs: Sequence[str]) -> Writer:
        """Write a program.

        Args:
            program: Core ATen operations.
            inputs: Names of its inputs.

        Raises:
            ExportError: There is no rule for an operation.
        """
        writer = cls()
        writer._read_inputs(program, iter(inputs))
        for node in program.graph.nodes:
            if node.op == "call_function":
                writer._write(node)
            elif node.op == "output":
                writer._returned = [writer._text(each) for each in node.args[0]]
        return writer

    @property
    def returned(self) -> str:
        """The expression of all outputs."""
        return f"{', '.join(self._returned)},"

    def _read_inputs(self, program: ExportedProgram, inputs: Iterator[str]) -> None:
        specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        state: Mapping[str, Any] = {**program.constants, **program.state_dict}
        for node in program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = specs[node.name]
            if spec.kind is InputKind.USER_INPUT:
                self._known[node] = self._name(next(inputs))
                continue
            assert spec.target is not None
            name = self._known[node] = self._name(spec.target)
            self._fixed.add(node)
            value = state[spec.target].detach().cpu().numpy()
            self.weights[name] = np.array(value, order="C")

    def _name(self, wanted: str) -> str:
        name = re.sub(r"\W", "_", wanted)
        while name in self._used or keyword.iskeyword(name):
            name += "_"
        self._used.add(name)
        return name

    def _write(self, node: fx.Node) -> None:
        name = self._known[node] = self._name(node.name)
        line = f"{name} = {self._expression(node)}"
        if all(each in self._fixed for each in node.all_input_nodes):
            self._fixed.add(node)
            self.constants.append(line)
        else:
            self.lines.append(line)

    def _expression(self, node: fx.Node) -> str:
        if node.target is operator.getitem:
            return f"{self._text(node.args[0])}[{node.args[1]}]"
        name = str(node.target).removeprefix("aten.")
        rule = RULES.get(name)
        extra = {k: v for k, v in node.kwargs.items() if k not in IGNORED}
        if name in SCALED and len(node.args) > SCALED[name] and node.args[-1] != 1:
            extra["alpha"] = node.args[-1]
        taken = inspect.signature(rule).parameters if callable(rule) else {}
        if rule is None or not extra.keys() <= taken.keys():
            more = f" with {extra}" if rule is not None else ""
            raise ExportError(
                f"The exporter 'numpy' has no rule for the operation '{name}'{more}, "
                f"which the agent does in {_origin(node)}."
            )
        args = self._arguments(name, node)
        if isinstance(rule, str):
            return rule.format(*map(self._text, args), **_result(node, args))
        self._need(rule)
        named = [f"{key}={self._text(value)}" for key, value in extra.items()]
        return f"{rule.__name__}({', '.join([*map(self._text, args), *named])})"

    def _arguments(self, name: str, node: fx.Node) -> list[Any]:
        given = dict(enumerate(node.args))
        filled = {**DEFAULTS.get(name, {}), **given}
        return [filled[i] for i in sorted(filled)]

    def _need(self, helper: Callable[..., Any]) -> None:
        """Note a function, after those that it calls itself."""
        for called in helper.__code__.co_names:
            inner = getattr(operations, called, None)
            if inspect.isfunction(inner):
                self._need(inner)
        if helper not in self.helpers:
            self.helpers.append(helper)

    def _text(self, value: Any) -> str:
        """Return a value as an expression."""
        if isinstance(value, fx.Node):
            return self._known[value]
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self._text, value))}]"
        if isinstance(value, float) and not np.isfinite(value):
            return f"float('{value}')"
        if isinstance(value, None | bool | int | float | str):
            return repr(value)
        raise ExportError(f"The exporter 'numpy' cannot write {value!r} as Python.")


def _result(node: fx.Node, args: list[Any]) -> dict[str, str]:
    """Return what templates may say of the result, and the axes as a tuple."""
    value = node.meta["val"]
    if not isinstance(value, torch.Tensor):
        return {}
    axes = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else None
    return {
        "shape": repr(tuple(int(n) for n in value.shape)),
        "dtype": f"np.dtype('{str(value.dtype).removeprefix('torch.')}')",
        "axes": repr(tuple(axes) or None) if axes is not None else "None",
    }


def _origin(node: fx.Node) -> str:
    """Return the module of the agent that does an operation, if it is known."""
    stack = node.meta.get("nn_module_stack") or {}
    return next(reversed([str(path) for path, _ in stack.values()]), "") or "its policy"
