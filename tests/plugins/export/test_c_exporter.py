"""Tests for sb3_prune_export/c_exporter.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
import torch
import zoo
from exporting.test_extras import gaussian
from gymnasium import spaces
from sb3_prune_export import CExporter
from sb3_prune_export.c import state
from sb3_prune_export.c.header import facts_in
from sb3_prune_export.c.weights import quantised
from stable_baselines3 import SAC

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, ExportError
from sb3_prune.exporting import Agent, export, load_export
from sb3_prune.testing import check_exporter

from .c import running

BOX = spaces.Box(-2, 3, (2,))
GAUSSIAN = [
    "PPO-box",
    "SAC",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("PPO-sde", "SAC-sde")),
]


@pytest.fixture(autouse=True)
def _compiler() -> None:
    running.require("gcc")


@pytest.mark.slow
@pytest.mark.parametrize("name", exported.AGENTS)
def test_every_agent_acts_equally_in_c(name: str, tmp_path: Path) -> None:
    model = exported.agent(name)
    check = export(model, "c", tmp_path / "agent.h", vecnormalize=None)
    found = facts_in((tmp_path / "agent.h").read_text("utf-8")) or {}
    assert found["facts"]["check"]["observations"] == sum(check.sources.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RecurrentPPO", "PPO-mixed", "PPO-Cnn"])
def test_headers_pass_their_own_test(name: str, tmp_path: Path) -> None:
    path = tmp_path / "the agent.h"
    # SB3's predict does not carry the state of a critic's memory.
    extras = ["distribution", *(["value"] if name != "RecurrentPPO" else [])]
    export(exported.agent(name), "c", path, vecnormalize=None, outputs=extras)
    main = '#define THE_AGENT_MAIN\n#include "agent.h"\n'
    headers = {"agent.h": path.read_text("utf-8")}
    assert "largest" in running.compiled(main, headers, "gcc", "-std=c99")


@pytest.mark.parametrize("name", GAUSSIAN)
def test_gaussians_tell_their_means_and_deviations(name: str, tmp_path: Path) -> None:
    model: Any = exported.agent(name)
    raw = zoo.observations(model, 1)
    more = {"vecnormalize": None, "outputs": ["distribution"]}
    export(model, "c", tmp_path / "agent.h", **more)
    found = load_export(tmp_path / "agent.h").answers(raw)
    with torch.no_grad():
        normal = gaussian(model.policy, torch.from_numpy(raw))
    np.testing.assert_allclose(found["mean"], normal.mean, atol=1e-5)
    np.testing.assert_allclose(found["log_std"], normal.stddev.log(), atol=1e-5)


def test_means_of_a_clipped_action_that_never_changes_are_compared(
    tmp_path: Path,
) -> None:
    model = exported.anyhow(BOX, spaces.Box(1000, 1001, (2,)))
    check = export(model, "c", tmp_path / "agent.h", vecnormalize=None)
    assert (check.varied, check.scores) == (False, True)


def test_keys_become_names_in_c(tmp_path: Path) -> None:
    parts = spaces.Dict({"joint-angles": BOX, "2nd": BOX})
    model = SAC("MultiInputPolicy", exported.Anything(parts, BOX), device="cpu")
    export(model, "c", tmp_path / "agent.h", vecnormalize=None, prefix="left_arm")
    text = (tmp_path / "agent.h").read_text("utf-8")
    assert re.search(
        r"left_arm_predict\(observation_\w*, observation_\w*, action\)", text
    )


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_what_does_not_compile_is_refused_by_name(tmp_path: Path) -> None:
    parts = spaces.Dict({"scratch": BOX, "other": BOX})
    none = {"vecnormalize": None}
    with pytest.raises(ExportError, match=r"two things 'observation_scratch'"):
        export(exported.anyhow(parts, BOX), "c", tmp_path / "observation.h", **none)
    empty = exported.anyhow(BOX, BOX, net_arch={"pi": [0, 4], "vf": [4]})
    with pytest.raises(ExportError, match=r"policy_net.0 \(Linear\)': a layer of 0"):
        export(empty, "c", tmp_path / "a.h", **none)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_sensors_without_a_sign(dtype: str, tmp_path: Path) -> None:
    """Such as depth in millimetres."""
    space = spaces.Box(0, np.iinfo(dtype).max, (3,), dtype)  # type: ignore[arg-type]
    path, model = tmp_path / "agent.h", exported.anyhow(space, BOX)
    export(model, "c", path, vecnormalize=None)
    agent = load_export(path)
    largest = np.array([np.iinfo(dtype).max, 0, 7], dtype)
    for raw in (np.array([3, 1, 2], dtype), largest):
        expected, _ = model.predict(raw, deterministic=True)
        np.testing.assert_allclose(agent.predict(raw)[0], expected, atol=1e-5)
    main = '#define AGENT_MAIN\n#include "agent.h"\n'
    headers = {"agent.h": path.read_text("utf-8")}
    for command in (("gcc", "-std=c99"), ("g++", "-std=c++11")):
        running.require(command[0])
        assert "largest" in running.compiled(main, headers, *command)


def test_doubles_of_observations_are_rounded_once(tmp_path: Path) -> None:
    """As those of MuJoCo; the agent rounds them to float32."""
    space = spaces.Box(-np.inf, np.inf, (3,), np.float64)
    path = tmp_path / "agent.h"
    export(exported.anyhow(space, BOX), "c", path, vecnormalize=None, double=True)
    agent = load_export(path)
    for raw in np.random.default_rng(0).normal(size=(20, 3)):
        assert (agent.predict(raw)[0] == agent.predict(raw[None])[0][0]).all()


@pytest.mark.slow
def test_the_exporter_keeps_its_contract() -> None:
    check_exporter(CExporter)
    check_exporter(CExporter, {"double": True})


@pytest.mark.slow
def test_eight_bits_come_with_their_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.h"
    export(zoo.trained("SAC"), "c", path, vecnormalize=None, int8=True)
    error = load_export(path).own["int8_error"]  # type: ignore[attr-defined]
    assert 0 < error["mean"] < error["largest"] < 0.2
    text = path.read_text("utf-8")
    assert "Weights have 8 bits" in text
    assert "Before its weights were rounded, it was checked" in text
    observations = zoo.observations(zoo.trained("SAC"), 50)
    found = load_export(path).predict(observations)[0]
    assert (
        np.abs(
            found - zoo.trained("SAC").predict(observations, deterministic=True)[0]
        ).max()
        < 0.5
    )
    export(zoo.trained("DQN"), "c", tmp_path / "q.h", vecnormalize=None, int8=True)
    assert "of the choices differ" in (tmp_path / "q.h").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "DQN"])
def test_a_header_that_does_not_do_what_its_eight_bits_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        whole, scale = quantised(weight)
        return whole.roll(1, dims=-1), scale

    monkeypatch.setattr(state, "quantised", wrong)
    with pytest.raises(ExportError, match="is not what these weights say"):
        export(zoo.trained(name), "c", tmp_path / "a.h", vecnormalize=None, int8=True)
    assert not list(tmp_path.iterdir())


def test_too_large_networks_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"constant numbers.*at most 100.*max_weights"
    ):
        export(
            zoo.trained("PPO"),
            "c",
            tmp_path / "a.h",
            vecnormalize=None,
            max_weights=100,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"prefix": "2 arms"}, {"max_weights": 0}, {"int8": "yes"}, {"float": 1}]
)
def test_wrong_options_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        export(zoo.trained("PPO"), "c", tmp_path / "a.h", vecnormalize=None, **options)
    assert not list(tmp_path.iterdir())


def test_without_a_compiler_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ExportError, match="there is no compiler"):
        export(zoo.trained("PPO"), "c", tmp_path / "a.h", vecnormalize=None)
    assert not list(tmp_path.iterdir())


def test_other_headers_are_not_ours(tmp_path: Path) -> None:
    other = tmp_path / "other.h"
    other.write_text("#define OTHER 1\n")
    assert not CExporter.wrote(other)
    assert not CExporter.wrote(tmp_path)
    with pytest.raises(ExportError, match="is no C export"):
        CExporter.load(other)


@pytest.mark.slow
def test_a_pruned_agent_has_fewer_numbers(tmp_path: Path) -> None:
    model = zoo.make_model("SAC")
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    for name, each in (("cut", model), ("dense", zoo.trained("SAC"))):
        export(each, "c", tmp_path / f"{name}.h", vecnormalize=None)
    cut, dense = (
        facts_in((tmp_path / f"{name}.h").read_text("utf-8")) or {}
        for name in ("cut", "dense")
    )
    assert cut["c"]["weights"] < dense["c"]["weights"]
    assert isinstance(load_export(tmp_path / "cut.h"), Agent)
