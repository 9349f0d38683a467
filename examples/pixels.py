"""PPO learns to catch balls from pixels while three of four channels are removed.

``python examples/pixels.py`` takes about a minute. It prints the agent's parameters and
FLOPs, dense and pruned, and how many balls the pruned agent catches. Then it saves the
agent, loads it and continues its training. Of ten balls, random actions catch 2.6 and
the best agent catches all.
"""

import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticCnnPolicy

import sb3_prune as sp

STEPS = 120_000
SIZE, BALL, PADDLE, PACE, BALLS = 36, 3, 7, 3, 10
RIGHT = SIZE - BALL
FLOOR = SIZE - PACE
Image = npt.NDArray[np.uint8]


class Catch(gym.Env[Image, np.int64]):
    """Balls fall one after the other and bounce off the walls; the paddle catches them.

    The image, 1 x 36 x 36, shows the paddle, the ball, and in grey the ball's position
    one step ago. Actions move the paddle left, not at all, or right. Each of the ten
    balls that touches the paddle gives a reward of 1. An episode takes 110 steps.
    """

    observation_space = spaces.Box(0, 255, (1, SIZE, SIZE), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Image, dict[str, Any]]:
        """Put the paddle at a random position and drop the first ball."""
        super().reset(seed=seed)
        self.paddle = int(self.np_random.integers(SIZE - PADDLE + 1))
        self.balls = BALLS
        self._drop()
        return self._image(), {}

    def step(self, action: np.int64) -> tuple[Image, float, bool, bool, dict[str, Any]]:
        """Move the paddle, then the ball."""
        moved = self.paddle + PACE * (int(action) - 1)
        self.paddle = min(max(moved, 0), SIZE - PADDLE)
        self.before = self.x, self.y
        self.x, self.y = self.x + self.drift, self.y + PACE
        if not 0 <= self.x <= RIGHT:
            self.x = -self.x if self.x < 0 else 2 * RIGHT - self.x
            self.drift = -self.drift
        reward = 0.0
        if self.y == FLOOR:
            reward = float(-BALL < self.x - self.paddle < PADDLE)
            self.balls -= 1
            self._drop()
        return self._image(), reward, False, self.balls == 0, {}

    def _drop(self) -> None:
        self.x, self.y = int(self.np_random.integers(RIGHT + 1)), 0
        self.drift = int(self.np_random.integers(-PACE, PACE + 1))
        self.before = self.x, self.y

    def _image(self) -> Image:
        image = np.zeros((1, SIZE, SIZE), np.uint8)
        for (x, y), grey in ((self.before, 96), ((self.x, self.y), 255)):
            image[0, y : y + BALL, x : x + BALL] = grey
        image[0, FLOOR:, self.paddle : self.paddle + PADDLE] = 255
        return image


def learner(
    policy: type[ActorCriticCnnPolicy], seed: int = 0, **policy_kwargs: Any
) -> PPO:
    """Return an untrained PPO agent."""
    return PPO(
        policy,
        make_vec_env(Catch, n_envs=32, seed=seed),
        n_steps=32,
        batch_size=256,
        n_epochs=2,
        learning_rate=1e-3,
        gamma=0.95,
        gae_lambda=0.9,
        ent_coef=0.01,
        policy_kwargs={"features_extractor_kwargs": {"features_dim": 128}}
        | policy_kwargs,
        seed=seed,
        device="cpu",
    )


def pruning(verbose: int = 0) -> sp.PruningCallback:
    """Return a callback that removes three of four units in five steps.

    The last step is after 75 % of training.
    """
    options = {"final_sparsity": 0.75, "begin": 0.25, "end": 0.75, "steps": 5}
    return sp.PruningCallback("magnitude", options, verbose=verbose)


def main(steps: int = STEPS, seed: int = 0) -> None:
    """Train and prune, save, load, and continue training for a sixth of the steps."""
    torch.set_num_threads(1)
    model = learner(sp.MaskedActorCriticCnnPolicy, seed)
    test_env = make_vec_env(Catch, n_envs=16)
    dense = sp.complexity(model)
    model.learn(steps, callback=pruning(verbose=1))

    pruned = sp.complexity(model)
    for name in ("params_deploy", "flops_deploy"):
        before, after = getattr(dense, name), getattr(pruned, name)
        print(f"{name}: {before:,} -> {after:,}, {after / before:.1%}")
    print("pruned:    ", sp.evaluate(model, test_env, episodes=96, seed=1))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catcher.zip")
        model.save(path)
        loaded = PPO.load(path, env=model.get_env(), device="cpu")
    print("loaded:    ", sp.evaluate(loaded, test_env, episodes=96, seed=1))
    loaded.learn(steps // 6)
    print("trained on:", sp.evaluate(loaded, test_env, episodes=96, seed=1))


if __name__ == "__main__":
    main()
