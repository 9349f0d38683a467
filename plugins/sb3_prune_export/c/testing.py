"""The test inside a header: one decision, compared with what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from sb3_prune_export.c.code import Code
from sb3_prune_export.c.numbers import DOUBLE, array
from sb3_prune_export.c.views import Buffer

CLOSE = 1e-5
"""Largest difference, see :func:`units`, of which ``main`` says it passed."""
STEPS, SHARE = 4, 10
"""What passes anyhow: so many steps of float32, and so many times what was seen."""


def units(space: spaces.Space[Any], action: np.ndarray, seen: float) -> Any:
    """Return what differences of actions are divided by; None: as of other outputs.

    That is half of the box, as in the check of the export, or the size of the action, 1
    at least, if this is less.

    Args:
        space: The space of the actions.
        action: The expected one.
        seen: Largest difference when the export was checked.
    """
    if not isinstance(space, spaces.Box):
        return None
    half = (space.high.astype(np.float64) - space.low) / 2
    size = np.abs(np.float32(action)).reshape(half.shape)
    least = SHARE * seen + STEPS * np.float64(np.spacing(size))
    found = np.maximum(np.minimum(half, np.maximum(size, 1)), least / CLOSE)
    return np.asarray(found)  # Of a box without axes, NumPy makes a scalar.


def test_lines(
    code: Code,
    prefix: str,
    example: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    unit: Any = None,
) -> list[str]:
    """Return the test, which is compiled only where it is asked for."""
    big = prefix.upper()
    return [
        f"#if defined({big}_TEST) || defined({big}_MAIN)",
        *_vectors(code.inputs, example, f"{prefix}_test"),
        *_vectors(code.outputs, expected, f"{prefix}_expected"),
        *_unit(unit, prefix),
        *_test(code, prefix, measured=unit is not None),
        "#endif",
        "",
        f"#ifdef {big}_MAIN",
        "#include <stdio.h>",
        "int main(void)",
        "{",
        f"    const double worst = {prefix}_test();",
        f'    printf("{prefix}: largest difference %g\\n", worst);',
        f"    return worst <= {CLOSE} ? 0 : 1;",
        "}",
        "#endif",
        "",
    ]


def _vectors(
    buffers: Sequence[Buffer], values: Sequence[np.ndarray], prefix: str
) -> list[str]:
    lines = []
    for buffer, value in zip(buffers, values, strict=True):
        numbers = array(torch.from_numpy(np.ascontiguousarray(value)), buffer.number)
        name = f"{prefix}_{buffer.name}[{buffer.size}]"
        lines.append(
            f"static const {buffer.number.name} {name} = {{\n    {numbers}\n}};"
        )
    return lines


def _unit(unit: Any, prefix: str) -> list[str]:
    if unit is None:
        return []
    numbers = array(torch.from_numpy(unit), DOUBLE)
    return [f"static const double {prefix}_unit[{unit.size}] = {{\n    {numbers}\n}};"]


def _test(code: Code, prefix: str, *, measured: bool) -> list[str]:
    """Return the function that compares; NaN equals NaN, and infinity itself."""
    action = code.outputs[0]
    given = [f"{prefix}_test_{buffer.name}" for buffer in code.inputs]
    found = [buffer.name or "" for buffer in code.outputs]
    lines = [
        "/* Returns the largest difference, relative to numbers above 1; that of an",
        "   action in a small box is relative to half of the box. */",
        f"static inline double {prefix}_test(void)",
        "{",
        f"    static {prefix}_scratch scratch;",
        "    double worst = 0;",
        *(f"    {b.number.name} {b.name}[{b.size}];" for b in code.outputs),
        f"    {prefix}_predict_with(&scratch, {', '.join([*given, *found])});",
    ]
    for buffer in code.outputs:
        name, size = buffer.name, buffer.size
        own = measured and buffer is action
        unit = f"{prefix}_unit[i]" if own else "fmax(1.0, fabs(e))"
        lines += [
            f"    for (int i = 0; i < {size}; ++i) {{",
            f"        const double e = (double){prefix}_expected_{name}[i];",
            f"        const double f = (double){name}[i];",
            f"        const double apart = fabs(f - e) / {unit};",
            "        const int same = f == e || (f != f && e != e);",
            "        if (!same && !(apart <= worst)) worst = apart;",
            "    }",
        ]
    return [*lines, "    return worst;", "}"]
