"""Tests for callbacks/features.py."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from gymnasium import spaces
from sb3_contrib import TRPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnvWrapper, VecNormalize

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError

Batch = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]


class Events(BaseCallback):
    """Write down what happens: s(tep), u(pdate of features), t(raining of the agent).

    Training of several gradient steps is written once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log = ""
        self.batches: list[Batch] = []

    def _on_training_start(self) -> None:
        model: Any = self.model
        update, learn = model.policy.ofe.update, model.train

        def note_update(*batch: Any) -> Any:
            self.log += "u"
            self.batches.append(batch)
            return update(*batch)

        def note_training(*args: Any, **kwargs: Any) -> None:
            self.log += "t"
            learn(*args, **kwargs)

        model.policy.ofe.update, model.train = note_update, note_training

    def _on_step(self) -> bool:
        self.log += "s"
        return True

    def _on_training_end(self) -> None:
        del self.model.policy.ofe.update, self.model.train  # type: ignore[attr-defined]


def events(
    name: str, steps: int, callback: sp.FeatureCallback | None = None, **kwargs: Any
) -> str:
    """Return what happens in a run, in order."""
    model = ofexi_zoo.make_model(name, **kwargs)
    found = Events()
    features = callback or sp.FeatureCallback(pretraining=3)
    zoo.train(model, steps, callback=[features, found])
    return found.log


# Off-policy: before each of the agent's updates, from the replay buffer.


def test_features_learn_first_and_then_the_agent() -> None:
    log = events("SAC", 24, learning_starts=20)
    assert log == "s" * 20 + "suuuut" + 3 * "sut"


def test_pretraining_takes_as_many_updates_as_there_were_random_steps() -> None:
    log = events("SAC", 22, sp.FeatureCallback(), learning_starts=20)
    assert log == "s" * 20 + "s" + "u" * 20 + "ut" + "sut"
    log = events("SAC", 22, sp.FeatureCallback(pretraining=0), learning_starts=20)
    assert log == "s" * 20 + 2 * "sut"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"train_freq": 4, "gradient_steps": 2}, "ssss" + 2 * "ssssuut"),
        ({"train_freq": 4, "gradient_steps": -1}, "ssss" + 2 * "ssssuuuut"),
        ({"train_freq": 4, "gradient_steps": 0}, "ssss" * 3),
        ({"train_freq": 6, "gradient_steps": -1}, 2 * "ssssssuuuuuut"),
    ],
)
def test_there_are_as_many_updates_as_gradient_steps(
    options: Any, expected: str
) -> None:
    callback = sp.FeatureCallback(pretraining=0)
    log = events("SAC", 12, callback, learning_starts=5, **options)
    assert log == expected


def test_parallel_environments_count_each() -> None:
    env = DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 3)
    callback = sp.FeatureCallback(pretraining=0)
    options = {"env": env, "gradient_steps": -1, "learning_starts": 3}
    assert events("SAC", 12, callback, **options) == "s" + 3 * "suuut"


def test_the_number_may_be_given() -> None:
    callback = sp.FeatureCallback(pretraining=0, updates=2)
    assert events("SAC", 12, callback, learning_starts=10) == "s" * 10 + 2 * "suut"


def test_an_update_of_the_features_changes_nothing_else() -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model("ValueSAC"))
    before, extractor = rest(model), ofexi_zoo.ours(model.policy)
    callback = sp.FeatureCallback(updates=5)
    callback.init_callback(model)
    callback.on_rollout_end()
    assert zoo.equal(rest(model), before)
    assert model.policy.ofe.updates == extractor["learning"]["updates"] + 5
    assert not zoo.equal(ofexi_zoo.ours(model.policy), extractor)


def rest(model: Any) -> dict[str, Any]:
    parameters = copy.deepcopy(model.get_parameters())
    policy = parameters.pop("policy")
    return {k: v for k, v in policy.items() if not k.startswith("ofe")} | parameters


# It is trained once.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_resumed_run_does_not_pretrain_again(name: str) -> None:
    model = ofexi_zoo.make_model(name)
    zoo.train(model, 32, callback=sp.FeatureCallback(pretraining=7))
    assert model.policy.ofe.pretrained
    count = model.policy.ofe.updates
    again, loaded = copy.deepcopy(count), ofexi_zoo.reload(model)
    for resumed in (model, loaded):
        zoo.train(resumed, 16, callback=sp.FeatureCallback(pretraining=7))
        expected = 16 if name == "PPO" else 0  # Random steps begin anew.
        assert resumed.policy.ofe.updates == again + expected
    zoo.train(
        loaded,
        16,
        callback=sp.FeatureCallback(pretraining=7),
        reset_num_timesteps=False,
    )
    assert loaded.policy.ofe.updates == again + expected + 16


# On-policy: after the agent has learnt, from the rollouts so far.


def test_on_policy_the_agent_learns_first() -> None:
    """Its log-probabilities belong to the features as they were."""
    rollout = "s" * 16 + "t"
    expected = rollout + "uuu" + "u" * 16 + rollout + "u" * 16
    assert events("PPO", 32) == expected
    assert events("A2C", 8) == "s" * 8 + "t" + "uuu" + "u" * 8


