"""Project one agent onto another, and measure the projection on fresh episodes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import UnknownNameError
from sb3_prune.recording import Recording, record_episodes
from sb3_prune.recording.activations import record_activations
from sb3_prune_clusters.mappings import greedy, linear
from sb3_prune_clusters.projection import Floats, Projection, Units
from sb3_prune_clusters.transforms import Transform, find_transform

METHODS = ("linear", "greedy")
"""Names of the ways to project."""

RESOLUTION = 1e-5
"""Observations that round to the same multiples of this count as one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectionReport:
    """A projection and how good it is on episodes that it was not made from."""

    method: str
    """"linear" or "greedy"."""
    penalty: float | None
    """lambda of eq. (5); None if greedy."""
    inputs: int
    """Number of inputs N that the projection was made from."""
    validation_inputs: int
    """Number of distinct inputs of the validation episodes."""
    error: float
    """Normalised error on the validation inputs, eq. (6)."""
    saturation: float
    """Eq. (7)."""
    coverage: float
    """Eq. (8)."""
    layers: Floats
    """Eq. (9), (source layers, target layers)."""
    projection: Projection = field(repr=False)
    """The projection itself."""

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, JSON-able; for the matrix ask the projection."""
        special = ("layers", "projection")
        names = [f.name for f in fields(self) if f.name not in special]
        return {name: getattr(self, name) for name in names} | {
            "layers": self.layers.tolist(),
            "source_layers": dict(self.projection.source_layers),
            "target_layers": dict(self.projection.target_layers),
        }


def project_agents(
    source: BaseAlgorithm,
    target: BaseAlgorithm,
    env_of_target: VecEnv,
    *,
    method: str = "linear",
    penalty: float = 50.0,
    transform: str | Transform = "balanced",
    episodes: int = 170,
    validation_episodes: int = 300,
    seed: int = 0,
) -> ProjectionReport:
    """Predict the target's hidden units from the source's.

    Inputs are the distinct observations of the target's greedy episodes; greedy
    projections compare whole episodes.

    Args:
        source: Agent that predicts.
        target: Agent that is predicted.
        env_of_target: What the target plays; it is seeded anew.
        method: "linear", eq. (5), or "greedy".
        penalty: lambda of eq. (5); greedy takes none.
        transform: How the source sees the target's observations: "naive", "balanced",
            "sums", or a function from (batch, ...) to (batch, ...).
        episodes: Episodes to make the projection from.
        validation_episodes: Other episodes, to measure the error on.
        seed: Seed of the episodes.

    Raises:
        ConfigError: A number is out of range, a transform does not fit, or a unit can
            be negative.
        UnknownNameError: The method or the transform does not exist.
    """
    if method not in METHODS:
        raise UnknownNameError("projection method", method, METHODS)
    see = find_transform(transform, source.observation_space.shape or ())
    made_from = _play(target, env_of_target, episodes, seed)
    # Environment i is seeded with seed + i: these are all different.
    other_seed = seed + env_of_target.num_envs
    others = _play(target, env_of_target, validation_episodes, other_seed)

    def both(observations: NDArray[Any]) -> tuple[Units, Units]:
        return _units(source, see(observations)), _units(target, observations)

    if method == "greedy":
        inputs = made_from.observations[made_from.valid()]
        projection = greedy(*both(inputs), lengths=made_from.lengths.tolist())
    else:
        inputs = distinct(made_from.observations[made_from.valid()])
        projection = linear(*both(inputs), penalty=penalty)
    unseen = distinct(others.observations[others.valid()])
    return ProjectionReport(
        method=method,
        penalty=penalty if method == "linear" else None,
        inputs=len(inputs),
        validation_inputs=len(unseen),
        error=projection.error(*both(unseen)),
        saturation=projection.saturation(),
        coverage=projection.coverage(),
        layers=projection.layer_matrix(),
        projection=projection,
    )


def distinct(observations: NDArray[Any]) -> NDArray[Any]:
    """Drop observations that were seen before, up to :data:`RESOLUTION`.

    Args:
        observations: Observations, (N, ...).

    Returns:
        The first of each, in order, (distinct, ...).
    """
    flat = observations.reshape(len(observations), -1).astype(np.float64)
    cells = np.rint(flat / RESOLUTION).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return observations[np.sort(first)]


def _play(model: BaseAlgorithm, env: VecEnv, episodes: int, seed: int) -> Recording:
    return record_episodes(model, env, episodes=episodes, seed=seed, progress=False)


def _units(model: BaseAlgorithm, observations: NDArray[Any]) -> dict[str, Floats]:
    with torch.no_grad():
        recorded = record_activations(model, observations)
    return {k: v.cpu().numpy().astype(np.float64) for k, v in recorded.items()}
