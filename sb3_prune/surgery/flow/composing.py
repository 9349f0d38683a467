"""Composing: how a computed weight depends on the tensors that it is made of.

A change of units multiplies every tensor behind a weight by its matrix. For a sum of
tensors, the weight is multiplied as well. In a product with two factors that hold the
units, the matrix would act twice; in a square it would be squared. There, units can
only be selected.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

SUMS, PRODUCT, CURVE = 0, 1, 2
"""A weight is a sum of tensors, a product of several, or some other function."""

_NAMES = """
alias as_subclass cat chunk clone concat concatenate contiguous cpu cuda data detach
double expand expand_as flatten float getitem half hstack mT mean movedim moveaxis
narrow neg permute repeat requires_grad reshape reshape_as select split squeeze stack
sum swapaxes swapdims t T to transpose type type_as unbind unflatten unsqueeze view
view_as vstack
"""
_LINEAR = frozenset(_NAMES.split())
_PRODUCTS = frozenset(("bmm", "einsum", "ger", "matmul", "mm", "mul", "mv", "outer"))


def composed(name: str, sources: Sequence[Set[int]]) -> int:
    """Return how what a call returned depends on the tensors that it got.

    Args:
        name: Name of the call.
        sources: For each tensor that it got, the parameters behind this tensor.
    """
    if name in _LINEAR or (name in ("div", "mul") and len(sources) == 1):
        return SUMS  # Times, or by, a number: a number by a tensor is another call.
    if name in ("add", "sub"):  # A sum with a number, or with a constant, is none.
        return SUMS if len(sources) > 1 and all(sources) else CURVE
    if name not in _PRODUCTS:
        return CURVE
    behind = [key for keys in sources for key in keys]
    return PRODUCT if len(set(behind)) == len(behind) else CURVE
