"""Transplant: an agent learns two sensors, gets two more, and goes on.

``python examples/transplant.py`` takes about a minute. PPO learns to balance a pole,
but sees only the cart's velocity and the pole's angle. Then it gets the other two
sensors. A transplanted agent begins as the old one ended; one from scratch begins with
nothing. Both train equally long, and the returns of both are printed on the way.
"""

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import sb3_prune as sp

torch.set_num_threads(1)

NAMES = {
    "old": ["velocity", "angle"],
    "new": ["position", "velocity", "angle", "spin"],
}


class Seen(gym.ObservationWrapper):
    """Shows some of the observations of an environment."""

    def __init__(self, env: str, places: list[int]) -> None:
        super().__init__(gym.make(env))
        self.places = places
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (len(places),))

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """Return what is shown."""
        return observation[self.places]


def worth(model: PPO) -> float:
    """Return the mean return of 20 greedy episodes."""
    env = model.get_env()
    assert env is not None
    return float(np.mean(evaluate_policy(model, env, n_eval_episodes=20)[0]))


SETTINGS = {"n_steps": 512, "n_epochs": 10, "learning_rate": 1e-3, "device": "cpu"}
old = PPO("MlpPolicy", Seen("CartPole-v1", [1, 2]), seed=0, **SETTINGS)
old.learn(10_240)
print(f"two sensors: return {worth(old):.0f}")

new = sp.transplant(old, env=gym.make("CartPole-v1"), observations=NAMES, seed=1)
scratch = PPO("MlpPolicy", "CartPole-v1", seed=1, **SETTINGS)
for _ in range(4):
    print(f"four: transplanted {worth(new):.0f}, from scratch {worth(scratch):.0f}")
    new.learn(2_048)
    scratch.learn(2_048, reset_num_timesteps=False)
