r"""Fit: express the units that a layer had by the units that it keeps, from samples.

Readers got :math:`W h`, with activations h of K units. After a cut they get
:math:`W' h' + b` from K' units. If :math:`h \approx C h' + c`, then
:math:`W' = W C, b = W c` change little. A plain cut has a C of its own, :math:`C_0`: it
copies each kept unit, and c is 0. The fit keeps close to it, by a ridge:

.. math:: \min_{C, c} \frac1N \sum_n \lVert h_n - C h'_n - c \rVert^2
          + \lambda \lVert C - C_0 \rVert^2

At the minimum, the first term is never larger than that of the plain cut. The ridge is
a multiple of the mean variance of h'. Which multiple is decided by samples that are
held out, and then all samples are used. The plain cut itself is one of the candidates.
Multiples below 1e-3 are for units that can be expressed exactly: elsewhere they
hardly fit fresh samples better, but with large weights, and training then moves outputs
too far.

References:
    Chee, Renz, Damle, De Sa 2022, "Model preserving compression for neural networks"
    (interpolative decomposition); He, Zhang, Sun 2017, "Channel pruning for
    accelerating very deep neural networks" (least squares); Hoerl & Kennard 1970
    (ridge).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sb3_prune.exceptions import NonFiniteError, NoObservationsError

RIDGES = (1e-3, 1e-2, 1e-1)
"""Ridges to choose from, as multiples of the mean variance of the new units."""
LEAST = 1e-8
"""A further one, for units that can be expressed exactly ..."""
EXACTLY = 1e-5
"""... which it then does but for this share, of roots of summed squares."""
BLOCK = 64
"""Consecutive samples, which resemble each other, are held out together."""
HELD_OUT = 5
"""One in so many blocks is held out."""
CONSTANT = 1e-5
"""Ridges are multiples of at least this share of the mean square of new units ..."""
SMALL = 1e-30
"""... and of this, where all of them are dead."""
EXACT = 1e-12
"""A unit is as before if the share of its square that is missing is at most this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """How a layer's old units follow from its new ones."""

    columns: torch.Tensor
    """C, (K, K')."""
    shifts: torch.Tensor
    """c, (K,)."""
    samples: int
    """Number of samples N."""
    ridge: float
    """The ridge, as a multiple of the mean variance of the new units; infinite where
    the plain cut is best."""
    plain: float
    """Relative error of the plain cut on samples that are held out: the root of the
    summed squares that are missing, divided by that of the units' variances. Units
    count by the norms of the weights that read them."""
    error: float
    """The same error of this fit, made without the samples that are held out."""


