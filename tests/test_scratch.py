"""Tests for scratch.py: a small dense agent is as one written by hand."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from grouping import MaskedGrouping, grouped_model
from images import LOOKERS
from stable_baselines3 import A2C, DQN, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import SACPolicy

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import (
    ConfigError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.exporting.widths import twins
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.scratch import from_scratch
from sb3_prune.surgery.weight_masks import mask_weights

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


def pruned(name: str) -> BaseAlgorithm:
    """Return an agent of which every network has lost units, in equal shares."""
    model = zoo.train(zoo.make_model(name))
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    return zoo.train_on(model)


def by_hand(name: str, model: BaseAlgorithm, like: BaseAlgorithm) -> BaseAlgorithm:
    return zoo.make_model(name, seed=5, policy_kwargs=model.policy_kwargs, env=like.env)


@every_algorithm
def test_it_learns_bit_for_bit_as_one_written_by_hand(name: str) -> None:
    model = pruned(name)
    small = from_scratch(model, seed=5)
    assert sp.wire(small.policy).units() == sp.wire(model.policy).units()
    written = by_hand(name, small, model)
    for each in (small, written):
        each.set_random_seed(5)
        zoo.train(each)
    zoo.assert_same(zoo.snapshot(small.policy), zoo.snapshot(written.policy))
    assert small.num_timesteps == written.num_timesteps > 0


@every_algorithm
def test_it_has_not_begun(name: str) -> None:
    model = pruned(name)
    small = from_scratch(model, seed=5)
    assert type(small) is type(model)
    assert small.num_timesteps == 0 != model.num_timesteps
    written = by_hand(name, small, model)
    assert vars(small).keys() == vars(written).keys()
    for attribute, value in vars(written).items():
        if isinstance(value, str | bool | int | float | None):
            assert vars(small)[attribute] == value, attribute
    buffer = getattr(small, "replay_buffer", None)
    assert buffer is None or buffer.size() == 0


@every_algorithm
def test_the_pruned_agent_stays_as_it_is(name: str) -> None:
    model = pruned(name)
    before, kwargs = zoo.snapshot(model.policy), dict(model.policy_kwargs)
    zoo.train(from_scratch(model, seed=5))
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
    assert model.policy_kwargs == kwargs


@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN", "RecurrentPPO"])
def test_of_a_stock_agent_the_widths_are_its_own(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=True))
    small = from_scratch(model, seed=5)
    assert type(small.policy) is type(model.policy)
    assert sp.wire(small.policy).units() == sp.wire(model.policy).units()


def test_units_with_a_closed_gate_do_not_count() -> None:
    model = zoo.make_model("PPO")
    layer = "mlp_extractor.policy_net.0"
    sp.mask(model, {layer: sp.surgery.remove([0, 1, 2], zoo.ARCH[0])})
    units = sp.wire(from_scratch(model).policy).units()
    assert units[layer] == zoo.ARCH[0] - 3
    assert sum(units.values()) == 2 * sum(zoo.ARCH) - 3


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "CrossQ"])
def test_twins_get_the_width_of_the_wider_one(name: str) -> None:
    model = zoo.make_model(name)
    pair = next(p for p in twins(model.policy) if p[0].name.startswith("critic."))
    first, second = (layer.name for layer in pair)
    sp.apply(model, {first: sp.surgery.remove([0, 1, 2], zoo.ARCH[0])})
    sp.apply(model, {second: sp.surgery.remove([0], zoo.ARCH[0])})
    small = from_scratch(model)
    assert small.policy_kwargs["net_arch"]["qf"] == [zoo.ARCH[0] - 1, zoo.ARCH[1]]
    assert sp.wire(small.policy).units()[first] == zoo.ARCH[0] - 1


def test_an_agent_that_was_saved_and_loaded_is_as_good(tmp_path: Any) -> None:
    model = pruned("RecurrentPPO")
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", env=model.get_env())
    assert "initial_units" in loaded.policy_kwargs or loaded.policy.initial_units
    small = from_scratch(loaded, seed=5)
    assert sp.wire(small.policy).units() == sp.wire(model.policy).units()
    assert small.policy.initial_units == sp.wire(model.policy).units()


def test_hyperparameters_are_the_pruned_agents() -> None:
    kwargs = {"activation_fn": torch.nn.ELU, "n_critics": 3}
    model = zoo.make_model("SAC", policy_kwargs=kwargs, gamma=0.7, ent_coef="auto_0.3")
    small: Any = from_scratch(model)
    assert kwargs.items() <= small.policy_kwargs.items()
    assert (small.gamma, small.ent_coef) == (0.7, "auto_0.3")
    assert small.log_ent_coef.exp().item() == pytest.approx(0.3)


def test_without_environment_there_is_none(sac_without_env: SAC) -> None:
    with pytest.raises(ConfigError, match="env is missing: the model has none"):
        from_scratch(sac_without_env)
    small = from_scratch(sac_without_env, make_vec_env("Pendulum-v1", 1))
    assert small.policy_kwargs["net_arch"]["pi"] == [8, 8]


@pytest.fixture
def sac_without_env(tmp_path: Any) -> SAC:
    SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}).save(
        tmp_path / "sac"
    )
    return SAC.load(tmp_path / "sac")


def test_channels_are_refused_by_name() -> None:
    model = LOOKERS["PPO-Cnn"].make()
    name = "features_extractor.cnn.0"
    units = sp.wire(model.policy)[name].units
    sp.apply(model, {name: sp.surgery.remove([0], units)})
    with pytest.raises(UnsupportedPolicyError, match=rf"'{name}' has 31 of 32 units"):
        from_scratch(model)


def test_features_of_images_get_their_width() -> None:
    model = LOOKERS["PPO-Cnn"].make()
    name = "features_extractor.linear.0"
    sp.apply(model, {name: sp.surgery.remove([0, 1], 10)})
    assert sp.wire(from_scratch(model).policy).units()[name] == 8


@pytest.mark.parametrize("n_envs", [1, 2])
def test_noise_on_actions_begins_anew(n_envs: int) -> None:
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), np.ones(1))
    env = make_vec_env("Pendulum-v1", n_envs)
    model: Any = zoo.train(zoo.make_model("TD3", env=env, action_noise=noise))
    small: Any = from_scratch(model, make_vec_env("Pendulum-v1", 1))
    assert np.all(small.action_noise.noise_prev == 0)
    used = getattr(model.action_noise, "noises", [model.action_noise])
    assert not any(np.all(each.noise_prev == 0) for each in used)
    zoo.train(small)


CHANGES: dict[str, dict[str, Any]] = {
    "DQN": {"n_steps": 3, "gamma": 0.5, "stats_window_size": 7},
    "A2C": {"use_rms_prop": False, "learning_rate": 0.1},
    "SAC": {"ent_coef": 0.1, "use_sde": True},
    "PPO": {"n_steps": 64, "clip_range": 0.3},
    "BranchingDQN": {"batch_size": 8},
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_as_in_the_constructor(name: str) -> None:
    model, changes = pruned(name), CHANGES[name]
    small = from_scratch(model, seed=5, **changes)
    arch = small.policy_kwargs["net_arch"]
    kwargs = {"policy_kwargs": {"net_arch": arch}, "env": model.env, **changes}
    written = zoo.make_model(name, seed=5, **kwargs)
    for each in (small, written):
        each.set_random_seed(5)
        zoo.train(each, 128)
    zoo.assert_same(zoo.snapshot(small.policy), zoo.snapshot(written.policy))
    assert small._stats_window_size == written._stats_window_size
    buffers = [getattr(each, "replay_buffer", None) for each in (small, written)]
    assert type(buffers[0]) is type(buffers[1])


@pytest.mark.parametrize("given", [{"rms_prop_eps": 0.1}, {"use_rms_prop": False}, {}])
def test_the_optimizer_of_a2c_is_its_own(given: dict[str, Any]) -> None:
    model = zoo.make_model("A2C", **given)
    small = from_scratch(model, rms_prop_eps=0.3)
    ours, theirs = small.policy.optimizer, model.policy.optimizer
    assert type(ours) is type(theirs)
    if "use_rms_prop" not in given:
        assert ours.defaults["eps"] == 0.3
        assert from_scratch(model).policy.optimizer.defaults == theirs.defaults


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'batch_size'"):
        from_scratch(zoo.make_model("SAC"), batchsize=3)


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(ConfigError, match="PPO cannot be built from scratch"):
        from_scratch(zoo.make_model("PPO"), batch_size=-3)


def test_a_dqn_that_does_not_explore_is_told() -> None:
    model = zoo.make_model("DQN", exploration_initial_eps=0.05)
    with pytest.warns(UserWarning, match=r"exploration_initial_eps is 0.05"):
        from_scratch(model)
    small: Any = from_scratch(model, exploration_initial_eps=1.0)
    assert isinstance(small, DQN) and small.exploration_initial_eps == 1.0


class Curious(A2C):
    """An algorithm of a user, which learns more than its policy."""

    def __init__(self, *args: Any, beta: float = 0.3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta, self.novelty, self.updates = beta, torch.nn.Linear(4, 1), 0

    def train(self) -> None:
        super().train()
        self.updates += 1
        self.novelty.weight.data.fill_(9.0)


def test_what_an_algorithm_of_a_user_has_learnt_stays_behind() -> None:
    model = zoo.train(Curious("MlpPolicy", "CartPole-v1", beta=0.7, n_steps=16))
    small = from_scratch(model)
    assert (small.beta, small.n_steps, small.updates) == (0.7, 16, 0)
    assert not (small.novelty.weight == 9).any()


class Secretive(A2C):
    """An algorithm of a user that hides an argument."""

    def __init__(self, *args: Any, beta: float = 0.3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hidden = beta


def test_arguments_that_nobody_knows_are_asked_for() -> None:
    model = Secretive("MlpPolicy", "CartPole-v1", beta=0.7)
    with pytest.raises(ConfigError, match="does not keep its arguments beta"):
        from_scratch(model)
    assert from_scratch(model, beta=0.7).hidden == 0.7


class Encoder(FlattenExtractor):
    """A features extractor around a network that it is given."""

    def __init__(self, space: Any, net: torch.nn.Module) -> None:
        super().__init__(space)
        self.net = net


def test_networks_in_arguments_are_refused() -> None:
    more = {"features_extractor_class": Encoder}
    kwargs = {**more, "features_extractor_kwargs": {"net": torch.nn.Linear(3, 3)}}
    model = zoo.make_model("SAC", policy_kwargs=kwargs)
    where = r"policy_kwargs\['features_extractor_kwargs'\]\['net'\] is a Linear"
    with pytest.raises(UnsupportedPolicyError, match=where):
        from_scratch(model)


def test_no_argument_of_the_policy_is_shared() -> None:
    kwargs = {"optimizer_kwargs": {"weight_decay": 0.1}}
    model = zoo.make_model("SAC", policy_kwargs=kwargs)
    small = from_scratch(model)
    theirs, ours = (m.policy_kwargs["optimizer_kwargs"] for m in (model, small))
    assert theirs == ours and theirs is not ours


class Deaf(SACPolicy):
    """A policy that ignores its widths."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "net_arch": [12, 10]})