def test_the_memory_is_the_agents() -> None:
    features = sp.FeatureCallback(pretraining=0)
    one, other = (ofexi_zoo.make_model("PPO") for _ in range(2))
    zoo.train(one, 32, callback=features)
    zoo.train(other, 16, callback=features)
    assert len(one.policy.ofe.memory) == 32
    assert len(other.policy.ofe.memory) == 16
    zoo.train(one, 16, callback=sp.FeatureCallback(buffer_size=40))
    assert len(one.policy.ofe.memory) == 40


def test_on_policy_nothing_is_learnt_twice() -> None:
    model = ofexi_zoo.make_model("PPO")
    callback = sp.FeatureCallback(updates=5, batch_size=16)
    for total in (10, 20):
        zoo.train(model, 32, callback=callback)
        assert model.policy.ofe.updates == total


def test_a_rollout_that_broke_off_is_not_learnt_from() -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.n_calls < 20

    model = ofexi_zoo.make_model("PPO")
    zoo.train(model, 64, callback=[sp.FeatureCallback(batch_size=16), Stop()])
    assert model.policy.ofe.updates == 16


# From true transitions.


class Clock(gym.Env):  # type: ignore[type-arg]
    """Observe episode and step; an episode has so many steps."""

    observation_space = spaces.Box(0, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)
    episode, time = -1, 0

    def __init__(self, length: int = 7) -> None:
        self.length = length

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.episode, self.time = self.episode + 1, 0
        return np.array([self.episode, 0], np.float32), {}

    def step(self, action: Any) -> Any:
        self.time += 1
        ends = self.time == self.length
        seen = np.array([self.episode, self.time], np.float32)
        return seen, 0.0, ends, False, {}


BUFFERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "n-step": {"n_steps": 3},
    "memory-optimised": {
        "optimize_memory_usage": True,
        "replay_buffer_kwargs": {"handle_timeout_termination": False},
    },
    "wrapped": {"buffer_size": 30},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO", *BUFFERS])
def test_what_follows_is_the_very_next_observation(name: str) -> None:
    kwargs = BUFFERS.get(name, {})
    algorithm = "PPO" if name == "PPO" else "SAC"
    model = ofexi_zoo.make_model(algorithm, env=Clock(), **kwargs)
    found = Events()
    features = sp.FeatureCallback(pretraining=20, batch_size=64)
    zoo.train(model, 48, callback=[found, features])
    for observations, actions, following in found.batches:
        steps = following - observations
        assert bool((steps == torch.tensor([0.0, 1.0])).all())
        assert (actions is None) == (name == "PPO")
    assert found.batches


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_observations_are_normalised_as_the_agent_sees_them(name: str) -> None:
    env = VecNormalize(DummyVecEnv([Clock]), clip_obs=1.5)
    model = ofexi_zoo.make_model(name, env=env)
    found = Events()
    zoo.train(model, 32, callback=[found, sp.FeatureCallback(batch_size=64)])
    for observations, _, following in found.batches:
        assert float(observations.abs().max()) <= 1.5
        assert float(following.abs().max()) <= 1.5


class Doubled(VecEnvWrapper):
    """Changes observations behind their normalisation."""

    def reset(self) -> Any:
        return 2 * self.venv.reset()

    def step_wait(self) -> Any:
        observations, *others = self.venv.step_wait()
        return 2 * observations, *others


