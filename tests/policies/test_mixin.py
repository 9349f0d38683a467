"""Tests for policies/mixin.py."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support
import torch
import zoo
from patched import PI
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, RetiredParameterError
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery import remove
from sb3_prune.surgery.optimizer import optimizers

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


def cut(name: str) -> BaseAlgorithm:
    model = zoo.train(zoo.make_model(name))
    sp.apply(model, zoo.random_plan(model.policy))
    return model


# Loading other widths.


@pytest.mark.slow
@every_algorithm
@pytest.mark.parametrize("cut_first", [True, False])
def test_parameters_go_between_cut_and_dense_models(name: str, cut_first: bool) -> None:
    giver = cut(name) if cut_first else zoo.make_model(name)
    taker = zoo.make_model(name, seed=1) if cut_first else cut(name)
    taker.set_parameters(copy.deepcopy(giver.get_parameters()))
    assert taker.policy.wiring().units() == giver.policy.wiring().units()
    assert np.array_equal(zoo.actions(taker), zoo.actions(giver))
    state, expected = zoo.snapshot(taker.policy), zoo.snapshot(giver.policy)
    zoo.assert_same(state, expected)
    sp.adopt(taker)  # SB3 keeps room for the states of the old LSTM.
    zoo.train(taker)


@every_algorithm
def test_weights_alone_go_into_a_model_of_another_width(name: str) -> None:
    giver, taker = cut(name), zoo.train(zoo.make_model(name, seed=1))
    weights = {"policy": giver.policy.state_dict()}
    taker.set_parameters(weights, exact_match=False)
    assert np.array_equal(zoo.actions(taker), zoo.actions(giver))
    sp.adopt(taker)
    zoo.train_on(taker)


def test_states_of_another_width_are_told_of() -> None:
    giver, taker = cut("RecurrentPPO"), zoo.train(zoo.make_model("RecurrentPPO"))
    taker.set_parameters(giver.get_parameters())
    with pytest.raises(
        PlanError, match=r"states of 8 units, its LSTMs have 5: .*adopt"
    ):
        zoo.train_on(taker)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_policy_is_saved_and_loaded_by_itself(name: str, tmp_path: Path) -> None:
    model = cut(name)
    model.policy.save(tmp_path / "policy.pth")
    loaded = type(model.policy).load(tmp_path / "policy.pth", device="cpu")
    assert zoo.equal(dict(loaded.state_dict()), dict(model.policy.state_dict()))
    obs = zoo.observations(model, 256)
    found = loaded.predict(obs, deterministic=True)[0]
    assert np.array_equal(found, zoo.actions(model))
    assert loaded.initial_units == model.policy.initial_units


def test_a_diverged_model_is_repaired_by_loading() -> None:
    good, bad = cut("SAC"), zoo.make_model("SAC")
    for p in bad.policy.parameters():
        p.data.fill_(torch.nan)
    bad.set_parameters(good.get_parameters())
    assert np.array_equal(zoo.actions(bad), zoo.actions(good))


def test_masks_of_another_width_replace_the_old_ones() -> None:
    giver, taker = cut("DQN"), zoo.make_model("DQN")
    sp.mask(giver, zoo.random_plan(giver.policy, least=1))
    sp.mask(taker, zoo.random_plan(taker.policy))
    taker.set_parameters(giver.get_parameters())
    found, expected = (sp.wire(m.policy).active_units() for m in (taker, giver))
    assert found == expected != sp.wire(giver.policy).units()


def test_a_part_of_the_weights_leaves_the_gates_of_other_layers_alone() -> None:
    policy = zoo.copied("PPO")
    sp.mask(policy, {f"{PI}.0": remove([1, 2], 12), f"{PI}.2": remove([3], 10)})
    gate = sp.wire(policy)[f"{PI}.2"].gate
    assert gate is not None
    gate.learn(torch.full((10,), 0.5))
    stock = {n: t.clone() for n, t in policy.state_dict().items() if "gate" not in n}
    kept = dict(gate.state_dict(keep_vars=True))
    policy.load_state_dict({"value_net.bias": stock["value_net.bias"]}, strict=False)
    part = {n: t for n, t in stock.items() if n.startswith(f"{PI}.0.")}
    assert sp.wire(policy).active_units()[f"{PI}.0"] == 10
    policy.load_state_dict(part, strict=False)
    assert sp.wire(policy).active_units()[f"{PI}.0"] == 12
    now = gate.state_dict(keep_vars=True)
    assert kept and all(now[n] is tensor for n, tensor in kept.items())
    policy.load_state_dict(stock)
    assert not gate.state_dict()


@pytest.mark.parametrize("name", ["PPO Cnn", "PPO MultiInput", "RecurrentPPO Cnn"])
@pytest.mark.parametrize("kind", ["gates", "weights"])
def test_masks_in_what_networks_share_are_loaded(name: str, kind: str) -> None:
    model, file = support.make(name), io.BytesIO()
    if kind == "gates":
        sp.mask(model, zoo.random_plan(model.policy, gated=True))
    else:
        sp.prune(model, "gmp", {"final_sparsity": 0.5})
    model.save(file)
    file.seek(0)
    state = model.policy.state_dict()
    loaded = type(model).load(file, device="cpu").policy.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in state.items())


# Loading keeps what tensors are, whoever holds them.


def held(policy: nn.Module) -> dict[str, int]:
    named = (*policy.named_parameters(), *policy.named_buffers())
    return {name: id(tensor) for name, tensor in named if "gate" not in name}


@every_algorithm
def test_every_tensor_keeps_its_identity(name: str) -> None:
    giver, taker = cut(name), zoo.train(zoo.make_model(name))
    before = held(taker.policy)
    taker.set_parameters(giver.get_parameters())
    assert held(taker.policy) == before
    for optimizer in optimizers(taker.policy).values():
        stepped = [p for group in optimizer.param_groups for p in group["params"]]
        assert {id(p) for p in stepped} <= set(before.values())
        assert set(optimizer.state) <= set(stepped)


class AuxiliaryPPO(PPO):
    """Steps its features extractor with an optimiser of its own, too."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.copied = self.policy.features_extractor  # type: ignore[union-attr]
        self.auxiliary = torch.optim.Adam(self.copied.parameters(), 1e-2)


