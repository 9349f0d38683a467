"""Reports: how well compensated cuts fit, as numbers and text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sb3_prune.compensation.proposing import PruneReport


def report_numbers(report: PruneReport) -> dict[str, Any]:
    """Return the fits, how far outputs moved, and the remarks, by name."""
    found, moved = report.compensation, report.movement
    return {
        "observations": report.observations,
        "fit_error": found and found.error,
        "fit_errors": found and {name: fit.error for name, fit in found.fits.items()},
        "moved": moved and asdict(moved),
        "distillation": report.distillation and asdict(report.distillation),
        "returns_of_rounds": list(report.returns),
        "remarks": report.remarks(),
    }


def report_rows(report: PruneReport) -> Iterator[tuple[str, str]]:
    """Yield names and texts: the largest error of a fit, movement, and remarks."""
    found, moved = report.compensation, report.movement
    if found is not None and found.fits:
        worst = max(found.fits, key=lambda name: found.fits[name].error)
        seen = f"{found.observations:,} observations"
        yield "relative error", f"{found.error:.3g} at most ({worst}), fitted on {seen}"
    elif report.observations:
        yield "looked at", f"{report.observations:,} observations"
    if moved is not None:
        far = {"actions": moved.actions, "values": moved.values, "KL": moved.kl}
        shown = [
            f"{name} {value:.3g}" for name, value in far.items() if value is not None
        ]
        yield "moved", ", ".join(shown)
    if (learnt := report.distillation) is not None:
        yield "distilled", f"loss {learnt.before:.3g} -> {learnt.after:.3g}"
    if report.returns:
        yield "rounds", "returns " + ", ".join(f"{r:.5g}" for r in report.returns)
    for remark in report.remarks():
        yield "remark", remark
