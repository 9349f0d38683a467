"""Random networks by seed: they test surgery on networks that nobody designed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from benchmarks.random_networks.growth import ACTIVATIONS, Growth

SPACES: list[spaces.Space[Any]] = [
    spaces.Box(-1, 1, (5,), np.float32),
    spaces.Box(-1, 1, (7, 3), np.float32),
    spaces.Box(0, 255, (3, 9, 11), np.uint8),
]
"""A vector, a history (frames, numbers), an image (channels, height, width)."""
ACTIONS: list[spaces.Space[Any]] = [
    spaces.Discrete(3),
    spaces.Box(-1, 1, (2,), np.float32),
]


class RandomExtractor(BaseFeaturesExtractor):
    """A features extractor that is a random graph of layers.

    The same seed always gives the same graph and the same weights.

    Attributes:
        steps: Modules in the order in which they run; a module may run twice.
        sources: Numbers of the values that each step reads. Value 0 is the observation,
            value i is the output of step i - 1.
    """

    def __init__(self, observation_space: spaces.Space[Any], seed: int = 0) -> None:
        super().__init__(observation_space, 1)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            growth = Growth(observation_space, seed)
            growth.run()
        self.steps = nn.ModuleList(module for module, _ in growth.steps)
        self.sources = [sources for _, sources in growth.steps]
        self._features_dim = growth.values[-1].shape[1]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the output of the last step, (batch, features)."""
        values = [observations]
        for step, sources in zip(self.steps, self.sources, strict=True):
            values.append(step(*(values[i] for i in sources)))
        return values[-1]


@torch.no_grad()
def unsettle(module: nn.Module, seed: int) -> None:
    """Draw biases, scales and statistics at random, and enlarge weights.

    Neutral values, like a bias of 0 or a scale of 1, would hide mistakes of surgery.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if "parametrizations" in name or not tensor.is_floating_point():
            continue
        if tensor.ndim > 1:
            tensor.mul_(1.5)
        else:
            tensor.add_(0.1 + 0.3 * torch.rand(tensor.shape, generator=generator))


def random_space(seed: int) -> spaces.Space[Any]:
    """Return the observation space that belongs to a seed."""
    return SPACES[seed % len(SPACES)]


def random_extractor(seed: int) -> RandomExtractor:
    """Make a random features extractor."""
    extractor = RandomExtractor(random_space(seed), seed)
    unsettle(extractor, seed)
    return extractor


def random_policy(seed: int) -> ActorCriticPolicy:
    """Make an actor-critic policy with a random features extractor and random heads."""
    rng = np.random.default_rng([seed, 1])
    arch = [{}, {"pi": [8]}, {"pi": [10, 6], "vf": [12]}][rng.integers(3)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = ActorCriticPolicy(
            random_space(seed),
            ACTIONS[rng.integers(len(ACTIONS))],
            lambda _: 1e-3,
            net_arch=arch,
            activation_fn=ACTIVATIONS[rng.integers(len(ACTIVATIONS))],
            ortho_init=False,
            features_extractor_class=RandomExtractor,
            features_extractor_kwargs={"seed": seed},
            share_features_extractor=bool(rng.random() < 0.8),
        )
    unsettle(policy, seed)
    return policy
