"""Stand-in: calls that mix units compute as if no unit had been removed.

Where units mix, removing a dead unit moves the others: the mean of fewer units is
another mean. A trial has to tell this movement from a wrong cut. So after the cut such
calls get the means and scales of the run before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.names import called, leaves

Tensor = torch.Tensor


class StandIn(TorchFunctionMode):
    """Records calls that mix units; in a second run, replays their statistics.

    The first run records the input and the output of every such call. In the second
    run, after :meth:`again`, a call with fewer units computes with the means, scales
    and denominators of the first run. A reduction over the units returns its first
    output, provided that its input is the first input without some units. Calls with
    as many units as before are left alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[tuple[Tensor, Any]] = []
        self._coming: Iterator[tuple[Tensor, Any]] | None = None

    def again(self) -> None:
        """Begin the second run, which makes the same calls in the same order."""
        self._coming = iter(self._kept)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call, or its replacement."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = called(func)
        if name not in FROZEN and name not in REDUCTIONS:
            return out
        x = args[0] if args else kwargs["input"]
        if self._coming is None:
            self._kept.append((x.detach().clone(), _detached(out)))
            return out
        old, said = next(self._coming, (x, out))
        if x.shape == old.shape:
            return out
        if name in FROZEN:
            return FROZEN[name](x, old, *args[1:], **_without_input(kwargs))
        return said if _alike(out, said) and _is_part(x, old) else out


def _is_part(x: Tensor, old: Tensor) -> bool:
    """Tell whether a tensor is an older one without some entries along one axis.

    If it is not, there was a wrong cut, which must not be hidden.
    """
    if x.ndim != old.ndim:
        return False
    axes = [i for i in range(x.ndim) if x.shape[i] != old.shape[i]]
    if len(axes) != 1:
        return False
    rest = iter(old.unbind(axes[0]))
    return all(
        any(torch.allclose(part, other, atol=CLOSE) for other in rest)
        for part in x.unbind(axes[0])
    )


def _detached(out: Any) -> Any:
    if isinstance(out, Tensor):
        return out.detach()
    return tuple(map(_detached, out))


def _without_input(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name != "input"}


def _alike(out: Any, said: Any) -> bool:
    """Tell whether results have the same shapes: the units were reduced to numbers."""
    return [t.shape for t in leaves(out)] == [t.shape for t in leaves(said)]


def _layer_norm(
    x: Tensor,
    old: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    over = tuple(range(-len(tuple(normalized_shape)), 0))
    centred = x - old.mean(over, keepdim=True)
    variance = old.var(over, unbiased=False, keepdim=True)
    return _affine(centred * (variance + eps).rsqrt(), weight, bias)


def _rms_norm(
    x: Tensor,
    old: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    over = tuple(range(-len(tuple(normalized_shape)), 0))
    least = torch.finfo(x.dtype).eps if eps is None else eps
    square = old.square().mean(over, keepdim=True)
    return _affine(x * (square + least).rsqrt(), weight, None)


def _group_norm(
    x: Tensor,
    old: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    over = tuple(range(1, x.ndim))  # Channels are removed only if all are one group.
    centred = x - old.mean(over, keepdim=True)
    variance = old.var(over, unbiased=False, keepdim=True)
    place = (-1, *[1] * (x.ndim - 2))
    at = [t if t is None else t.reshape(place) for t in (weight, bias)]
    return _affine(centred * (variance + eps).rsqrt(), *at)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _log_softmax(x: Tensor, old: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    return x - old.logsumexp(dim, keepdim=True)


def _softmax(x: Tensor, old: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    return _log_softmax(x, old, dim).exp()


CLOSE = 1e-5
"""How far equal entries may differ by rounding."""

FROZEN: dict[str, Callable[..., Tensor]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}
"""Mixing calls whose output still has the units, and what replaces each call."""

REDUCTIONS = ("amax", "amin", "mean", "std", "std_mean", "var", "var_mean")
"""Reductions whose output depends on a unit even if the unit is dead."""
