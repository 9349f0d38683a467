"""Law 6 as a check of any model: files, and processes that load them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zoo
from stable_baselines3.common.base_class import BaseAlgorithm


def reload(model: BaseAlgorithm) -> BaseAlgorithm:
    """Save a model and load it again."""
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    return type(model).load(buffer, env=model.env, device="cpu")


def assert_saved_exactly(model: BaseAlgorithm) -> None:
    """Law 6: save, load: equal in all that surgery touches; training goes on."""
    loaded = reload(model)
    found, expected = zoo.snapshot(loaded.policy), zoo.snapshot(model.policy)
    zoo.assert_same(found, expected)
    assert zoo.equal(zoo.says(loaded.policy), zoo.says(model.policy))
    zoo.train_on(loaded, 32)


def actions(model: BaseAlgorithm, count: int = 4) -> np.ndarray:
    """Return the deterministic actions on observations drawn from the space."""
    space = model.observation_space
    space.seed(3)
    drawn = [space.sample() for _ in range(count)]
    acts = [model.predict(x, deterministic=True)[0] for x in drawn]
    return np.array(acts, np.float64)


LOAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
jobs = json.load(sys.stdin)
sys.path.insert(0, jobs.pop("tests"))
import saving
from importlib import import_module
import sb3_prune as sp
from user_networks import USER_CASES, mixed
for case in USER_CASES.values():
    mixed(sp.MaskedPolicyMixin, case.policy)
found = {}
for name, (module, cls, path) in jobs.items():
    model = getattr(import_module(module), cls).load(path, device="cpu")
    found[name] = saving.actions(model).tolist()
print(json.dumps(found))
"""


def assert_a_fresh_process_acts_alike(
    models: Mapping[str, BaseAlgorithm], folder: Path
) -> None:
    """Law 6: save, fresh process, load: equal actions."""
    jobs: dict[str, Any] = {"tests": str(Path(__file__).parent)}
    for name, model in models.items():
        path = folder / f"{name}.zip"
        model.save(path)
        jobs[name] = [type(model).__module__, type(model).__name__, str(path)]
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, model in models.items():
        assert np.array_equal(np.array(found[name]), actions(model)), name
