"""Episodes as GIF."""

from pathlib import Path

import gymnasium as gym
import pytest
from PIL import Image
from stable_baselines3 import PPO

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