@dataclass
class _Moments:
    """Sums over samples, from which every fit and every error follows."""

    count: int
    new: torch.Tensor
    """Mean of h', (K',)."""
    old: torch.Tensor
    """Mean of h, (K,)."""
    gram: torch.Tensor
    """Mean of h' h'^T, (K', K')."""
    cross: torch.Tensor
    """Mean of h' h^T, (K', K)."""
    power: torch.Tensor
    """Mean of h^2, (K,)."""

    @classmethod
    def of(cls, old: torch.Tensor, new: torch.Tensor) -> _Moments:
        n = len(old)
        return cls(
            n,
            new.mean(0),
            old.mean(0),
            new.T @ new / n,
            new.T @ old / n,
            old.square().mean(0),
        )

    def are_finite(self) -> bool:
        """Tell whether all samples are finite: a sum with NaN or infinity is not."""
        sums = (self.power, self.gram.diagonal())
        return all(bool(each.isfinite().all()) for each in sums)

    def variance(self) -> torch.Tensor:
        """Return the variance of each old unit, (K,)."""
        return (self.power - self.old.square()).clamp_min(0.0)

    def joined(self, other: _Moments) -> _Moments:
        """Return the moments of both sets of samples."""
        n, m = self.count, other.count
        names = ("new", "old", "gram", "cross", "power")
        means = {
            name: (n * getattr(self, name) + m * getattr(other, name)) / (n + m)
            for name in names
        }
        return _Moments(n + m, **means)

    def missing(self, columns: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        """Return the mean square of h - C h' - c by unit, (K,)."""
        explained = (columns * (columns @ self.gram)).sum(-1)
        crossed = (columns * self.cross.T).sum(-1)
        shifted = 2 * shifts * (columns @ self.new - self.old) + shifts.square()
        return (self.power - 2 * crossed + explained + shifted).clamp_min(0.0)


def held_out(samples: int) -> torch.Tensor:
    """Tell which samples are held out, bool: every fifth block, or every fifth one."""
    block = BLOCK if samples >= BLOCK * HELD_OUT else 1
    return torch.arange(samples) // block % HELD_OUT == HELD_OUT - 1


def fit(
    old: torch.Tensor,
    new: torch.Tensor,
    start: torch.Tensor,
    weights: torch.Tensor,
    *,
    intercept: bool = True,
    ridges: Sequence[float] | None = None,
) -> Fit:
    """Fit the old units of a layer by its new ones.

    Args:
        old: Activations h before the cut, (samples, K).
        new: Activations h' after the cut for the same inputs, (samples, K').
        start: :math:`C_0`, what the plain cut does, (K, K').
        weights: Weight of each unit in errors, (K,): the norm of what reads it.
        intercept: Whether there is a c; else it is 0.
        ridges: Ridges to choose from; by default :data:`RIDGES`, and :data:`LEAST` for
            units that can be expressed exactly.

    Raises:
        NoObservationsError: There are fewer than five samples.
        NonFiniteError: An activation is NaN or infinite.
    """
    # Not all devices have double precision.
    old, new, start, weights = (t.cpu().double() for t in (old, new, start, weights))
    if len(old) < HELD_OUT:
        raise NoObservationsError(f"A fit needs {HELD_OUT} samples, got {len(old)}.")
    held = held_out(len(old))
    kept, out = (_Moments.of(old[s], new[s]) for s in (~held, held))
    if not (kept.are_finite() and out.are_finite()):
        raise NonFiniteError("Activations of the units are NaN or infinite.")
    squares = weights.square()
    ridge, found = math.inf, (start, torch.zeros_like(weights))
    plain = least = float(out.missing(*found) @ squares)
    whole = kept.joined(out)
    path = _Path.of(whole, start, intercept)
    ridges = _ridges(path, whole, squares) if ridges is None else ridges
    lost = _Path.of(kept, start, intercept).lost(ridges, out, squares)
    best = int(lost.argmin())
    if float(lost[best]) < plain:
        ridge, least = ridges[best], float(lost[best])
        found = path.solution(ridge)
    total = float(out.variance() @ squares)
    return Fit(
        columns=found[0].clone(),
        shifts=found[1].clone(),
        samples=len(old),
        ridge=ridge,
        plain=_relative(plain, total),
        error=_relative(least, total),
    )


def _ridges(path: _Path, whole: _Moments, squares: torch.Tensor) -> Sequence[float]:
    exact = EXACTLY**2 * float(whole.power @ squares)
    missing = float(path.lost([LEAST], whole, squares))
    return (LEAST, *RIDGES) if missing <= exact else RIDGES


def _relative(missing: float, total: float) -> float:
    return (missing / total) ** 0.5 if total > 0 else float(missing > 0)


@dataclass
class _Path:
    """The fits to some samples for all ridges, in the basis where C - C_0 is diagonal.

    With the eigenvectors V and eigenvalues of the new units' covariance, the fit of a
    ridge is :math:`C - C_0 = (V D T)^T`, where only the diagonal D depends on it.
    """

    start: torch.Tensor
    """C_0, (K, K')."""
    vectors: torch.Tensor
    """V, (K', K')."""
    values: torch.Tensor
    """Eigenvalues, (K',)."""
    scale: torch.Tensor
    """What ridges are multiples of, a scalar."""
    turned: torch.Tensor
    """T, (K', K); 0 for units that the plain cut leaves as they are."""
    rest: torch.Tensor
    """c of the plain cut, (K,)."""
    new: torch.Tensor
    """Mean of h', (K',); 0 without intercept."""

    @classmethod
    def of(cls, moments: _Moments, start: torch.Tensor, intercept: bool) -> _Path:
        gram, cross = moments.gram, moments.cross - moments.gram @ start.T
        rest = moments.old - start @ moments.new
        asis = moments.missing(start, torch.zeros_like(rest)) <= EXACT * moments.power
        new = moments.new if intercept else torch.zeros_like(moments.new)
        rest = rest if intercept else torch.zeros_like(rest)
        gram, cross = gram - torch.outer(new, new), cross - torch.outer(new, rest)
        rest[asis] = 0.0
        cross[:, asis] = 0.0
        values, vectors = torch.linalg.eigh(gram)
        values = values.clamp_min(0.0)
        # Below this, variances are rounding errors.
        least = CONSTANT * float(moments.gram.diagonal().mean()) + SMALL
        scale = values.mean().clamp_min(least)
        return cls(start, vectors, values, scale, vectors.T @ cross, rest, new)

    def solution(self, ridge: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return C, (K, K'), and c, (K,)."""
        inverse = 1 / (self.values + ridge * self.scale)
        step = (self.vectors @ (inverse[:, None] * self.turned)).T
        return self.start + step, self.rest - step @ self.new

    def lost(
        self, ridges: Sequence[float], out: _Moments, squares: torch.Tensor
    ) -> torch.Tensor:
        """Return what the fits miss of other samples, without computing any C.

        Args:
            ridges: The ridges.
            out: The other samples.
            squares: Squared weights of the units, (K,).

        Returns:
            The weighted sums of :meth:`_Moments.missing`, (ridges,).
        """
        added = self.scale * self.values.new_tensor(ridges)
        inverse = 1 / (self.values + added[:, None])
        basis, turned, none = self.vectors, self.turned, torch.zeros_like(squares)
        left = basis.T @ (out.cross - out.gram @ self.start.T)
        linear = (turned * left) @ squares
        quadratic = (basis.T @ out.gram @ basis) * ((turned * squares) @ turned.T)
        shifts = self.rest - (inverse * (basis.T @ self.new)) @ turned
        means = (inverse * (basis.T @ out.new)) @ turned
        means = means + self.start @ out.new - out.old
        lost = out.missing(self.start, none) @ squares - 2 * inverse @ linear
        lost = lost + ((inverse @ quadratic) * inverse).sum(1)
        lost = lost + (2 * shifts * means + shifts.square()) @ squares
        return lost.clamp_min(0.0)
