"""Window: what an agent saw and did early in its training, for its screener."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.type_aliases import PyTorchObs

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.recording.activations import observe_weights
from sb3_prune.recording.distributions import distribution_of
from sb3_prune.screening.layers import Layer, choose, find_layers
from sb3_prune.screening.squashed import gaussian_of, squashed_entropy
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.quiet import quiet, seed_torch

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A step at which a time limit cut an episode off."""

    step: int
    """Number of the step in the window."""
    environment: int
    """Number of the environment."""
    observation: PyTorchObs
    """The last observation of the episode, as a batch of one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """The first steps of a training: N steps in each of E environments.

    Networks are run as they are at the end of the window, in evaluation mode, on the
    observations of the whole window; N * E of them, step by step. The agent stays as it
    is, its training modes, gradients and all random states included.
    """

    model: BaseAlgorithm
    """The agent in training."""
    inputs: Inputs
    """Inputs of its networks."""
    actions: Floats
    """Actions as the algorithm learns from them, (N, E, ...)."""
    rewards: Floats
    """Rewards as the algorithm gets them, normalised perhaps, (N, E)."""
    ends: NDArray[np.bool_]
    """Whether the step ended an episode, (N, E)."""
    last: PyTorchObs
    """Observations after the window, (E, ...)."""
    cuts: Sequence[Cut] = ()
    """Where a time limit ended an episode."""
    masks: NDArray[np.bool_] | None = None
    """Which actions were allowed, (N, E, ...); None without masking."""

    def layers(self, networks: Sequence[str] = ()) -> list[Layer]:
        """Return the hidden layers of some networks; by default those that act.

        Raises:
            ConfigError: None is named, and no network is known to act.
            UnknownNameError: There is no network of a given name.
        """
        return choose(find_layers(self.model.policy), networks)

    def activations(self, networks: Sequence[str] = ()) -> dict[str, torch.Tensor]:
        """Return the activations of hidden units, as the next layer reads them.

        Args:
            networks: Paths of networks; those that act if empty.

        Returns:
            Layer name -> (rows, units). There is a row for each observation, and for
            each position of a unit that has several, such as a channel.

        Raises:
            ConfigError: No network is named, and none is known to act.
            NonFiniteError: An observation, action or activation is NaN or infinite.
            UnknownNameError: There is no network of a given name.
            UnsupportedPolicyError: A layer cannot be recorded.
        """
        layers = self.layers(networks)
        wanted = {key for layer in layers for key in layer.keys}
        observer = observe_weights(self.model.policy, self.inputs, wanted)
        return {la.name: la.rows(*la.arrived(observer)) for la in layers}

    def distribution(self) -> Distribution:
        """Return the distributions of actions, one for each observation.

        Raises:
            UnsupportedPolicyError: The policy has none, as that of DQN.
        """
        with quiet(self.model.policy):
            # The policy's own object is put back to what it was.
            return copy.copy(self._distribution())

    def policy_entropies(self) -> torch.Tensor:
        """Return the entropy of the actions in nats, (N * E,).

        That of squashed Gaussians is of actions in [-1, 1]. Where a distribution of
        the user's own has no formula, -log p(a) of one action stands for it, drawn with
        seed 0.

        Raises:
            UnsupportedPolicyError: The policy has no distribution, as that of DQN.
        """
        with quiet(self.model.policy):
            distribution = self._distribution()
            if gaussian := gaussian_of(distribution):
                return squashed_entropy(gaussian)
            found = distribution.entropy()
            if found is None:
                seed_torch(0)
                found = -distribution.log_prob(distribution.sample())
            return found

    def _distribution(self) -> Distribution:
        found = distribution_of(self.model.policy, self.inputs, **self._masked())
        if found is None:
            raise UnsupportedPolicyError(
                f"{type(self.model.policy).__name__} of {type(self.model).__name__} "
                "has no distribution of actions."
            )
        return found  # type: ignore[no-any-return]

    def _masked(self) -> dict[str, Any]:
        if self.masks is None:
            return {}
        return {"action_masks": self.masks.reshape(self.rewards.size, -1)}
