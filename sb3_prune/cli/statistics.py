"""Statistics: normalise environments as ``VecNormalize`` did while an agent trained."""

from __future__ import annotations

from pathlib import Path

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_prune.cli.hyperparameters import check_values
from sb3_prune.exceptions import CheckpointError
from sb3_prune.runs.pickles import read_statistics

SETTINGS = {"clip_obs": 10.0, "clip_reward": 10.0, "epsilon": 1e-8, "gamma": 0.99}
"""Numbers of a ``VecNormalize``, with SB3's defaults."""


def normalise(env: VecEnv, path: Path, *, learning: bool) -> VecNormalize:
    """Wrap environments in the ``VecNormalize`` that ``save`` wrote to a file.

    Like ``VecNormalize.load`` this unpickles the file, which can run any code: load
    only files you trust.

    Args:
        env: Environments whose observations are not normalised yet.
        path: The file.
        learning: Let the statistics learn, and scale rewards if they were scaled when
            the file was saved. Otherwise they are frozen and rewards stay as they are.

    Raises:
        CheckpointError: The file is missing or broken, is no ``VecNormalize``, or is
            for other observations, or has a negative variance.
        NonFiniteError: A statistic is NaN or infinite.
        ConfigError: A setting is out of range.
    """
    found = _read(path)
    try:
        found.set_venv(env)
    except (AssertionError, AttributeError) as error:
        raise CheckpointError(
            f"'{path}' has statistics of another environment: {error}. If the agent "
            "was trained on stacked frames or in wrappers that nothing beside its zip "
            "tells of, evaluate it from Python."
        ) from error
    # The pickled one may be that of a branching agent whose plain zip acts jointly.
    found.action_space = env.action_space
    found.training = learning
    found.norm_reward = found.norm_reward and learning
    return found


def described(path: Path) -> str:
    """Say what the ``VecNormalize`` in a file does to observations.

    Raises:
        CheckpointError: As for :func:`normalise`, as other errors are.
    """
    what = "observations" if _read(path).norm_obs else "observations not"
    return f"{what} normalised by {path.name}"


def normalise_anew(env: VecEnv, path: Path) -> VecNormalize:
    """Wrap environments as a file says, with statistics that begin anew.

    Args:
        env: Environments, which may have other observations than those of the file.
        path: The file, which is unpickled.

    Raises:
        CheckpointError: As for :func:`normalise`, as other errors are.
    """
    found = _read(path)
    kept = ("norm_obs", "norm_reward", *SETTINGS)
    keys, known = found.norm_obs_keys, env.observation_space
    if isinstance(known, spaces.Dict) and keys is not None:
        keys = [key for key in keys if key in known.keys()]  # noqa: SIM118
    settings = {name: getattr(found, name) for name in kept}
    return VecNormalize(env, norm_obs_keys=keys, **settings)


def _read(path: Path) -> VecNormalize:
    if not path.is_file():
        raise CheckpointError(
            f"'{path}' does not exist: it should have the statistics of VecNormalize "
            "that the agent was trained with; --vecnormalize names another file, or is "
            "none for observations as they are."
        )
    found = read_statistics(path)
    try:
        settings = {name: getattr(found, name) for name in SETTINGS}
    except AttributeError as error:
        raise CheckpointError(f"'{path}' is damaged: {error!r}.") from error
    check_values(settings, SETTINGS, f"'{path}'")
    return found
