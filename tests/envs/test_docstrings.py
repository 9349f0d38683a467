"""The tables in the environments' docstrings say what the code does."""

import ast
import doctest
import inspect
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, MultiDiscrete
from sb3_prune_envs import PlanarArmEnv, PlanarArmMujocoEnv
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.servo import ServoConfig

SECTIONS = [
    "Description",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
    "Vectorized environment",
    "Version History",
]


def sections(arm_class: type) -> dict[str, str]:
    _, *parts = inspect.cleandoc(arm_class.__doc__ or "").split("\n## ")
    return dict(part.split("\n", 1) for part in parts)


def table(text: str) -> list[list[str]]:
    """Heading and rows of the table in a section; the rule below the heading is cut."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]


def test_sections_in_gymnasium_order(arm_class: type[PlanarArmEnv]) -> None:
    assert list(sections(arm_class)) == SECTIONS


def test_action_table(arm_class: type[PlanarArmEnv]) -> None:
    heading, *rows = table(sections(arm_class)["Action Space"])
    space = arm_class().action_space
    assert isinstance(space, MultiDiscrete)
    assert heading == ["Num", "Action", "Min", "Max", "Unit"]
    bounds = [[int(row[0]), int(row[2]), int(row[3]) + 1] for row in rows]
    assert bounds == [[i, 0, count] for i, count in enumerate(space.nvec)]
    assert str(space).replace("[3 3 3]", "[3, 3, 3]") in (arm_class.__doc__ or "")


def test_observation_table(arm_class: type[PlanarArmEnv]) -> None:
    heading, *rows = table(sections(arm_class)["Observation Space"])
    space = arm_class().observation_space
    assert isinstance(space, Box)
    assert heading == ["Num", "Observation", "Min", "Max", "Unit"]
    assert [int(row[0]) for row in rows] == list(range(len(space.low)))
    np.testing.assert_array_equal([float(row[2]) for row in rows], space.low)
    np.testing.assert_array_equal([float(row[3]) for row in rows], space.high)
    kinds = [row[1].split()[0] for row in rows]
    assert kinds == ["sine", "cosine"] * 3 + ["x", "y"]


@pytest.mark.parametrize(
    ("arm_class", "configs"),
    [
        (PlanarArmEnv, [ArmConfig]),
        (PlanarArmMujocoEnv, [ArmConfig, ServoConfig]),
    ],
)
def test_argument_table(arm_class: type, configs: list[Any]) -> None:
    heading, *rows = table(sections(arm_class)["Arguments"])
    assert heading == ["Parameter", "Type", "Default", "Description"]
    written = {
        row[0].strip("`"): ast.literal_eval(row[2].strip("`").strip()) for row in rows
    }
    signature = inspect.signature(arm_class)
    expected = {"render_mode": signature.parameters["render_mode"].default}
    for config in configs:
        expected |= {field.name: field.default for field in fields(config)}
    assert written == expected


def test_examples_run(arm_class: type[PlanarArmEnv]) -> None:
    module = sys.modules[arm_class.__module__]
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner()
    for example in finder.find(arm_class, arm_class.__name__, module):
        result = runner.run(example)
        assert result.attempted > 0
        assert result.failed == 0
