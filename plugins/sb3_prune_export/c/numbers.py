"""Number types of C, and numbers as C text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

PER_LINE = 8
"""Numbers on a line of an array."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number type of C."""

    name: str
    """As C writes it, e.g. ``unsigned char``."""
    field: str
    """The field of the scratch memory that holds numbers of this type."""
    dtype: str
    """The same type in NumPy."""
    floating: bool = False
    """Whether it has fractions."""

    @property
    def suffix(self) -> str:
        """What follows a literal, and a function of math.h: ``f`` for float."""
        return "f" if self.name == "float" else ""


FLOAT = Number(name="float", field="f", dtype="float32", floating=True)
DOUBLE = Number(name="double", field="d", dtype="float64", floating=True)
NUMBERS = {
    torch.float32: FLOAT,
    torch.float64: DOUBLE,
    torch.bool: Number(name="unsigned char", field="u", dtype="uint8"),
    torch.uint8: Number(name="unsigned char", field="u", dtype="uint8"),
    torch.int8: Number(name="signed char", field="c", dtype="int8"),
    torch.int16: Number(name="short", field="h", dtype="int16"),
    torch.uint16: Number(name="unsigned short", field="t", dtype="uint16"),
    torch.uint32: Number(name="unsigned int", field="j", dtype="uint32"),
    torch.uint64: Number(name="unsigned long long", field="m", dtype="uint64"),
    torch.int32: Number(name="int", field="i", dtype="int32"),
    torch.int64: Number(name="long long", field="l", dtype="int64"),
}
"""Type of a tensor -> type in C."""


def literal(value: complex, number: Number) -> str:
    """Return a number as a C literal that reads back as the same number."""
    if not number.floating:
        return _whole(int(value.real))
    single = number.name == "float"
    with np.errstate(over="ignore"):  # Beyond 3.4e38 a float is infinite.
        value = float(np.float32(value.real)) if single else float(value.real)
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = str(np.float32(value)) if single else repr(value)
    return f"{text}{number.suffix}"


def _whole(value: int) -> str:
    if value == -(2**63):  # C reads a minus and a literal, which would be too large.
        return f"(-{2**63 - 1}LL - 1)"
    if value > 2**63 - 1:
        return f"{value}ULL"
    return f"{value}LL" if abs(value) > 2**31 - 1 else str(value)


def array(values: torch.Tensor, number: Number) -> str:
    """Return the numbers of a tensor as the inside of a C initialiser."""
    flat = values.detach().contiguous().flatten().cpu().numpy().astype(number.dtype)
    finite = bool(np.isfinite(flat).all()) if number.floating else False
    if finite:
        texts = [f"{each!s}{number.suffix}" for each in flat]
    else:
        texts = [literal(each.item(), number) for each in flat]
    lines = [texts[i : i + PER_LINE] for i in range(0, len(texts), PER_LINE)]
    return ",\n    ".join(", ".join(line) for line in lines)
