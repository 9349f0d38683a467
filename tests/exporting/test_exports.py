"""Exports appear whole and checked, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import exported
import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from exporting.test_normalisation import vecnormalize
from sb3_prune import export, load_export, plugins
from sb3_prune.exceptions import (
    ConfigError,
    ExportError,
    RunFolderError,
    UnknownNameError,
)

EVERY = [
    pytest.param(name, marks=[] if name in exported.FEW[:2] else pytest.mark.slow)
    for name in exported.AGENTS
]
FRESH = """
import json, sys
import numpy as np

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[3:]:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1])
from robot import predict
print(json.dumps(predict(np.array(json.loads(sys.argv[2])))[0].tolist()))
"""


@pytest.mark.parametrize("to", ["numpy", "onnx"])
@pytest.mark.parametrize("name", EVERY)
def test_every_agent(name: str, to: str, tmp_path: Path) -> None:
    model = exported.agent(name)
    check = export(model, to, tmp_path / "agent", vecnormalize=None)
    assert check.sources == {"space": 1000} and check.largest_difference < 1e-5
    (written,) = tmp_path.iterdir()
    facts = load_export(written).facts
    assert facts["check"] == json.loads(json.dumps(check.to_dict()))
    assert facts["name"] == "agent" and facts["algorithm"] == type(model).__name__


PARTS = {
    "box": spaces.Box(-2, 3, (3,), np.float32),
    "endless": spaces.Box(-np.inf, np.inf, (2, 2), np.float64),
    "choice": spaces.Discrete(4),
    "choices": spaces.MultiDiscrete([2, 3]),
    "bits": spaces.MultiBinary(3),
}
ACTIONS = [
    spaces.Box(np.array([-1, 0], np.float32), np.array([3, 0.5], np.float32)),
    spaces.Discrete(3),
    spaces.MultiDiscrete([2, 4]),
    spaces.MultiBinary(2),
]


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    keys=st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3, unique=True),
    actions=st.sampled_from(ACTIONS),
    arch=st.lists(st.integers(1, 12), max_size=3),
    activation=st.sampled_from([nn.Tanh, nn.ReLU, nn.ELU, nn.SiLU, nn.LeakyReLU]),
    seed=st.integers(0, 99),
)
def test_random_agents(
    keys: list[str],
    actions: Any,
    arch: list[int],
    activation: Any,
    seed: int,
    tmp_path: Path,
) -> None:
    space: Any = spaces.Dict({key: PARTS[key] for key in keys})
    space = space if len(keys) > 1 else PARTS[keys[0]]
    model = exported.anyhow(space, actions, net_arch=arch, activation_fn=activation)
    exported.stirred(model, seed)
    check = export(
        model, "numpy", tmp_path / "agent", vecnormalize=None, overwrite=True
    )
    assert check.largest_difference < 1e-4


def test_with_statistics_and_episodes(tmp_path: Path) -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    check = export(model, "numpy", tmp_path / "a", vecnormalize=env, env="Pendulum-v1")
    assert set(check.sources) == {"space", "statistics", "episodes"}
    raw = np.array([0.3, -0.2, 4.0])
    expected, _ = model.predict(env.normalize_obs(raw), deterministic=True)
    found, _ = load_export(tmp_path / "a").predict(raw)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_numpy_in_a_fresh_process(tmp_path: Path) -> None:
    """Where neither torch nor SB3 nor sb3_prune can be imported."""
    model = exported.agent("SAC")
    export(model, "numpy", tmp_path / "robot", vecnormalize=None)
    raw = [0.5, -0.5, 1.0]
    absent = ["sb3_prune", "torch", "stable_baselines3", "gymnasium", "safetensors"]
    line = [sys.executable, "-c", FRESH, str(tmp_path), json.dumps(raw), *absent]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected, _ = model.predict(np.float32(raw), deterministic=True)
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=2e-5)


def test_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = exported.agent("SAC")
    kept = {"vecnormalize": None}
    with pytest.raises(ConfigError, match="vecnormalize must be said"):
        export(model, "numpy", tmp_path / "a")
    with pytest.raises(UnknownNameError, match="Unknown exporter 'torchscript'"):
        export(model, "torchscript", tmp_path / "a", **kept)
    with pytest.raises(ConfigError, match="no such option: 'colour'"):
        export(model, "numpy", tmp_path / "a", **kept, colour=3)
    with pytest.raises(RunFolderError, match="folder that exists"):
        export(model, "numpy", tmp_path / "b" / "a", **kept)
    with pytest.raises(RunFolderError, match="cannot be created"):
        export(model, "numpy", tmp_path / ("é" * 200), **kept)
    (tmp_path / "a").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="exists"):
            export(model, "numpy", tmp_path / "a", **kept, overwrite=overwrite)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("to", ["numpy", "onnx"])
def test_a_mismatch_leaves_nothing(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.make_model("SAC")
    from sb3_prune.exporting import exports

    def traced(*args: Any, **kwargs: Any) -> Any:
        found = trace(*args, **kwargs)
        with torch.no_grad():
            found.program.state_dict["actor_mu_bias"][:] += 1
        return found

    trace = exports.trace
    monkeypatch.setattr(exports, "trace", traced)
    with pytest.raises(ExportError, match="acts differently"):
        export(model, to, tmp_path / "a", vecnormalize=None)
    assert list(tmp_path.iterdir()) == []


def test_an_older_export_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for name in ("SAC", "PPO"):
        export(exported.agent(name), "numpy", path, vecnormalize=None, overwrite=True)
        assert load_export(path).facts["algorithm"] == name
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_what_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not exist"):
        load_export(tmp_path / "a")
    with pytest.raises(ExportError, match="no export of the installed"):
        load_export(tmp_path)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of docs/export.md runs."""
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    zoo.make_model("SAC", stock=True).save("agent")
    scope: dict[str, Any] = {}
    try:
        for block in page.split("```python\n")[1:]:
            exec(block.split("```")[0], scope)
    finally:
        sys.modules.pop("robot", None)
    assert scope["action"].shape == (1,)


