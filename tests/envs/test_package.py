"""Tests for the package's front door."""

import subprocess
import sys

import pytest
import sb3_prune_envs

HEAVY = "mujoco pygame matplotlib PIL stable_baselines3 torch"


def test_import_is_light() -> None:
    code = (
        "import sys, gymnasium as gym, sb3_prune_envs\n"
        "gym.make('sb3_prune/PlanarArm3-v0').reset()\n"
        "gym.make_vec('sb3_prune/PlanarArm3-v0', num_envs=2).reset()\n"
        f"print([name for name in {HEAVY!r}.split() if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_every_public_name_exists() -> None:
    for name in sb3_prune_envs.__all__:
        assert getattr(sb3_prune_envs, name) is not None
    assert dir(sb3_prune_envs) == sorted(sb3_prune_envs.__all__)


def test_unknown_name_lists_what_exists() -> None:
    with pytest.raises(AttributeError, match=r"'PlanarArmy'; it offers .*PlanarArmEnv"):
        _ = sb3_prune_envs.PlanarArmy