class MaskedDeaf(MaskedPolicyMixin, Deaf):
    """Its masked subclass."""


def test_a_policy_that_ignores_its_widths_is_refused() -> None:
    model = zoo.make_model("SAC", policy=MaskedDeaf)
    sp.prune(model, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    with pytest.raises(UnsupportedPolicyError, match="MaskedDeaf does not build"):
        from_scratch(model)


def test_masked_weights_are_told() -> None:
    model = zoo.make_model("PPO")
    weight = model.policy.action_net.weight
    keep = torch.ones_like(weight)
    keep[:, 0] = 0
    mask_weights(model, {"action_net": keep})
    with pytest.warns(UserWarning, match=rf"{len(weight)} of .* weights .* are masked"):
        from_scratch(model)


def test_groups_of_an_optimiser_that_a_user_has_set_are_told() -> None:
    model = grouped_model()
    sp.apply(model, zoo.random_plan(model.policy))
    with pytest.warns(UserWarning, match=r"policy\.optimizer has 2 groups") as told:
        small: Any = from_scratch(model, seed=5)
    assert told[0].filename == __file__
    assert sp.wire(small).units() == sp.wire(model).units()
    assert len(small.policy.optimizer.param_groups) == 1
    zoo.train(small)


def test_groups_that_the_class_builds_are_built() -> None:
    model = zoo.make_model("PPO", policy=MaskedGrouping)
    sp.apply(model, zoo.random_plan(model.policy))
    small: Any = from_scratch(model, seed=5)
    assert len(small.policy.optimizer.param_groups) == 2


@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN"])
def test_a_stock_agent_that_surgery_has_cut_has_one(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=True))
    surgery.apply(model, zoo.random_plan(model.policy))
    small = from_scratch(model, seed=5)
    assert type(small.policy) is type(model.policy)
    widths = sp.wire(model).units()
    for layers in twins(model.policy):
        widest = max(layer.units for layer in layers)
        widths |= {layer.name: widest for layer in layers}
    assert sp.wire(small).units() == widths


def test_channels_of_a_stock_agent_that_surgery_has_cut_are_refused() -> None:
    model = LOOKERS["PPO-Cnn"].make(stock=True)
    name = "features_extractor.cnn.0"
    surgery.apply(model, {name: surgery.remove([0], 32)})
    with pytest.raises(UnsupportedPolicyError, match=rf"'{name}' has 31 of 32 units"):
        from_scratch(model)


def test_a_policy_that_cannot_be_copied_has_a_small_dense_one() -> None:
    """Unless it has closed units, which are removed from a copy."""
    model: Any = pruned("PPO")
    model.policy.lock = threading.Lock()
    assert sp.wire(from_scratch(model)).units() == sp.wire(model).units()
    name, units = next(iter(sp.wire(model).units().items()))
    sp.mask(model, {name: surgery.remove([0], units)})
    with pytest.raises(UnsupportedPolicyError, match=r"copy.*lock.*remove_closed"):
        from_scratch(model)
    surgery.remove_closed(model)
    assert sp.wire(from_scratch(model)).units()[name] == units - 1
