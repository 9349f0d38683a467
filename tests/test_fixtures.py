"""Fixtures: zips written by earlier versions load for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO

import sb3_prune as sp
from sb3_prune.runs import checkpoints
from sb3_prune.surgery.optimizer import optimizers

FOLDER = Path(__file__).parent / "fixtures"
"""What ``write.py`` in it wrote at version 0.1.0."""
INDEX: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
MODELS: dict[str, dict[str, Any]] = INDEX["models"]
CHECKPOINTS = "checkpoints"
"""The only model that is no zip by itself."""
ZIPS = [name for name in MODELS if name != CHECKPOINTS]
SCHEDULE = {"final_sparsity": 0.5, "begin": 0.2, "end": 1.0, "steps": 6}
"""Options of the run with checkpoints."""

every_zip = pytest.mark.parametrize("name", ZIPS)


def load(name: str) -> Any:
    """Load a zip to train on."""
    algorithm = MODELS[name]["algorithm"]
    cls = zoo.CASES[algorithm][0]
    extractor = MODELS[name]["extractor"]
    env = gym.make("Pendulum-v1") if extractor else zoo.make_env(algorithm)
    return cls.load(FOLDER / f"{name}.zip", env=env, device="cpu")


def widths(model: Any) -> dict[str, Any]:
    """Return the units of every layer: all, those that pass, and on average."""
    wiring = sp.wire(model.policy)
    return {
        "units": wiring.units(),
        "active_units": wiring.active_units(),
        "expected_units": {n: float(la.expected_units) for n, la in wiring.items()},
    }


def size(tensors: Any) -> float:
    """Return the sum of all magnitudes, in double precision."""
    return sum(float(tensor.detach().double().abs().sum()) for tensor in tensors)


def moments(model: Any) -> list[torch.Tensor]:
    """Return the state of the policy's optimisers."""
    states = [s for o in optimizers(model.policy).values() for s in o.state.values()]
    return [v for s in states for v in s.values() if isinstance(v, torch.Tensor)]


def assert_as_saved(name: str, model: Any) -> None:
    """Assert that a model has and says what it did when it was saved."""
    expected = MODELS[name]
    for key, units in widths(model).items():
        # Later versions may find further layers.
        saved = {layer: units.get(layer) for layer in expected[key]}
        assert saved == pytest.approx(expected[key]), key
    parameters = size(model.policy.parameters())
    assert parameters == pytest.approx(expected["parameters"])
    assert size(moments(model)) == pytest.approx(expected["moments"])
    with np.load(FOLDER / "expected.npz") as arrays:
        found, _ = model.predict(arrays[f"{name}/observations"], deterministic=True)
        actions, outputs = arrays[f"{name}/actions"], arrays[f"{name}/outputs"]
    assert found.dtype == actions.dtype
    atol = 0 if np.issubdtype(actions.dtype, np.integer) else 1e-6
    np.testing.assert_allclose(found, actions, rtol=0, atol=atol)
    said = torch.cat([y.flatten() for y in zoo.outputs(model.policy, 4)])
    np.testing.assert_allclose(said.numpy(), outputs, rtol=1e-5, atol=1e-6)


def test_every_fixture_is_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.zip")) == sorted(ZIPS)


@pytest.mark.slow
@every_zip
def test_a_zip_is_as_it_was_saved(name: str) -> None:
    assert_as_saved(name, load(name))


@pytest.mark.slow
@every_zip
def test_a_zip_trains_on(name: str) -> None:
    model = load(name)
    units, before = widths(model), zoo.outputs(model.policy)
    helpers = ofexi_zoo if MODELS[name]["extractor"] else zoo
    helpers.train_on(model, 32)
    assert widths(model) == units
    with pytest.raises(AssertionError):
        zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)


def test_a_checkpoint_resumes(tmp_path: Path) -> None:
    folder = tmp_path / CHECKPOINTS
    shutil.copytree(FOLDER / CHECKPOINTS, folder)
    pruning = sp.PruningCallback("magnitude", SCHEDULE)
    saving = sp.ResumableCheckpointCallback(folder, 16, {"pruning": pruning})
    cls, env = zoo.CASES["SAC"][0], zoo.make_env("SAC")
    model, states = checkpoints.load(cls, folder, env, device="cpu")
    saving.restore(states)
    assert_as_saved(CHECKPOINTS, model)
    assert model.num_timesteps == model.replay_buffer.size() == 64  # type: ignore[attr-defined]
    assert pruning.history[-1]["units"] == widths(model)["units"]
    cuts = len(pruning.history)
    zoo.train(model, 32, callback=[pruning, saving], reset_num_timesteps=False)
    assert len(pruning.history) > cuts
    units = widths(model)["units"]
    halves = {units[layer] for layer in MODELS[CHECKPOINTS]["units"]}
    assert halves == {n // 2 for n in zoo.ARCH}
    assert [path.name for path in folder.iterdir()] == ["96"]


def test_a_plan_is_as_it_was_saved() -> None:
    plan = sp.Plan.load(FOLDER / "plan.safetensors")
    assert list(plan) == list(INDEX["plan"])
    for name, expected in INDEX["plan"].items():
        for part in ("rows", "columns", "draws"):
            assert getattr(plan[name], part).tolist() == expected[part]
        assert list(plan[name].seeds) == expected["seeds"]


LATER = FOLDER / "flow"
"""Zips from before the modules moved into packages, of memory cells and channels."""


@pytest.mark.parametrize("cls", [RecurrentPPO, PPO], ids=lambda cls: cls.__name__)
def test_zips_of_memory_and_images_load(cls: type[RecurrentPPO] | type[PPO]) -> None:
    index = json.loads((LATER / "expected.json").read_text("utf-8"))
    (name,) = (n for n, found in index.items() if found["algorithm"] == cls.__name__)
    model = cls.load(LATER / f"{name}.zip", device="cpu")
    assert sp.wire(model).units() == index[name]["units"]
    with np.load(LATER / "expected.npz") as arrays:
        found, _ = model.predict(arrays[f"{name}/observations"], deterministic=True)
        assert np.array_equal(found, arrays[f"{name}/actions"])