@pytest.mark.slow
def test_an_export_earns_what_its_agent_earns(tmp_path: Path) -> None:
    from stable_baselines3.common.evaluation import evaluate_policy

    model = zoo.train(zoo.make_model("PPO"), 2000)
    export(model, "numpy", tmp_path / "a", vecnormalize=None)
    returns = []
    for player in (model, load_export(tmp_path / "a")):
        env = DummyVecEnv([lambda: gym.make("CartPole-v1")])
        env.seed(0)
        returns.append(evaluate_policy(player, env, 5, warn=False)[0])  # type: ignore[arg-type]
    assert returns[0] == returns[1]


def test_an_exporter_that_fails_keeps_no_other_from_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(exported.agent("SAC"), "numpy", tmp_path / "a", vecnormalize=None)
    (tmp_path / "text.txt").write_text("text")
    bad: Any = type("Bad", (), {"wrote": staticmethod(lambda path: 1 / 0)})
    known = plugins.exporters()
    monkeypatch.setattr(plugins, "exporters", lambda: {"a-bad": bad, **known})
    assert load_export(tmp_path / "a").facts["algorithm"] == "SAC"
    with pytest.raises(ExportError, match=r"exporter 'a-bad' fails on .*text.txt'"):
        load_export(tmp_path / "text.txt")


def test_what_an_exporter_does_not_know_again_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numpy = plugins.exporters()["numpy"]
    monkeypatch.setattr(numpy, "wrote", classmethod(lambda cls, path: False))
    with pytest.raises(ExportError, match="'numpy' does not know what it has written"):
        export(exported.agent("SAC"), "numpy", tmp_path / "a", vecnormalize=None)
    assert not list(tmp_path.iterdir())
