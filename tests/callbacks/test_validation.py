"""Training stops once the test is passed."""

from sb3_prune_envs import make_arm_vec
from stable_baselines3 import PPO

from sb3_prune import ValidationCallback
from sb3_prune.evaluation import ValidationTest


def _learn(callback: ValidationCallback) -> PPO:
    model = PPO("MlpPolicy", make_arm_vec(4), n_steps=16, batch_size=64, device="cpu")
    return model.learn(640, callback=callback)


def test_it_stops_when_passed() -> None:
    easy = ValidationTest(episodes=30, rate=0.5, reward=0.0)
    callback = ValidationCallback(make_arm_vec(30), easy, every=20)
    model = _learn(callback)
    assert callback.passed
    assert model.num_timesteps == 80
    assert callback.history == [{"timesteps": 80, "success_rate": 1.0}]


def test_it_goes_on_before_start() -> None:
    easy = ValidationTest(episodes=30, rate=0.5, reward=0.0)
    callback = ValidationCallback(make_arm_vec(30), easy, every=20, start=200)
    assert _learn(callback).num_timesteps == 240
    assert len(callback.history) == 3


def test_it_goes_on_when_not_passed() -> None:
    hard = ValidationTest(episodes=30, rate=0.5, reward=1.1)
    callback = ValidationCallback(make_arm_vec(30), hard, every=50)
    assert _learn(callback).num_timesteps == 640
    assert not callback.passed
    assert [entry["success_rate"] for entry in callback.history] == [0.0] * 3
