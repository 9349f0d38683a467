"""Tests for surgery/report.py."""

from __future__ import annotations

import zoo

import sb3_prune as sp


def test_the_report_counts_units_and_parameters() -> None:
    policy = zoo.copied("SAC")
    count = sum(p.numel() for p in policy.parameters())
    report = sp.apply(policy, {"actor.latent_pi.0": sp.remove([1, 2], 12)})
    assert report.units == {"actor.latent_pi.0": (12, 10)}
    after = sum(p.numel() for p in policy.parameters())
    inputs, outputs = 3, 10
    assert report.parameters == (count, after)
    assert count - after == 2 * (inputs + 1 + outputs)


def test_the_report_says_what_deserves_a_look() -> None:
    report = sp.surgery.Report(
        units={},
        parameters=(2, 1),
        lagging={"a": 0.5},
        unfolded={"b": "a reader has no bias"},
        mixing={"c": "layer_norm: outputs of a copy moved by 0.1"},
        unoptimised=("d.weight",),
        fixed={"e": "no rule for glu"},
    )
    assert report.remarks() == [
        "a: its target still reads removed units, by weights up to 0.5",
        "b: its constant units could not be folded into biases: a reader has no bias",
        "c: its units are mixed by layer_norm: outputs of a copy moved by 0.1",
        "d.weight: no optimiser updates it",
        "e: its units cannot change: no rule for glu",
    ]


def test_an_ordinary_cut_deserves_no_look() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    assert sp.apply(model, zoo.random_plan(model.policy)).remarks() == []
