"""C expressions of operations on single numbers.

In a template, ``{0}``, ``{1}``... are the operands, ``{f}`` is the suffix of functions
and literals: ``f`` for float. Like torch, they return NaN where an operand is NaN.
"""

from __future__ import annotations

ARITHMETIC = {
    "abs": "fabs{f}({0})",
    "acos": "acos{f}({0})",
    "add": "{0} + {1}",
    "asin": "asin{f}({0})",
    "atan": "atan{f}({0})",
    "atan2": "atan2{f}({0}, {1})",
    "ceil": "ceil{f}({0})",
    "cos": "cos{f}({0})",
    "cosh": "cosh{f}({0})",
    "div": "{0} / {1}",
    "erf": "erf{f}({0})",
    "exp": "exp{f}({0})",
    "expm1": "expm1{f}({0})",
    "floor": "floor{f}({0})",
    "fmod": "fmod{f}({0}, {1})",
    "log": "log{f}({0})",
    "log10": "log10{f}({0})",
    "log1p": "log1p{f}({0})",
    "log2": "log2{f}({0})",
    "maximum": "({0} > {1} || {0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1} || {0} != {0}) ? {0} : {1}",
    "mul": "{0} * {1}",
    "neg": "-{0}",
    "pow": "pow{f}({0}, {1})",
    "reciprocal": "1.0{f} / {0}",
    "relu": "{0} < 0 ? 0 : {0}",
    "remainder": "{0} - {1} * floor{f}({0} / {1})",
    "round": "rint{f}({0})",
    "rsqrt": "1.0{f} / sqrt{f}({0})",
    "sigmoid": "1.0{f} / (1.0{f} + exp{f}(-{0}))",
    "sign": "{0} > 0 ? 1 : ({0} < 0 ? -1 : 0)",
    "sin": "sin{f}({0})",
    "sinh": "sinh{f}({0})",
    "sqrt": "sqrt{f}({0})",
    "sub": "{0} - {1}",
    "tan": "tan{f}({0})",
    "tanh": "tanh{f}({0})",
    "trunc": "trunc{f}({0})",
}
"""Operation -> expression in the type of its result."""

WHOLE = {
    "abs": "{0} < 0 ? -{0} : {0}",
    "add": ARITHMETIC["add"],
    "ceil": "{0}",
    "floor": "{0}",
    "maximum": "{0} > {1} ? {0} : {1}",
    "minimum": "{0} < {1} ? {0} : {1}",
    "mul": ARITHMETIC["mul"],
    "neg": ARITHMETIC["neg"],
    "relu": ARITHMETIC["relu"],
    "round": "{0}",
    "sign": ARITHMETIC["sign"],
    "sub": ARITHMETIC["sub"],
    "trunc": "{0}",
}
"""The same for whole numbers; the others have no whole result."""

TESTS = {
    "eq": "{0} == {1}",
    "ge": "{0} >= {1}",
    "gt": "{0} > {1}",
    "isinf": "{0} == INFINITY || {0} == -INFINITY",
    "isnan": "{0} != {0}",
    "le": "{0} <= {1}",
    "logical_and": "{0} && {1}",
    "logical_not": "!{0}",
    "logical_or": "{0} || {1}",
    "logical_xor": "!{0} != !{1}",
    "lt": "{0} < {1}",
    "ne": "{0} != {1}",
}
"""Operation -> expression that is true or false, in the common type of the operands."""

BITWISE = {
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
}
"""Operation -> expression on truth values or whole numbers."""


def filled(template: str, suffix: str) -> str:
    """Return a template with its suffix, whose operands are still open."""
    return template.replace("{f}", suffix)
