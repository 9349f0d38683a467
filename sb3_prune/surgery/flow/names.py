"""Names: the plain names of torch calls that a function mode sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch

_SILENT = """
allclose broadcast_shapes can_cast deepcopy dim data_ptr element_size equal format
get_device has_names hash is_complex is_conj is_contiguous is_floating_point
is_inference is_inference_mode_enabled is_neg is_nonzero is_same_size is_set_to
is_signed is_tensor
len ndimension nelement numel promote_types register_hook repr result_type setstate size
storage storage_offset str stride untyped_storage
"""
_FACTORIES = """
arange empty eye full linspace normal ones rand randint randn randperm zeros
"""
_MORE_POINTWISE = """
abs add addcdiv addcmul alias alpha_dropout and as_subclass bernoulli bool
broadcast_tensors bfloat16 cast celu clone contiguous copy cpu cuda data detach div
double dropout dropout1d dropout2d dropout3d elu empty_like eq expand_as exponential
feature_alpha_dropout feature_dropout fill float floor_divide full_like ge gt half
hardsigmoid hardswish int invert isfinite isinf isnan le log_sigmoid logsigmoid long lt
mul nan_to_num ne neg normal ones_like or positive pow rand_like randn_like real relu6
requires_grad rrelu rsub selu softplus softsign square sub tanhshrink threshold to
true_divide type type_as uniform where xor zero zeros_like
"""
_ARITHMETIC = frozenset(
    (
        *("add", "and", "div", "floordiv", "matmul", "mod", "mul"),
        *("or", "pow", "sub", "truediv", "xor"),
    )
)
_RENAMED = {"truediv": "div", "floordiv": "floor_divide", "mod": "remainder"}

SILENT = frozenset(_SILENT.split())
"""Calls that may return something else than tensors without fixing any units."""
ALIASES = frozenset(("detach", "data", "clone", "requires_grad"))
"""Calls that pass a tensor on without using its values."""
FACTORIES = frozenset(_FACTORIES.split())
"""Calls that make a tensor from sizes alone."""


def called(function: Callable[..., Any]) -> str:
    """Return the plain name of a torch function, method, operator or property.

    ``Tensor.__radd__`` and ``torch.add_`` are ``add``, and the property ``Tensor.T`` is
    ``T``. Setting a property is ``set``.
    """
    name: str = getattr(function, "__name__", str(function))
    if name == "__get__":
        return str(getattr(getattr(function, "__self__", None), "__name__", "?"))
    if name == "__set__":
        return "set"
    if name.startswith("__") and name.endswith("__"):
        return _operator(name[2:-2])
    return name.strip("_") if name.startswith("_") else name.rstrip("_")


def _operator(core: str) -> str:
    if core in ("rdiv", "rtruediv"):  # Another function of the tensor than div.
        return "reciprocal"
    if core[0] in "ri" and core[1:] in _ARITHMETIC and core != "rmatmul":
        core = core[1:]
    return _RENAMED.get(core, core)


@cache
def pointwise() -> frozenset[str]:
    """Return the names of all calls that compute every entry by itself."""
    names = set(_MORE_POINTWISE.split())
    for schema in torch._C._jit_get_all_schemas():
        space, _, name = schema.name.partition("::")
        if space == "aten" and not name.startswith("_") and _is_pointwise(name):
            names.add(name.rstrip("_"))
    return frozenset(names - {"max", "min"})  # These reduce as well.


def _is_pointwise(name: str) -> bool:
    packet = getattr(torch.ops.aten, name, None)
    overloads = [] if packet is None else packet.overloads()
    return any(torch.Tag.pointwise in getattr(packet, o).tags for o in overloads)


def leaves(nested: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples and dictionaries."""
    if isinstance(nested, torch.Tensor):
        yield nested
    elif isinstance(nested, list | tuple):
        for inner in nested:
            yield from leaves(inner)
    elif isinstance(nested, dict):
        yield from leaves(list(nested.values()))
