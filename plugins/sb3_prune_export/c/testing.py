"""The test inside a header: one decision, compared with what is expected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sb3_prune_export.c.code import Code
from sb3_prune_export.c.numbers import array
from sb3_prune_export.c.views import Buffer

CLOSE = 1e-5
"""Largest difference, relative to numbers above 1, of which ``main`` says it passed."""


def test_lines(
    code: Code,
    prefix: str,
    example: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
) -> list[str]:
    """Return the test, which is compiled only where it is asked for."""
    big = prefix.upper()
    return [
        f"#if defined({big}_TEST) || defined({big}_MAIN)",
        *_vectors(code.inputs, example, f"{prefix}_test"),
        *_vectors(code.outputs, expected, f"{prefix}_expected"),
        *_test(code, prefix),
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


def _test(code: Code, prefix: str) -> list[str]:
    """Return the function that compares; NaN equals NaN, and infinity itself."""
    given = [f"{prefix}_test_{buffer.name}" for buffer in code.inputs]
    found = [buffer.name or "" for buffer in code.outputs]
    lines = [
        "/* Returns the largest difference, relative to numbers above 1. */",
        f"static inline double {prefix}_test(void)",
        "{",
        f"    static {prefix}_scratch scratch;",
        "    double worst = 0;",
        *(f"    {b.number.name} {b.name}[{b.size}];" for b in code.outputs),
        f"    {prefix}_predict_with(&scratch, {', '.join([*given, *found])});",
    ]
    for buffer in code.outputs:
        name, size = buffer.name, buffer.size
        lines += [
            f"    for (int i = 0; i < {size}; ++i) {{",
            f"        const double e = (double){prefix}_expected_{name}[i];",
            f"        const double f = (double){name}[i];",
            "        const double apart = fabs(f - e) / fmax(1.0, fabs(e));",
            "        const int same = f == e || (f != f && e != e);",
            "        if (!same && !(apart <= worst)) worst = apart;",
            "    }",
        ]
    return [*lines, "    return worst;", "}"]
