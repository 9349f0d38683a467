"""Tests for transplanting/folding.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from sb3_prune.exceptions import ConfigError, TransplantError
from sb3_prune.transplanting import InputRules, transplant
from sb3_prune.transplanting.folding import fold
from sb3_prune.transplanting.pairing import pair_observations
from sb3_prune.transplanting.states import sample_states
from transplanting import made
from transplanting.looks import SPACES, env_of, image, numbers, said, trained, untrained

MEAN = InputRules(removed="mean")
NAMES = ("PPO", "DQN", "SAC", "TQC", "RecurrentPPO")


def filled(values: np.ndarray, place: int, value: float) -> np.ndarray:
    found = values.copy()
    found[:, place] = value
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_acts_as_if_it_saw_the_mean(name: str) -> None:
    old = trained(name, "vector")
    given = [0, 1, 3, 4]
    env = env_of(name, numbers(4))
    new = transplant(old, env=env, observations=given, inputs=MEAN, seed=1)
    states, _ = sample_states(old)
    seen = np.random.default_rng(0).uniform(-1, 1, (6, 5)).astype(np.float32)
    meant = filled(seen, 2, float(states[:, 2].mean()))
    torch.testing.assert_close(said(new, seen[:, given]), said(old, meant))


def test_choices_and_keys_have_means() -> None:
    old = trained("PPO", "flat keys")
    space = spaces.Dict({"arm": numbers(3)})
    new: Any = transplant(old, env=env_of("PPO", space), observations={}, inputs=MEAN)
    states, _ = sample_states(old)
    shares = torch.stack([(states["mode"] == i).float().mean() for i in range(3)])
    ours, theirs = (m.policy.mlp_extractor.policy_net[0] for m in (old, new))
    expected = ours.bias + ours.weight[:, 3:] @ shares
    torch.testing.assert_close(theirs.bias, expected)


def test_channels_have_means() -> None:
    old = trained("PPO", "image")
    env = env_of("PPO", image(2))
    new: Any = transplant(old, env=env, observations=[2, 0], inputs=MEAN)
    states, _ = sample_states(old)
    ours, theirs = (m.policy.features_extractor.cnn[0] for m in (old, new))
    mean = states[:, 1].float().mean() / 255
    expected = ours.bias + mean * ours.weight[:, 1].sum((1, 2))
    torch.testing.assert_close(theirs.bias, expected)


def test_weights_are_shared_among_equal_observations() -> None:
    old = trained("SAC", "vector")
    given = [0, 1, 2, 3, 4, 2, 2]
    env = env_of("SAC", numbers(7))
    share = InputRules(repeated="share")
    new = transplant(old, env=env, observations=given, inputs=share)
    seen = np.random.default_rng(0).uniform(-1, 1, (6, 5)).astype(np.float32)
    torch.testing.assert_close(said(new, seen[:, given]), said(old, seen))
    copied: Any = transplant(old, env=env, observations=given)
    first = copied.policy.actor.latent_pi[0].weight
    assert torch.equal(first[:, 2], first[:, 5])


def test_a_layer_without_a_bias_is_refused_and_nothing_changes() -> None:
    old = untrained("PPO", SPACES["vector"])
    net: Any = old.policy.mlp_extractor
    net.policy_net[0] = nn.Linear(5, 8, bias=False)
    seen = pair_observations(
        old.policy, untrained("PPO", numbers(4)).policy, [0, 1, 2, 3]
    )
    with pytest.raises(TransplantError, match=r"policy_net.0' has no bias"):
        fold(old, seen, sample_states(old)[0])


def test_what_is_normalised_before_is_refused() -> None:
    old = made.trained("CrossQ")
    env = made.env_of("CrossQ", 4)
    with pytest.raises(TransplantError, match="scales them before"):
        transplant(old, env=env, observations=[0, 1, 2, 3], inputs=MEAN)


def test_means_that_no_bias_can_stand_for_are_refused() -> None:
    cut = {"height": [*range(36)]}
    env = env_of("PPO", image(1))
    high = untrained("PPO", image(1, 44, 36))
    with pytest.raises(TransplantError, match=r"Rows or columns .* are cut off"):
        transplant(high, env=env, observations=cut, inputs=MEAN)
    blind = spaces.Dict({"arm": numbers(3), "ball": numbers(2)})
    env = env_of("PPO", blind)
    with pytest.raises(TransplantError, match=r"'eye' .* network that reads them"):
        transplant(trained("PPO", "keys"), env=env, observations={}, inputs=MEAN)


def test_choices_are_not_shared() -> None:
    env = env_of("PPO", spaces.Discrete(5))
    given = [0, 1, 2, 3, 3]
    share = InputRules(repeated="share")
    old = trained("PPO", "choices")
    with pytest.raises(TransplantError, match="is for numbers"):
        transplant(old, env=env, observations=given, inputs=share)
    new = transplant(old, env=env, observations=given)
    seen = np.array([0, 1, 2, 3])
    for moved in (seen, np.array([0, 1, 2, 4])):
        torch.testing.assert_close(said(new, moved), said(old, seen))


def test_rules() -> None:
    for given in ({"removed": "drop"}, {"repeated": "split"}):
        with pytest.raises(ConfigError, match="must be one of"):
            InputRules(**given)  # type: ignore[arg-type]
    old = PPO("MlpPolicy", env_of("PPO", numbers(2)), n_steps=32, batch_size=16)
    seen = pair_observations(old.policy, old.policy, None)
    assert fold(old, seen, sample_states(old)[0]) == {}


class Bent(BaseFeaturesExtractor):
    """Observations and their squares, or a bend alone."""

    def __init__(self, space: Any, *, whole: bool = True) -> None:
        super().__init__(space, space.shape[0] * (1 + whole))
        self.whole = whole

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        bent = observations.square()
        return torch.cat([observations, bent], 1) if self.whole else bent


@pytest.mark.parametrize("whole", [True, False])
def test_means_of_what_is_changed_before_it_is_read(whole: bool) -> None:
    kwargs: dict[str, Any] = {"features_extractor_class": Bent}
    kwargs["features_extractor_kwargs"] = {"whole": whole}
    old = untrained("PPO", numbers(5), policy_kwargs=kwargs)
    with pytest.raises(TransplantError, match="does not read observations as they are"):
        transplant(
            old, env=env_of("PPO", numbers(4)), observations=[0, 1, 3, 4], inputs=MEAN
        )
