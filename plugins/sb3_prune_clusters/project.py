"""Project one agent onto another, and measure the projection on new episodes."""

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
"""Names of the projection methods."""

RESOLUTION = 1e-5
"""Observations that round to the same multiples of this number count as equal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectionReport:
    """A projection, and its metrics on episodes that it was not fitted on."""

    method: str
    """"linear" or "greedy"."""
    penalty: float | None
    """lambda of eq. (5); None if the method is greedy."""
    inputs: int
    """Number N of inputs that the projection was fitted on."""
    validation_inputs: int
    """Number of distinct inputs of the validation episodes."""
    error: float
    """Normalised error on the validation inputs, eq. (6)."""
    saturation: float
    """How many source units a target unit needs, in [0, 1], eq. (7)."""
    coverage: float
    """How evenly the source units are used, in [0, 1], eq. (8)."""
    layers: Floats
    """Share of each target layer that each source layer predicts, eq. (9), (source
    layers, target layers)."""
    projection: Projection = field(repr=False)
    """The projection itself."""

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics, JSON-able. The matrix is in ``projection.to_dict()``."""
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
    """Predict the target agent's hidden units from those of the source agent.

    The target plays greedy episodes. The linear method is fitted on their distinct
    observations, the greedy method compares units over whole episodes.

    Args:
        source: Agent that predicts.
        target: Agent that is predicted.
        env_of_target: Environment that the target plays in; it is seeded anew.
        method: "linear", eq. (5), or "greedy".
        penalty: lambda of eq. (5); the greedy method ignores it.
        transform: How the target's observations are converted for the source:
            "naive", "balanced", "sums", or a function from (batch, ...) to (batch,
            ...).
        episodes: Episodes to fit the projection on.
        validation_episodes: Other episodes, on which the error is measured.
        seed: Seed of the episodes.

    Raises:
        ConfigError: A number is out of range, the transform does not fit the agents, or
            an activation is negative.
        UnknownNameError: The method or the transform does not exist.
    """
    if method not in METHODS:
        raise UnknownNameError("projection method", method, METHODS)
    see = find_transform(transform, source.observation_space.shape or ())
    made_from = _play(target, env_of_target, episodes, seed)
    # Environment i is seeded with seed + i, so no episode is used twice.
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
    """Drop observations that equal an earlier one up to :data:`RESOLUTION`.

    Args:
        observations: Observations, (N, ...).

    Returns:
        The first of each group of equal observations, in order, (distinct, ...).
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