def test_what_a_wrapper_changes_behind_the_normalisation_is_learnt_as_seen() -> None:
    env = VecNormalize(DummyVecEnv([Clock]), clip_obs=1.5)
    model = ofexi_zoo.make_model("PPO", env=Doubled(env))
    found = Events()
    zoo.train(model, 64, callback=[found, sp.FeatureCallback(batch_size=64)])
    assert max(float(before.abs().max()) for before, _, _ in found.batches) > 1.5


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_old_observations_are_normalised_by_the_statistics_of_now(name: str) -> None:
    """Every batch is of times 0 to 5, whatever the statistics were at that time."""
    env = VecNormalize(DummyVecEnv([Clock]), clip_obs=1e6)
    model = ofexi_zoo.make_model(name, env=env)
    seen: list[Any] = []

    class Undo(Events):
        """Undoes the normalisation of batches, with the statistics of now."""

        def _on_training_start(self) -> None:
            super()._on_training_start()
            note: Any = self.model.policy.ofe.update

            def undone(before: Any, actions: Any, after: Any) -> Any:
                seen.extend(env.unnormalize_obs(before.numpy())[:, -1])
                return note(before, actions, after)

            self.model.policy.ofe.update = undone

    zoo.train(model, 64, callback=[Undo(), sp.FeatureCallback(batch_size=64)])
    assert len(seen) >= 64
    assert np.asarray(seen) == pytest.approx(np.rint(seen), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("size", [2, 8])
def test_batches_from_short_episodes_can_be_learnt_from(
    norm: str, length: int, size: int
) -> None:
    model = ofexi_zoo.make_model(
        "SAC", env=Clock(length), ofe={"norm": norm}, **BUFFERS["memory-optimised"]
    )
    found = Events()
    zoo.train(model, 40, callback=[found, sp.FeatureCallback(20, size)])
    sizes = {len(batch[0]) for batch in found.batches}
    assert sizes <= set(range(2, size + 1)) and bool(sizes) == (length > 1)
    finite = [bool(p.isfinite().all()) for p in model.policy.parameters()]
    assert all(finite)


def test_a_batch_of_one_can_be_learnt_from() -> None:
    model = ofexi_zoo.make_model("SAC", ofe={"norm": "layer"})
    zoo.train(model, 24, callback=sp.FeatureCallback(0, batch_size=1))
    assert model.policy.ofe.updates > 0


# What is told.


@pytest.mark.filterwarnings("ignore:The features that the agent learns from")
def test_a_rollout_without_successors_is_told_once() -> None:
    model = ofexi_zoo.make_model("PPO", env=Clock(1))
    with pytest.warns(UserWarning, match="has nothing to learn from") as told:
        model.learn(48, callback=sp.FeatureCallback())
    assert len([w for w in told if "nothing to learn" in str(w.message)]) == 1
    assert model.policy.ofe.updates == 0


def test_loss_and_gap_are_logged() -> None:
    model = ofexi_zoo.make_model("SAC")
    callback = sp.FeatureCallback(pretraining=100, gap_every=40)
    seen: dict[str, float] = {}

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            seen.update(self.logger.name_to_value)
            return True

    zoo.train(model, 20, callback=[callback, Look()])
    assert {"ofe/aux_loss", "ofe/feature_gap"} <= seen.keys()
    assert seen["ofe/aux_loss"] > 0 and seen["ofe/feature_gap"] > 0


@pytest.mark.parametrize("verbose", [0, 1])
def test_pretraining_is_quiet_unless_asked(
    verbose: int, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ofexi_zoo.train(
        ofexi_zoo.make_model("SAC"), callback=sp.FeatureCallback(verbose=verbose)
    )
    assert ("Pre-training features" in capsys.readouterr().err) == bool(verbose)


@pytest.mark.slow
def test_the_loss_falls_in_a_pendulum() -> None:
    model = ofexi_zoo.make_model("SAC", learning_starts=250, batch_size=64)
    features = sp.FeatureCallback(pretraining=400)
    found = Events()
    before = copy.deepcopy(model.policy.ofe)
    zoo.train(model, 252, callback=[found, features])
    batch = found.batches[-1]
    first, last = (
        float(net.errors(*batch).mean()) for net in (before, model.policy.ofe)
    )
    still = float((batch[2] - batch[0]).square().mean())
    assert last < 0.1 * first
    assert last < 3 * still  # Nearly as good as that nothing moves, after 400 updates.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "TD3", "ValueSAC", "PPO", "A2C"])
def test_an_agent_on_features_that_never_learnt_is_warned(name: str) -> None:
    model = ofexi_zoo.make_model(name)
    with pytest.warns(UserWarning, match="random: pass a FeatureCallback"):
        model.learn(24)
    again = ofexi_zoo.reload(ofexi_zoo.train(ofexi_zoo.make_model(name)))
    again.learn(24)  # What was learnt may stay as it is.


# Bad input.


@pytest.mark.parametrize("name", ["batch_size", "updates", "buffer_size", "gap_every"])
def test_numbers_must_be_positive(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be at least 1, got 0"):
        sp.FeatureCallback(**{name: 0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2.5, "3"])
def test_numbers_must_be_whole(value: Any) -> None:
    numbers = ("batch_size", "updates", "buffer_size", "gap_every", "verbose")
    for name in ("pretraining", *numbers):
        with pytest.raises(ConfigError, match=f"{name} must be a whole number"):
            sp.FeatureCallback(**{name: value})


def test_pretraining_is_not_negative() -> None:
    with pytest.raises(ConfigError, match="pretraining must be at least 0, got -1"):
        sp.FeatureCallback(pretraining=-1)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_batch_of_one_cannot_be_normalised(name: str) -> None:
    model = ofexi_zoo.make_model(name, ofe={"norm": "batch"})
    with pytest.raises(ConfigError, match=r"batch_size must be at least 2.*got 1"):
        zoo.train(model, callback=sp.FeatureCallback(batch_size=1))
    assert model.num_timesteps == 0


def test_a_policy_without_extractor_is_refused() -> None:
    with pytest.raises(UnsupportedPolicyError, match="MaskedSACPolicy has no feature"):
        zoo.train(zoo.make_model("SAC"), callback=sp.FeatureCallback())


def test_trpo_is_refused() -> None:
    model = TRPO(
        sp.OFEXiActorCriticPolicy,
        "Pendulum-v1",
        n_steps=16,
        batch_size=16,
        device="cpu",
    )
    with pytest.raises(UnsupportedPolicyError, match="use PPO"):
        model.learn(16, callback=sp.FeatureCallback())