class Extractor(BaseFeaturesExtractor):
    """A perceptron."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 6)
        self.net = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


def test_an_optimiser_of_the_model_steps_what_was_loaded(tmp_path: Path) -> None:
    options = {"features_extractor_class": Extractor, "net_arch": [6]}
    policy: Any = sp.MaskedActorCriticPolicy
    env = zoo.make_env("PPO")
    model: Any = AuxiliaryPPO(policy, env, 32, batch_size=16, policy_kwargs=options)
    sp.apply(model, {"features_extractor.net.0": sp.surgery.remove([0, 3], 12)})
    model.save(tmp_path / "model.zip")
    loaded: Any = AuxiliaryPPO.load(tmp_path / "model.zip", env=env)
    extractor = loaded.policy.features_extractor
    (group,) = loaded.auxiliary.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in extractor.parameters()]
    before = [p.detach().clone() for p in extractor.parameters()]
    extractor(torch.ones(2, 4)).sum().backward()
    loaded.auxiliary.step()
    moved = zip(before, extractor.parameters(), strict=True)
    assert all(not torch.equal(x, y) for x, y in moved)


def test_what_lives_of_old_graphs_does_not_stop_learning() -> None:
    giver, taker = cut("PPO"), zoo.train(zoo.make_model("PPO"))
    layer = taker.policy.mlp_extractor.policy_net[0]
    seen: list[torch.Size] = []
    layer.weight.register_hook(lambda grad: seen.append(grad.shape))
    graph = layer(torch.ones(1, 4)).sum()
    graph.backward(retain_graph=True)
    taker.set_parameters(giver.get_parameters())
    assert layer.weight.grad is None
    layer(torch.ones(1, 4)).sum().backward()
    assert layer.weight.grad.shape == layer.weight.shape == seen[-1] != seen[0]
    assert graph.requires_grad


# What does not fit leaves the model as it was.


def assert_refused(model: BaseAlgorithm, source: Any, error: Any, match: str) -> None:
    before = zoo.snapshot(model.policy)
    with pytest.raises(error, match=match):
        model.set_parameters(source)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


@every_algorithm
@pytest.mark.parametrize("depth", [1, 3])
def test_another_depth_is_refused(name: str, depth: int, tmp_path: Path) -> None:
    other = zoo.make_model(name, policy_kwargs={"net_arch": [7] * depth}, seed=1)
    other.save(tmp_path / "other.zip")
    model = zoo.trained(name)
    assert_refused(
        model, tmp_path / "other.zip", RuntimeError, r"_key|size mismatch|key"
    )


def test_other_spaces_are_refused(tmp_path: Path) -> None:
    other = zoo.make_model("PPO", env="Pendulum-v1", policy_kwargs={"net_arch": [7, 5]})
    other.save(tmp_path / "other.zip")
    model = zoo.trained("PPO")
    assert_refused(model, tmp_path / "other.zip", RuntimeError, "size mismatch")
    with pytest.raises(ValueError, match="spaces do not match"):
        type(model).load(tmp_path / "other.zip", env=zoo.make_env("PPO"))


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    cut("SAC").save(tmp_path / "model.zip")
    data = (tmp_path / "model.zip").read_bytes()
    (tmp_path / "model.zip").write_bytes(data[: len(data) // 2])
    model = zoo.trained("SAC")
    # The networks are zips themselves, so what is left may be taken for one.
    message = "wasn't a zip-file|do not match"
    assert_refused(model, tmp_path / "model.zip", ValueError, message)
    with pytest.raises((ValueError, AssertionError), match=r"zip-file|No data found"):
        SAC.load(tmp_path / "model.zip")


def test_a_missing_tensor_is_refused() -> None:
    model = zoo.trained("SAC")
    state = cut("SAC").policy.state_dict()
    del state["actor.mu.bias"]
    assert_refused(model, {"policy": state}, RuntimeError, r"actor\.mu\.bias")


def test_a_tensor_that_fits_nowhere_is_refused() -> None:
    model = zoo.trained("SAC")
    state = dict(cut("SAC").policy.state_dict())
    state["actor.mu.weight"] = torch.zeros(3, 3)
    assert_refused(model, {"policy": state}, RuntimeError, r"actor\.mu\.weight")


# Life with SB3.


def test_two_models_may_share_their_policy_kwargs() -> None:
    kwargs = {"net_arch": [12, 10]}
    models = [
        SAC(sp.MaskedSACPolicy, "Pendulum-v1", policy_kwargs=kwargs) for _ in "ab"
    ]
    sp.apply(models[0], zoo.random_plan(models[0].policy))
    third = SAC(sp.MaskedSACPolicy, "Pendulum-v1", policy_kwargs=kwargs)
    units = [m.policy.wiring().units() for m in (*models, third)]
    assert units[0] != units[1] == units[2]
    assert kwargs["net_arch"] == [12, 10]


class CutOnce(BaseCallback):
    """Cut at the end of one rollout."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps == self.at:
            sp.apply(self.model, zoo.random_plan(self.model.policy))


