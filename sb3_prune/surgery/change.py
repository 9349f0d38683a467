r"""Changes: what happens to the units of one hidden layer, as a pair of matrices.

A change from K to K' units has two matrices. P (K', K) turns the old incoming weights
and biases into the new ones. C (K, K') does so for the outgoing weights of every
reader: it takes the activations :math:`h` of the old units to be
:math:`h \approx C h' + c`, where :math:`h'` are those of the new units.

.. math:: W_l' = P W_l + D R, \quad b_l' = P b_l, \quad
          W_{l+1}' = W_{l+1} C, \quad b_{l+1}' = b_{l+1} + W_{l+1} c

New units may get random incoming weights. R holds such rows, drawn uniformly within
:math:`\pm 1/\sqrt{inputs}`, and D adds each row to a new unit. Two changes in sequence
are one change with the products of their matrices, and with :math:`c_1 + C_1 c_2`. A
change refers to no network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from numbers import Integral
from typing import Any

import torch

from sb3_prune.exceptions import PlanError, shown
from sb3_prune.surgery.flow.slots import Side

MOST = 2**62
"""Every seed is smaller than this."""
EXACT = 2**24
"""Whole numbers below this are floats as well."""
NO_NOISE = -20.0
"""Logarithm of a standard deviation of almost 0; SB3's own lower bound."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """A change of the units of one hidden layer.

    Raises:
        PlanError: The matrices do not fit each other, are not finite, or leave no unit;
            or a seed is not a valid integer.
    """

    rows: torch.Tensor
    """P, (K', K)."""
    columns: torch.Tensor
    """C, (K, K')."""
    draws: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    """D, (K', number of drawn rows)."""
    seeds: tuple[int, ...] = ()
    """One seed per drawn row."""
    shifts: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    """c, (K,), which the readers' biases take over; zeros by default."""

    def __post_init__(self) -> None:
        names = ("rows", "columns", "draws", "shifts")
        for name, matrix in zip(names, self._matrices(), strict=True):
            object.__setattr__(self, name, matrix)
        self._check_seeds()
        if self.rows.ndim != 2 or self.rows.shape != self.columns.shape[::-1]:  # noqa: PLR2004
            raise PlanError(
                f"rows must be (K', K) and columns (K, K'), got "
                f"{tuple(self.rows.shape)} and {tuple(self.columns.shape)}."
            )
        if self.after < 1 or self.before < 1:
            raise PlanError(f"A layer of {self.before} units must keep at least one.")
        if not self.seeds and not self.draws.numel():
            object.__setattr__(self, "draws", self.rows.new_zeros(self.after, 0))
        if self.draws.shape != (self.after, len(self.seeds)):
            raise PlanError(
                f"draws must be ({self.after}, {len(self.seeds)}), one column per seed,"
                f" got {tuple(self.draws.shape)}."
            )
        if not self.shifts.numel():
            object.__setattr__(self, "shifts", self.rows.new_zeros(self.before))
        if self.shifts.shape != (self.before,):
            raise PlanError(
                f"shifts must be ({self.before},), one per old unit, "
                f"got {tuple(self.shifts.shape)}."
            )
        tensors = (self.rows, self.columns, self.draws, self.shifts)
        if not all(bool(t.isfinite().all()) for t in tensors):
            raise PlanError(f"{', '.join(names)} of a change must be finite.")

    def _matrices(self) -> list[torch.Tensor]:
        """Return the tensors of the change on the CPU, all with the same dtype."""
        given = [self.rows, self.columns, self.draws, self.shifts]
        for matrix in given:
            require_real("A change", matrix)
        # A strategy may work on a GPU, or count in integers. Products of other layouts
        # differ in the last bit, so a plan that was saved would do something else.
        dtype = _joint([matrix.dtype for matrix in given])
        return [_exactly(matrix, dtype).contiguous() for matrix in given]

    def _check_seeds(self) -> None:
        seeds = listed("Seeds must be whole numbers", self.seeds)
        for seed in seeds:
            whole = isinstance(seed, Integral) and not isinstance(seed, bool)
            if not whole or not 0 <= seed < MOST:
                raise PlanError(
                    f"A seed is a whole number from 0 to {MOST - 1}, got {shown(seed)}."
                )
        # JSON stores no integers of NumPy.
        object.__setattr__(self, "seeds", tuple(map(int, seeds)))

    @property
    def before(self) -> int:
        """Number of units K before the change."""
        return self.rows.shape[1]

    @property
    def after(self) -> int:
        """Number of units K' after the change."""
        return self.rows.shape[0]

    @cached_property
    def kept(self) -> torch.Tensor | None:
        """Indices of the old units that the new ones are, (K',); None if they mix."""
        one_hot = (self.rows.count_nonzero(dim=1) == 1).all()
        index = self.rows.argmax(dim=1)
        ones = self.rows.gather(1, index[:, None]) == 1
        return index if not self.seeds and one_hot and ones.all() else None

    @cached_property
    def distinct(self) -> torch.Tensor | None:
        """Like ``kept``, but None as well if an old unit occurs twice."""
        twice = (self.rows.count_nonzero(dim=0) > 1).any()
        return None if twice else self.kept

    @cached_property
    def selection(self) -> torch.Tensor | None:
        """Indices of the kept units, (K',); None unless the change only selects."""
        plain = not self.shifts.any() and torch.equal(self.rows, self.columns.T)
        return self.kept if plain else None

    @cached_property
    def removed(self) -> torch.Tensor:
        """Indices of the old units whose outgoing weights are dropped, (removed,)."""
        return (~self.columns.any(dim=1)).nonzero().flatten()

    def then(self, other: Change) -> Change:
        """Return the change that does this one first, then ``other``.

        Raises:
            PlanError: The other change is for another number of units.
        """
        if other.before != self.after:
            raise PlanError(
                f"Cannot compose: this change leaves {self.after} units, "
                f"the other expects {other.before}."
            )
        kind = torch.promote_types(self.rows.dtype, other.rows.dtype)
        rows, columns = other.rows.to(kind), other.columns.to(kind)
        draws = torch.cat([rows @ self.draws.to(kind), other.draws.to(kind)], dim=1)
        used = (draws != 0).any(dim=0)
        shifts = self.shifts.to(kind) + self.columns.to(kind) @ other.shifts.to(kind)
        seeds = [*self.seeds, *other.seeds]
        return Change(
            rows=rows @ self.rows.to(kind),
            columns=self.columns.to(kind) @ columns,
            draws=draws[:, used],
            seeds=tuple(s for s, u in zip(seeds, used.tolist(), strict=True) if u),
            shifts=shifts,
        )

    def __repr__(self) -> str:
        kind = "select" if self.selection is not None else "mix"
        drawn = f", {len(self.seeds)} drawn" if self.seeds else ""
        return f"Change({self.before} -> {self.after} units, {kind}{drawn})"

    def transform(
        self, segment: torch.Tensor, axis: int, side: Side, *, moment: bool = False
    ) -> torch.Tensor:
        """Return a segment of a tensor after the change.

        Args:
            segment: Tensor with K entries along ``axis``.
            axis: Axis along which the units lie.
            side: What the tensor does with the units.
            moment: Whether the tensor is a running moment of an optimiser. Moments are
                averaged over merged units, as are tensors of ``Side.UNIT``. Moments
                of a unit that stays as it is stay, too, whatever its readers get: the
                gradient of a weight that reads a unit depends on this unit alone.

        Returns:
            The tensor with K' entries along ``axis``; drawn rows are still zero.
        """
        special = {Side.COLUMNS: self.selection, Side.NOISE: self.distinct}
        index = self.kept if moment else special.get(side, self.kept)
        if index is not None:
            return segment.index_select(axis, index.to(segment.device))
        if side is Side.NOISE and not moment:
            return self._noise(segment, axis)
        matrix = self.columns.T if side in special else self.rows
        if moment or side is Side.UNIT:
            matrix = matrix.abs() / matrix.abs().sum(1, keepdim=True).clamp_min(1e-12)
        new: torch.Tensor = torch.tensordot(matrix.to(segment), segment, ([1], [axis]))
        return _packed(new.movedim(0, axis))  # (..., K', ...)

    def _noise(self, log_std: torch.Tensor, axis: int) -> torch.Tensor:
        r"""Return the ``log_std`` that keeps the variance of gSDE's noise.

        The noise is :math:`\sum_k h_k \epsilon_k`, with standard deviations
        :math:`\sigma_k`. Where :math:`h_k = C_{kc} h'_c`, the variances add up to:

        .. math:: \sigma'^2_c = \sum_k C_{kc} \sum_{c' = c} C_{kc'} \sigma_k^2

        The inner sum is over c and its twins, whose activations are equal: of two that
        say one half each, each has half the variance. An added unit gets (almost) none.
        """
        made: Any = torch.hstack([self.rows, self.draws])
        _, kinds = made.unique(dim=0, return_inverse=True)
        twins = (kinds[:, None] == kinds).to(self.columns)
        squares = (self.columns * (self.columns @ twins)).clamp_min(0).T.to(log_std)
        variances = torch.tensordot(squares, (2 * log_std).exp(), dims=([1], [axis]))
        new: torch.Tensor = (variances.log() / 2).clamp_min(NO_NOISE)
        # A new unit that is one unchanged old unit keeps its noise bit for bit.
        same = (squares.count_nonzero(dim=1) == 1) & (squares.sum(dim=1) == 1)
        new[same] = log_std.movedim(axis, 0)[squares.argmax(dim=1)][same]
        return _packed(new.movedim(0, axis))

    def drawn(self, inputs: int, place: int = 0) -> torch.Tensor:
        """Return the drawn part D R of the new incoming weights, (K', inputs).

        Args:
            inputs: Number of weights that feed a unit.
            place: Number of the weight, if several feed the units: each has own draws.
        """
        if not self.seeds:
            return torch.zeros(self.after, inputs)
        rows = torch.stack([_draw(seed + place, inputs) for seed in self.seeds])
        return torch.matmul(self.draws, rows.to(self.draws))


def listed(expected: str, given: Any) -> list[Any]:
    """Return what a list holds; other kinds of collections may do as well.

    Raises:
        PlanError: It is a mapping, text, bytes, or no collection, as a single number.
    """
    try:
        if not isinstance(given, Mapping | str | bytes | bytearray):
            return list(given)
    except (TypeError, RuntimeError):
        pass  # A tensor of no dimension has an iterator that fails.
    raise PlanError(f"{expected} in a list, got {shown(given)}.")


def require_real(what: str, given: object) -> None:
    """Check that something is a dense tensor of real numbers.

    Raises:
        PlanError: It is not.
    """
    if (
        not isinstance(given, torch.Tensor)
        or given.is_complex()
        or given.layout != torch.strided
    ):
        raise PlanError(f"{what} is made of real tensors, got {shown(given)}.")
    if given.is_meta:
        raise PlanError(f"{what} is made of numbers, got a tensor on 'meta'.")


def _joint(kinds: list[torch.dtype]) -> torch.dtype:
    """Return the type of floats that is to hold numbers of all these types."""
    try:
        return reduce(torch.promote_types, kinds, torch.float32)
    except RuntimeError as error:
        raise PlanError(f"A change is made of other tensors: {error}") from error


def _exactly(matrix: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Return a tensor on the CPU, with another type but the same numbers."""
    found = matrix.detach().to("cpu", kind)
    if not matrix.is_floating_point() and bool((found.abs() >= EXACT).any()):
        raise PlanError(f"A whole number in a change must be below {EXACT}.")
    return found


def _draw(seed: int, inputs: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    unit: torch.Tensor = torch.rand(inputs, generator=generator) * 2 - 1
    return unit / math.sqrt(inputs)


def _packed(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy with the strides of a new tensor.

    ``contiguous()`` leaves odd strides along axes of one entry. They choose another
    matrix product, so a run that goes on would differ from a resumed one in the last
    bit.
    """
    return tensor.clone(memory_format=torch.contiguous_format)
