"""Tests for cli/reports.py."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from zoo import make_model, train

from sb3_prune.cli.reports import report_numbers, report_rows
from sb3_prune.compensation.proposing import PruneReport
from sb3_prune.pruning import prune


@pytest.fixture(scope="module")
def report() -> PruneReport:
    model = train(make_model("PPO"))
    config = {"final_sparsity": 0.5}
    return prune(model, "magnitude", config, model.get_env(), episodes=4)


def test_a_compensated_cut(report: PruneReport) -> None:
    assert report.compensation is not None
    rows = dict(report_rows(report))
    assert list(rows) == ["relative error", "moved"]
    worst = max(report.compensation.fits.items(), key=lambda item: item[1].error)
    assert f"{worst[1].error:.3g} at most ({worst[0]})" in rows["relative error"]
    assert (
        f"{report.compensation.observations:,} observations" in rows["relative error"]
    )
    assert rows["moved"].startswith("actions 0")
    numbers = json.loads(json.dumps(report_numbers(report)))
    assert numbers["observations"] == report.compensation.observations
    assert set(numbers["fit_errors"]) == set(report.compensation.fits)
    assert set(numbers["moved"]) == {"actions", "values", "kl"}


def test_a_plain_cut(report: PruneReport) -> None:
    gone = {"compensation": None, "movement": None, "observations": 0}
    plain = replace(report, **gone, plain="no observations")
    assert list(report_rows(plain)) == [("remark", "no observations")]
    looked = replace(plain, observations=1234)
    assert next(report_rows(looked)) == ("looked at", "1,234 observations")
    assert report_numbers(plain) == {
        "observations": 0,
        "fit_error": None,
        "fit_errors": None,
        "moved": None,
        "distillation": None,
        "returns_of_rounds": [],
        "remarks": ["no observations"],
    }
