"""Episodes as GIF."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_prune import SB3PruneError
from sb3_prune.plots import record_gif

ARM = "sb3_prune/PlanarArm2-v0"


def test_every_second_step_is_a_frame(tmp_path: Path) -> None:
    env = gym.make(ARM, render_mode="rgb_array", max_episode_steps=10)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    record_gif(tmp_path / "arm.gif", model, env, episodes=2, every=2, size=120)
    with Image.open(tmp_path / "arm.gif") as gif:
        assert gif.size == (120, 120)
        # Pillow merges equal frames: at most 2 x (6 moving + 8 held).
        assert 2 * 2 <= getattr(gif, "n_frames", 1) <= 2 * 14


def test_agents_play_side_by_side(tmp_path: Path) -> None:
    env = gym.make(ARM, render_mode="rgb_array", max_episode_steps=4)
    models = {
        f"agent {seed}": PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=seed)
        for seed in (0, 1)
    }
    record_gif(tmp_path / "arms.gif", models, env, episodes=1, size=100)
    with Image.open(tmp_path / "arms.gif") as gif:
        assert gif.size == (200, 126)


def test_other_render_modes_are_refused(tmp_path: Path) -> None:
    env = gym.make(ARM)
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(SB3PruneError, match="render_mode='rgb_array', got None"):
        record_gif(tmp_path / "arm.gif", model, env)
    assert list(tmp_path.iterdir()) == []


class Wide(gym.ObservationWrapper):  # type: ignore[type-arg]
    """Far from zero, so that it has to be normalised."""

    def observation(self, observation: Any) -> Any:
        return observation + 100


def test_an_agent_sees_what_it_was_trained_on(tmp_path: Path) -> None:
    def env() -> Any:
        return Wide(gym.make(ARM, render_mode="rgb_array", max_episode_steps=4))

    model = PPO("MlpPolicy", VecNormalize(DummyVecEnv([env])), n_steps=8, batch_size=8)
    model.learn(32)
    seen: list[Any] = []
    predict = model.predict

    def watched(observation: Any, *rest: Any, **more: Any) -> Any:
        seen.append(observation)
        return predict(observation, *rest, **more)

    model.predict = watched  # type: ignore[method-assign]
    record_gif(tmp_path / "arm.gif", model, env(), episodes=1, size=50)
    assert np.abs(seen).max() <= 10


class Picky(gym.Wrapper):  # type: ignore[type-arg]
    """Allows one action only."""

    def action_masks(self) -> Any:
        return np.arange(self.action_space.n) == 1  # type: ignore[attr-defined]


def test_masks_of_actions_count(tmp_path: Path) -> None:
    taken: list[int] = []

    class Told(Picky):
        def step(self, action: Any) -> Any:
            taken.append(int(action))
            return super().step(action)

    env = Told(gym.make(ARM, render_mode="rgb_array", action_mode="joint"))
    model = MaskablePPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    record_gif(tmp_path / "arm.gif", model, gym.wrappers.TimeLimit(env, 5), episodes=1)
    assert set(taken) == {1}


@pytest.mark.parametrize("given", [{"episodes": 0}, {"every": 0}, {"seed": -1}])
def test_numbers_are_checked(given: dict[str, int], tmp_path: Path) -> None:
    env = gym.make(ARM, render_mode="rgb_array")
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(SB3PruneError, match=f"{next(iter(given))} must be at least"):
        record_gif(tmp_path / "arm.gif", model, env, **given)  # type: ignore[arg-type]
