"""Tests for transplanting/noises.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import DDPG, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import (
    ActionNoise,
    NormalActionNoise,
    OrnsteinUhlenbeckActionNoise,
    VectorizedActionNoise,
)

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import plan_transplant, transplant
from transplanting.made import Toy, space_of

SMALL: dict[str, Any] = {
    **{"buffer_size": 100, "learning_starts": 8, "batch_size": 4, "device": "cpu"},
    "policy_kwargs": {"net_arch": [4]},
}
MEAN, SIGMA = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])


def agent(noise: Any, environments: int = 1, count: int = 3) -> Any:
    """Return an agent that has explored with some noise."""
    env = make_vec_env(lambda: Toy(5, space_of("TD3", count)), environments)
    return TD3("MlpPolicy", env, action_noise=noise, **SMALL).learn(16)


def env_of(count: int) -> Toy:
    return Toy(5, space_of("TD3", count))


def panel(shape: tuple[int, ...]) -> Toy:
    return Toy(5, spaces.Box(-1, 1, shape))


@pytest.mark.parametrize("cls", [NormalActionNoise, OrnsteinUhlenbeckActionNoise])
@pytest.mark.parametrize(
    ("actions", "mean", "sigma"),
    [
        ([2, 0, 1], [0.3, 0.1, 0.2], [3.0, 1.0, 2.0]),
        ([1, 0], [0.2, 0.1], [2.0, 1.0]),
        ([2, None, 0], [0.3, 0.2, 0.1], [3.0, 2.0, 1.0]),
        ([0, 1, 2, 2], [0.1, 0.2, 0.3, 0.3], [1.0, 2.0, 3.0, 3.0]),
    ],
)
def test_noise_follows_the_actions(
    cls: Any, actions: list[Any], mean: list[float], sigma: list[float]
) -> None:
    old = agent(cls(MEAN, SIGMA))
    new: Any = transplant(old, env=env_of(len(actions)), actions=actions)
    assert new.action_noise._mu == pytest.approx(mean)
    assert new.action_noise._sigma == pytest.approx(sigma)
    assert new.action_noise().shape == (len(actions),)
    assert np.array_equal(old.action_noise._mu, MEAN)
    new.learn(16)


def test_noise_that_depends_on_the_last_one_begins_anew() -> None:
    first = np.array([5.0, 6.0, 7.0])
    noise = OrnsteinUhlenbeckActionNoise(MEAN, SIGMA, initial_noise=first)
    old = agent(noise)
    old.action_noise()
    new: Any = transplant(old, env=env_of(3), actions=[1, 2, 0])
    assert np.array_equal(new.action_noise.noise_prev, [6.0, 7.0, 5.0])


@pytest.mark.parametrize(("before", "after"), [(2, 1), (2, 3), (1, 2), (2, 2)])
def test_noise_fits_the_new_environments(before: int, after: int) -> None:
    old = agent(NormalActionNoise(MEAN, SIGMA), before)
    env = make_vec_env(lambda: env_of(3), after)
    new: Any = transplant(old, env=env, actions=[1, 0, 2])
    new.learn(16)
    noise = new.action_noise
    assert isinstance(noise, VectorizedActionNoise) == (after > 1)
    assert noise().shape == ((after, 3) if after > 1 else (3,))
    base = getattr(noise, "base_noise", noise)
    assert np.array_equal(base._sigma, [2.0, 1.0, 3.0])


def test_one_number_for_all_actions_stays() -> None:
    old = agent(NormalActionNoise(0.5, np.full(1, 2.0)))  # type: ignore[arg-type]
    new: Any = transplant(old, env=env_of(2), actions=[1, 2])
    assert (new.action_noise._mu, new.action_noise._sigma) == (0.5, 2.0)
    one = agent(NormalActionNoise(np.full(1, 0.5), np.full(1, 2.0)), count=1)
    new = transplant(one, env=env_of(2), actions=[None, 0])
    assert np.array_equal(new.action_noise._sigma, [2.0, 2.0])


@pytest.mark.parametrize(
    ("shape", "actions"),
    [((6,), None), ((3, 2), [5, 4, 3, 2, 1, 0]), ((2, 2), [0, 1, 2, 3])],
)
def test_noise_has_the_axes_of_the_new_actions(
    shape: tuple[int, ...], actions: list[int] | None
) -> None:
    sigma = np.arange(6.0).reshape(2, 3)
    old: Any = TD3("MlpPolicy", panel((2, 3)), **SMALL)
    old.action_noise = NormalActionNoise(np.zeros((2, 3)), sigma)
    new: Any = transplant(old, env=panel(shape), actions=actions)
    wanted = sigma.ravel() if actions is None else sigma.ravel()[actions]
    assert np.array_equal(new.action_noise._sigma, wanted.reshape(shape))
    new.learn(16)


def test_another_algorithm() -> None:
    noise = NormalActionNoise(MEAN, SIGMA)
    old = DDPG("MlpPolicy", env_of(3), action_noise=noise, **SMALL)
    new: Any = transplant(old, env=env_of(3), actions=[1, 0, 2], algorithm=TD3)  # type: ignore[type-var]
    assert np.array_equal(new.action_noise._sigma, [2.0, 1.0, 3.0])


class Own(ActionNoise):
    """Noise that nobody knows."""

    def __call__(self) -> np.ndarray:
        return MEAN


def test_what_cannot_follow_the_actions() -> None:
    old = agent(Own())
    same: Any = transplant(old, env=env_of(3))
    assert isinstance(same.action_noise, Own)
    for function in (transplant, plan_transplant):
        with pytest.raises(TransplantError, match="action_noise is a Own"):
            function(old, env=env_of(3), actions=[1, 0, 2])
    old = agent(None)
    old.action_noise = NormalActionNoise(np.zeros(2), np.ones(2))
    with pytest.raises(TransplantError, match=r"is for 2 actions, but .* has 3"):
        transplant(old, env=env_of(3), actions=[1, 0, 2])
