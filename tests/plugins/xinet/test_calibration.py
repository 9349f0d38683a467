"""Tests for calibration.py."""

from __future__ import annotations

import json
from typing import Any

import ofexi_zoo
import pytest
import torch
from sb3_prune_xinet import PRESETS, XiNetConfig
from sb3_prune_xinet.anatomy import Anatomy
from sb3_prune_xinet.calibration import Calibration
from sb3_prune_xinet.learner import Learner

import sb3_prune as sp
from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.gates import Gate


def gate(*gradient: float) -> Gate:
    made = Gate()
    made.learn(torch.ones(len(gradient), requires_grad=True))
    assert made.theta is not None
    made.theta.grad = torch.tensor(gradient)
    return made


def test_the_price_is_the_gradient_s_size_over_the_slope() -> None:
    calibration = Calibration(2)
    assert not calibration.observe("a", [gate(3.0, 4.0)])
    assert calibration.observe("a", [gate(0.0), gate(5.0, 0.0)])
    calibration.settle("a", strength=0.1, slope=10.0)
    rms = ((12.5 + 25 / 3) / 2) ** 0.5
    assert calibration.nus == {"a": pytest.approx(0.1 * rms / 10)}


def test_units_that_cost_nothing_have_no_price() -> None:
    calibration = Calibration(1)
    calibration.observe("a", [gate(3.0)])
    calibration.settle("a", strength=0.1, slope=0.0)
    assert calibration.nus == {"a": 0.0}


def test_parts_without_a_gradient_wait() -> None:
    calibration, silent = Calibration(1), gate(1.0)
    assert silent.theta is not None
    silent.theta.grad = None
    assert not calibration.observe("a", [silent])


def test_it_goes_on_from_its_state() -> None:
    first, second = Calibration(3), Calibration(3)
    first.observe("a", [gate(1.0)])
    first.observe("b", [gate(2.0)])
    first.settle("b", 1.0, 1.0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    assert second.nus == {"b": 2.0}


def run(relative: float, preset: str = "prune-b", **more: Any) -> dict[str, float]:
    """Train a tiny agent; return the prices that were measured."""
    model = ofexi_zoo.make_model("ValueSAC")
    options = {"begin": 0.0, "end": 1.0, "tolerance": 0.0, "calibration": 5}
    pruning = sp.PruningCallback(
        "xinet", options | {"relative": relative, "preset": preset} | more
    )
    prices: dict[str, float] = {}
    before = pruning.strategy.detach

    def detach() -> None:
        prices.update(pruning.strategy.state_dict()["calibration"]["nus"])
        before()

    pruning.strategy.detach = detach  # type: ignore[method-assign]
    model.learn(48, callback=[sp.FeatureCallback(pretraining=2), pruning])
    return prices


def test_every_part_gets_a_price_of_its_own_proportional_to_r() -> None:
    mild, strong = run(0.01), run(0.02)
    networks = {"actor.latent_pi", "critic.qf0", "critic.qf1", "value.net"}
    assert mild.keys() == strong.keys() == networks | {"ofe"}
    # Until prices are set both runs are one.
    for name, price in mild.items():
        assert strong[name] == pytest.approx(2 * price, rel=0.3), name
    assert len(set(mild.values())) == len(mild)


def test_what_only_training_needs_has_no_price_if_training_is_free() -> None:
    assert run(0.05, networks=("ofe.phi_oa",), rho=0.0) == {"ofe": 0.0}


def test_presets_keep_their_proportions() -> None:
    shares = {
        preset: XiNetConfig(preset=preset, relative=0.1).share("nu_policy")  # type: ignore[arg-type]
        for preset in PRESETS
    }
    assert shares == pytest.approx({"prune-a": 0.2, "prune-b": 1.0, "prune-c": 2.0})


def test_thetas_wait_until_the_price_is_set() -> None:
    policy = ofexi_zoo.copied("ValueSAC")
    config = XiNetConfig(relative=0.1, calibration=3, theta_rate=0.1, begin=0.0)
    anatomy = Anatomy(policy)
    learner = Learner(config, anatomy, [anatomy.networks["actor.latent_pi"]])
    steps = torch.optim.Adam([torch.ones(1)], lr=0.1)
    learner.after_step(steps, 0.1)
    for count in range(4):
        for found in learner.gates:
            assert found.theta is not None
            assert bool((found.theta == 1).all()), count
            found.theta.grad = torch.full_like(found.theta, 0.01)
        learner.after_step(steps, 0.1)
    assert all(bool((g.theta < 1).all()) for g in learner.gates if g.theta is not None)


@pytest.mark.parametrize("wrong", [{"relative": -0.1}, {"calibration": 0}])
def test_bad_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        XiNetConfig(**wrong)


@pytest.mark.parametrize(
    "state",
    [
        {"nus": {}},
        {"squares": {}},
        {"nus": {"a": "1"}, "squares": {}},
        {"nus": {}, "squares": {"a": 1.0}},
        {"nus": {}, "squares": {"a": [None]}},
        {"nus": [], "squares": {}},
    ],
)
def test_a_damaged_state_is_refused(state: Any) -> None:
    calibration = Calibration(3)
    calibration.nus["b"] = 2.0
    with pytest.raises(CheckpointError, match="in the saved state"):
        calibration.load_state_dict(state)
    assert calibration.state_dict() == {"nus": {"b": 2.0}, "squares": {}}
