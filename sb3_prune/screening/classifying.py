"""Classifying: do entropies of single units tell which runs are fast?

Needs the extra ``screening`` (scikit-learn).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, MissingExtraError
from sb3_prune.screening.outcomes import Numbers, Outcomes
from sb3_prune.screening.rates import rate

PARTS: Mapping[str, slice] = {
    "all": slice(None),
    "first 64": slice(0, 64),
    "second 64": slice(64, 128),
}
"""Units whose entropies are read, as in Saad (2023) for two layers of 64."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How well held-out runs are classified as faster than the median or not."""

    accuracy: float
    """Share of the held-out runs that are classified rightly."""
    interval: tuple[float, float]
    """Wilson's interval of the accuracy, of 95 %."""
    chance: float
    """Accuracy of who always says the class that more held-out runs have."""
    p_value: float
    """Probability of so high an accuracy or a higher one by chance (binomial test)."""
    said_faster: float
    """Share of the held-out runs that are called faster: 0 or 1 means that always the
    same was said."""


def classify_faster(
    train: Outcomes,
    train_entropies: Numbers,
    test: Outcomes,
    test_entropies: Numbers,
    *,
    parts: Mapping[str, slice] = PARTS,
) -> dict[str, Verdict]:
    """Predict who takes fewer iterations than the median, from entropies of units.

    A logistic regression on standardised entropies learns from the training runs, its
    penalty is chosen by cross-validation among them, and it is judged on the held-out
    runs. The median is that of the training runs. A run without success counts with all
    iterations that it had.

    Args:
        train: Runs to learn from.
        train_entropies: Entropy of each unit of them, shape ``(runs, units)``.
        test: Held-out runs.
        test_entropies: Entropies of theirs.
        parts: Name -> units that are read.

    Returns:
        The verdict for each part.

    Raises:
        ConfigError: Shapes do not fit, an entropy is not finite, a seed is both for
            training and held out, or no training run is faster than the median.
        MissingExtraError: scikit-learn is not installed.
    """
    if len(np.intersect1d(train.seeds, test.seeds)):
        raise ConfigError("Some seeds are both for training and held out.")
    units = train_entropies.shape[-1]
    for outcomes, entropies in ((train, train_entropies), (test, test_entropies)):
        _check(outcomes, entropies, units)
    median = float(np.median(train.iterations))
    fast, test_fast = train.iterations < median, test.iterations < median
    if fast.sum() < FOLDS:
        raise ConfigError(
            f"Only {int(fast.sum())} of {len(train)} training runs are faster than the "
            f"median, {median:g} iterations; at least {FOLDS} are needed."
        )
    found = {}
    for name, part in parts.items():
        if not train_entropies[:, part].shape[1]:
            raise ConfigError(f"Part '{name}' has none of the {units} units.")
        said = _learner().fit(train_entropies[:, part], fast)
        found[name] = _judged(said.predict(test_entropies[:, part]), test_fast)
    return found


FOLDS = 5
"""Parts of the training runs in the cross-validation."""


def _learner() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.model_selection import GridSearchCV  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("Classifying", "scikit-learn", "screening") from error
    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    penalties = {"logisticregression__C": np.logspace(-4, 1, 6)}
    return GridSearchCV(learner, penalties, cv=FOLDS)


def _judged(said: NDArray[np.bool_], fast: NDArray[np.bool_]) -> Verdict:
    from scipy.stats import binomtest  # noqa: PLC0415  # It loads for a second.

    right, runs = int((said == fast).sum()), len(fast)
    chance = max(float(fast.mean()), 1 - float(fast.mean()))
    measured = rate(right, runs)
    assert measured.share is not None and measured.interval is not None
    return Verdict(
        accuracy=measured.share,
        interval=measured.interval,
        chance=chance,
        p_value=float(binomtest(right, runs, chance, alternative="greater").pvalue),
        said_faster=float(said.mean()),
    )


def _check(outcomes: Outcomes, entropies: Numbers, units: int) -> None:
    if entropies.shape != (len(outcomes), units):
        raise ConfigError(
            f"Entropies must have shape (runs, units) = {(len(outcomes), units)}, got "
            f"{entropies.shape}."
        )
    if not np.isfinite(entropies).all():
        raise ConfigError("Entropies of units must be finite.")