def test_the_best_model_of_an_eval_callback_carries_its_width(tmp_path: Path) -> None:
    model = zoo.make_model("SAC")
    env = Monitor(zoo.make_env("SAC"))
    callback = EvalCallback(
        env,
        eval_freq=50,
        n_eval_episodes=1,
        best_model_save_path=str(tmp_path),
        verbose=0,
    )
    zoo.train(model, 60, callback=[CutOnce(40), callback])
    best = SAC.load(tmp_path / "best_model.zip", env=zoo.make_env("SAC"))
    assert best.policy.wiring().units() == model.policy.wiring().units()
    assert best.policy.wiring().units() != best.policy.initial_units
    zoo.train_on(best)


def test_a_cut_works_with_two_normalised_environments() -> None:
    for name in ("SAC", "PPO"):
        env = zoo.normalised(make_vec_env("Pendulum-v1", n_envs=2))
        model = zoo.make_model(name, env=env)
        zoo.train(model, 100, callback=CutOnce(64))
        assert model.policy.wiring().units() != model.policy.initial_units
        zoo.train_on(model)


@pytest.mark.parametrize("name", ["SAC", "TQC", "PPO", "A2C"])
def test_state_dependent_exploration_survives_a_cut(name: str) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=2)
    options = {"use_sde": True, "sde_sample_freq": 4}
    model = zoo.make_model(name, env=env, **options)
    zoo.train(model, 128, callback=CutOnce(64))
    assert model.policy.wiring().units() != model.policy.initial_units
    module = getattr(model.policy, "actor", None) or model.policy
    actor = list(model.policy.wiring().values())
    latent = [
        la for la in actor if la.name.startswith(("actor", "mlp_extractor.policy"))
    ]
    assert len(module.log_std) == latent[-1].units
    zoo.train_on(model)


