"""Still: what is drawn in training does not depend on the number of units.

A network with noise says something else after a cut for two reasons: it may be cut
wrongly, and another number of draws gives other draws. The second one has to go, so
that outputs before and after a cut can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.names import called
from sb3_prune.surgery.flow.quiet import seed_torch

Tensor = torch.Tensor

LEVELS = (0.2, 0.8)
"""Quantiles to run with. A mask is open at one of them and closed at the other."""


class Still(TorchFunctionMode):
    """Drops nothing, and lets all entries of a draw be one quantile.

    Along an axis that is as long as the batch, draws differ, so that some rows of a
    mask are open and some are closed. All other random calls are repeatable: the seed
    is put back after each draw of this mode.

    Attributes:
        drawn: Whether something was drawn.
    """

    def __init__(self, level: float, rows: int) -> None:
        super().__init__()
        self.level, self.rows = level, rows
        self.drawn = False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call, or its replacement."""
        kwargs, name = kwargs or {}, called(func)
        if name in DROPOUTS:
            given: Tensor = args[0] if args else kwargs["input"]
            return given.clone()
        if name == "rrelu":
            return nn.functional.rrelu(*args[:3], **_slopes(kwargs))
        if name in RECURRENT:  # Dropout between its layers is the only float.
            args = [0.0 if isinstance(value, float) else value for value in args]
        out = func(*args, **kwargs)
        if name in DRAWS:
            self._put(out, DRAWS[name], args, kwargs)
        return out

    def _put(self, out: Tensor, draw: Draw, args: Any, kwargs: Any) -> None:
        """Overwrite what was drawn."""
        self.drawn = True
        in_place = bool(args) and args[0] is out
        with torch.no_grad():
            quantile = self._quantiles(out)
            out.copy_(draw(quantile, in_place, args[in_place:], kwargs))
        seed_torch(0)

    def _quantiles(self, out: Tensor) -> Tensor:
        found = torch.full(out.shape, self.level, device=out.device)
        for axis, size in enumerate(out.shape):
            if size == self.rows:
                place = [1] * out.ndim
                place[axis] = size
                steps = torch.arange(size, device=out.device) / size
                found = found + steps.view(place)
        return 0.01 + 0.98 * (found % 1.0)


def _slopes(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of rrelu that say its slopes, of which it takes the mean."""
    names = ("input", "lower", "upper")
    return {name: kwargs[name] for name in names if name in kwargs}


Draw = Callable[[Tensor, bool, Sequence[Any], dict[str, Any]], Tensor]
"""Returns entries from their quantiles; whether the draw is in place, and the further
arguments of the call."""


def _argument(
    given: Sequence[Any], place: int, kwargs: dict[str, Any], name: str, default: Any
) -> Any:
    return given[place] if len(given) > place else kwargs.get(name, default)


def _standard_uniform(u: Tensor, *_: Any) -> Tensor:
    return u


def _uniform(u: Tensor, _: bool, given: Sequence[Any], kwargs: Any) -> Tensor:
    low = _argument(given, 0, kwargs, "from", kwargs.get("a", 0.0))
    high = _argument(given, 1, kwargs, "to", kwargs.get("b", 1.0))
    uniform: Tensor = low + (high - low) * u
    return uniform


def _standard_normal(u: Tensor, *_: Any) -> Tensor:
    normal: Tensor = torch.special.ndtri(u)
    return normal


def _normal(u: Tensor, _: bool, given: Sequence[Any], kwargs: Any) -> Tensor:
    mean = _argument(given, 0, kwargs, "mean", 0.0)
    scale = _argument(given, 1, kwargs, "std", 1.0)
    normal: Tensor = mean + scale * torch.special.ndtri(u)
    return normal


def _bernoulli(u: Tensor, in_place: bool, given: Sequence[Any], kwargs: Any) -> Tensor:
    chance = kwargs.get("p", given[-1] if given else kwargs.get("input", 0.5))
    hit: Tensor = u < chance
    return hit.to(u)


def _exponential(u: Tensor, _: bool, given: Sequence[Any], kwargs: Any) -> Tensor:
    waited: Tensor = -torch.log1p(-u) / _argument(given, 0, kwargs, "lambd", 1.0)
    return waited


DROPOUTS = frozenset(
    (
        *("dropout", "dropout1d", "dropout2d", "dropout3d", "native_dropout"),
        *("alpha_dropout", "feature_alpha_dropout", "feature_dropout"),
    )
)
"""Calls that drop entries; here they drop none."""
RECURRENT = frozenset(("gru", "lstm", "rnn_relu", "rnn_tanh"))
"""Calls that may drop entries between layers."""
DRAWS: dict[str, Draw] = {
    "bernoulli": _bernoulli,
    "exponential": _exponential,
    "normal": _normal,
    "rand": _standard_uniform,
    "rand_like": _standard_uniform,
    "randn": _standard_normal,
    "randn_like": _standard_normal,
    "uniform": _uniform,
}
"""Calls that draw every entry by itself, and their values by quantiles."""
