"""Made-up trainings of Method 2, for tests of what is said of them."""

from __future__ import annotations

from typing import Any

from benchmarks.ofexinet.results import Results, Run


def runs_of(
    returns: dict[str, list[list[float]]], units: dict[str, int] | None = None
) -> Results:
    """Return results made of the evaluations of each seed; the first seed is 0."""
    found: Any = Results.__new__(Results)
    found.since = 0.0
    found.built = {"ofe": {"d": 10.0, "t": 10.0}}
    for name, seeds in returns.items():
        found[name] = [
            Run(
                seed=seed,
                since=0.0,
                end=0.0,
                history=[row(i, value, units) for i, value in enumerate(values)],
            )
            for seed, values in enumerate(seeds)
        ]
    return found  # type: ignore[no-any-return]


def row(at: int, value: float, units: dict[str, int] | None) -> dict[str, Any]:
    """Return an evaluation."""
    return {
        "timesteps": at + 1,
        "return": value,
        "terms": {"d": 5.0, "t": 5.0},
        "units": units or {"ofe.phi_o.0": 4, "ofe.phi_oa.0": 4},
        "aux_loss": 1.0,
        "variance": 1.0,
        "feature_gap": 0.1,
    }