@every_algorithm
def test_a_cut_right_after_a_backward_leaves_no_stale_graph(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    assert any(p.grad is not None for p in model.policy.parameters())
    old = next(iter(model.policy.wiring().values())).module.weight
    loss = (old**2).sum()
    sp.apply(model, zoo.random_plan(model.policy))
    loss.backward()
    with pytest.raises(RetiredParameterError, match="is no part of the agent"):
        _ = old.grad
    zoo.update(model, 2)


# A user's own network.


class BatchNormSACPolicy(SACPolicy):
    """A user's policy: batch normalisation in the critics."""

    def make_critic(self, features_extractor: Any = None) -> Any:
        critic = super().make_critic(features_extractor)
        width = critic.q_networks[0][0].in_features
        critic.q_networks = []
        for i in range(critic.n_critics):
            body = create_mlp(width, 1, [12, 10], pre_linear_modules=[nn.BatchNorm1d])
            critic.add_module(f"qf{i}", nn.Sequential(*body))
            critic.q_networks.append(critic.get_submodule(f"qf{i}"))
        return critic


class MaskedBatchNormSACPolicy(MaskedPolicyMixin, BatchNormSACPolicy):
    """Its masked subclass."""


def statistics(network: nn.Module) -> list[torch.Tensor]:
    return [b for n, b in network.named_buffers() if "running_" in n]


def assert_target_statistics_follow(model: Any) -> None:
    zoo.update(model, 2)
    pairs = zip(
        statistics(model.policy.critic),
        statistics(model.policy.critic_target),
        strict=True,
    )
    assert all(torch.equal(online, target) for online, target in pairs)


def test_target_batch_norm_statistics_follow_after_a_cut() -> None:
    model = zoo.train(zoo.make_model("SAC", policy=MaskedBatchNormSACPolicy))
    before = zoo.outputs(model.policy)
    plan = zoo.random_plan(model.policy)
    sp.mask(model, plan)
    masked = zoo.outputs(model.policy)
    sp.surgery.remove_closed(model)
    zoo.assert_close(zoo.outputs(model.policy), masked, 1e-6)
    assert not zoo.equal(before, masked)
    assert_target_statistics_follow(model)
    zoo.train_on(model)


def test_target_batch_norm_statistics_follow_after_a_load() -> None:
    model = zoo.train(zoo.make_model("SAC", policy=MaskedBatchNormSACPolicy))
    sp.apply(model, zoo.random_plan(model.policy))
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    loaded = SAC.load(buffer, env=zoo.make_env("SAC"), device="cpu")
    zoo.train_on(loaded)
    assert_target_statistics_follow(loaded)
