"""Tests for sb3_prune_export/c/loading.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
import zoo
from sb3_prune_export.c.header import MARK
from sb3_prune_export.c.loading import CAgent, load

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting import export

from . import running


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    running.require("gcc")
    target = tmp_path_factory.mktemp("c") / "agent.h"
    export(zoo.trained("SAC"), "c", target, vecnormalize=None)
    return target


@pytest.fixture(scope="module")
def agent(path: Path) -> CAgent:
    return load(path)


def test_single_observations_and_batches_act_equally(agent: CAgent) -> None:
    observations = zoo.observations(zoo.trained("SAC"), 5)
    batch, state = agent.predict(observations)
    assert state is None
    one = [agent.predict(each)[0] for each in observations]
    np.testing.assert_array_equal(one, batch)
    assert batch.dtype == one[0].dtype == np.float32
    assert len({each.tobytes() for each in one}) > 1  # No array is written again.
    expected, _ = zoo.trained("SAC").predict(observations, deterministic=True)
    np.testing.assert_allclose(batch, expected, atol=2e-5)


def test_buffers_can_be_reused(agent: CAgent) -> None:
    observation = zoo.observations(zoo.trained("SAC"), 1)[0]
    agent.given["observation"][...] = observation
    agent.decide()
    np.testing.assert_array_equal(
        agent.found["action"][0], agent.predict(observation)[0]
    )


def test_two_agents_do_not_share_memory(path: Path) -> None:
    one, other = load(path), load(path)
    one.predict(np.ones(3, np.float32))
    before = one.found["action"].copy()
    other.predict(-np.ones(3, np.float32))
    np.testing.assert_array_equal(one.found["action"], before)


@pytest.mark.parametrize(
    ("observation", "options", "words"),
    [
        (np.array([0, np.nan, 0]), {}, "NaN"),
        (np.array([[0, np.nan, 0]]), {}, "NaN"),
        (np.zeros(4), {}, "must have the shape"),
        (np.array([None, 0, 0]), {}, "must be numbers"),
        (np.array([1j, 0, 0]), {}, "must be numbers"),
        (np.array(["1", "2", "3"]), {}, "must be numbers"),
        (np.zeros(3), {"deterministic": False}, "deterministic must be True"),
        (np.zeros(3), {"action_masks": [True]}, "not trained with action masks"),
    ],
)
def test_bad_observations_are_refused(
    agent: CAgent, observation: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        agent.predict(observation, **options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace(MARK, f"{MARK}{{"), "is damaged"),
        (lambda text: text.replace("scratch->f", "scratch->g"), "does not compile"),
        (lambda text: text[: len(text) // 2], "does not compile"),
        (lambda text: text.replace('"c":', '"d":'), "is no C export"),
    ],
)
def test_damaged_headers_are_refused(
    path: Path, tmp_path: Path, change: Any, words: str
) -> None:
    damaged = tmp_path / "agent.h"
    damaged.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(ExportError, match=words):
        load(damaged)


@pytest.mark.parametrize("name", ["DQN", "BranchingDQN"])
def test_choices_are_looked_up_each_time(name: str, tmp_path: Path) -> None:
    export(exported.agent(name), "c", tmp_path / "a.h", vecnormalize=None)
    agent, model = load(tmp_path / "a.h"), exported.agent(name)
    observations = zoo.observations(model, 30) * 10
    expected, _ = model.predict(observations, deterministic=True)
    one = [agent.predict(each)[0] for each in observations]
    np.testing.assert_array_equal(one, expected)
    assert len(np.unique(expected, axis=0)) > 1
