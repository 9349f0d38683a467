"""Tests for policies/ofexi.py."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError
from sb3_prune.networks import OFEXiConfig
from sb3_prune.surgery import remove

every_algorithm = pytest.mark.parametrize("name", ofexi_zoo.ALGORITHMS)
every_form = pytest.mark.parametrize("name", ofexi_zoo.FORMS)
OBS = spaces.Box(-1, 1, (3,), np.float32)
ACTIONS = spaces.Box(-1, 1, (2,), np.float32)


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC"])
def test_extractors_tell_the_width_of_the_features_as_they_are(name: str) -> None:
    policy = ofexi_zoo.copied(name)
    before = policy.critic.features_extractor.features_dim
    gone = {"ofe.phi_o.0": [1], "ofe.phi_oa.0": [0, 2]}
    units = sp.wire(policy).units()
    sp.apply(policy, {n: remove(k, units[n]) for n, k in gone.items()})
    critic, actor = policy.critic.features_extractor, policy.actor.features_extractor
    assert critic.features_dim == policy.ofe.width - policy.ofe.action == before - 3
    assert actor.features_dim == policy.ofe.state_width


# The agent reads the features and does not touch them.


@every_algorithm
def test_what_the_networks_say_is_that_of_perceptrons_on_the_features(
    name: str,
) -> None:
    policy = ofexi_zoo.copied(name)
    obs, actions = ofexi_zoo.inputs(ofexi_zoo.trained(name))
    found = ofexi_zoo.outputs(policy)
    with torch.no_grad():
        early = policy.ofe.phi_o(obs)
        if name in ("PPO", "A2C"):
            value = policy.value_net(policy.mlp_extractor.value_net(early))
            assert torch.equal(found["value"], value)
            return
        late = policy.ofe.phi_oa(torch.cat([early, actions], 1))
        for critic in ("critic", "critic_target"):
            networks = getattr(policy, critic).q_networks
            values = [network(late) for network in networks]
            if name == "TQC":
                values = [torch.stack(values, dim=1)]
            # The state's part of phi_oa is another order of summation.
            torch.testing.assert_close(
                found[critic], torch.cat(values, dim=1), atol=1e-6, rtol=1e-6
            )
        body = "latent_pi" if hasattr(policy.actor, "latent_pi") else "mu"
        mean = getattr(policy.actor, body)(early)
        mean = policy.actor.mu(mean) if body == "latent_pi" else mean
        assert torch.equal(found["actor"], mean)


@every_algorithm
def test_updates_of_the_agent_leave_the_extractor_as_it_is(name: str) -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model(name))
    before = ofexi_zoo.ours(model.policy)
    networks = {k: v.clone() for k, v in agent_state(model.policy).items()}
    for mode in (True, False, True):
        model.policy.set_training_mode(mode)
        model.policy.train(mode)
        zoo.update(model)
    assert zoo.equal(ofexi_zoo.ours(model.policy), before)
    assert all(p.grad is None for p in model.policy.ofe.parameters())
    assert not any(m.training for m in model.policy.ofe.modules())
    moved = [
        k for k, v in agent_state(model.policy).items() if not v.equal(networks[k])
    ]
    assert len(moved) >= len(networks) // 2


def agent_state(policy: nn.Module) -> dict[str, torch.Tensor]:
    state = policy.state_dict()
    return {k: v for k, v in state.items() if not k.startswith("ofe.")}


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC"])
def test_the_actor_is_led_by_the_action_through_the_second_branch(name: str) -> None:
    policy = ofexi_zoo.copied(name).double()
    obs, actions = (x.double() for x in ofexi_zoo.inputs(ofexi_zoo.trained(name), 4))
    actions.requires_grad_()
    with mock.patch(ofexi_zoo.PREPROCESS, lambda observations, *_, **__: observations):

        def values(action: torch.Tensor) -> torch.Tensor:
            found = policy.critic(obs, action)
            return found if name == "TQC" else torch.cat(found, dim=1)

        torch.autograd.gradcheck(values, (actions,))
        (found,) = torch.autograd.grad(values(actions).sum(), actions)
    late = policy.ofe.phi_oa(torch.cat([policy.ofe.phi_o(obs), actions], 1))
    by_hand = sum(network(late).sum() for network in policy.critic.q_networks)
    (expected,) = torch.autograd.grad(by_hand, actions)
    torch.testing.assert_close(found, expected)
    assert found.abs().min() > 0


@pytest.mark.parametrize("name", ["SAC", "TQC"])
def test_the_update_of_the_actor_spares_the_critics(name: str) -> None:
    critic = ofexi_zoo.copied(name).critic
    frozen = next(critic.parameters()).requires_grad_(False)
    learning = [p for p in critic.parameters() if p is not frozen]
    obs, actions = ofexi_zoo.inputs(ofexi_zoo.trained(name), 4)
    values = critic(obs, actions.clone().requires_grad_())
    sum(v.sum() for v in values).backward()
    assert all(p.grad is None for p in critic.parameters())
    assert all(p.requires_grad for p in learning) and not frozen.requires_grad
    sum(v.sum() for v in critic(obs, actions)).backward()
    assert all(p.grad is not None for p in learning)


def test_the_first_value_alone_spares_them_too() -> None:
    critic = ofexi_zoo.copied("TD3").critic
    obs, actions = ofexi_zoo.inputs(ofexi_zoo.trained("TD3"), 4)
    first = critic.q1_forward(obs, actions.requires_grad_())
    assert torch.equal(first, critic(obs, actions)[0])
    first.sum().backward()
    assert actions.grad is not None and actions.grad.all()
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())


def test_a_gradient_step_computes_features_of_two_batches_once() -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model("SAC"))
    calls: list[int] = []
    model.policy.ofe.phi_o.register_forward_hook(lambda *_: calls.append(1))
    model.train(gradient_steps=5, batch_size=16)
    assert len(calls) == 10


# Files.


def cut(name: str) -> Any:
    model = ofexi_zoo.train(ofexi_zoo.make_model(name))
    sp.apply(model, ofexi_zoo.random_plan(model.policy, 1))
    return model


def assert_twins(model: Any, loaded: Any) -> None:
    assert np.array_equal(zoo.actions(loaded), zoo.actions(model))
    expected = ofexi_zoo.snapshot(model.policy)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(loaded.policy), expected)
    assert loaded.policy.ofe.pretrained and model.policy.ofe.updates > 0
    assert loaded.policy.ofe.optimizer.state


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True])
@every_form
def test_a_model_is_saved_and_loaded_exactly(name: str, before: bool) -> None:
    model = cut(name) if before else ofexi_zoo.train(ofexi_zoo.make_model(name))
    loaded = ofexi_zoo.reload(model)
    assert_twins(model, loaded)
    ofexi_zoo.train_on(loaded)
    assert loaded.policy.ofe.updates > model.policy.ofe.updates


@pytest.mark.slow
@every_form
def test_thetas_are_saved_and_loaded(name: str) -> None:
    model = cut(name)
    ofexi_zoo.learn_thetas(model.policy)
    loaded = ofexi_zoo.reload(model)
    assert_twins(model, loaded)
    thetas = [k for k in loaded.policy.state_dict() if k.endswith("theta")]
    layers = sp.wire(model.policy).values()
    assert len(thetas) == sum(len(layer.with_targets()) for layer in layers)
    assert not any(p.requires_grad for p in loaded.policy.ofe.parameters())
    ofexi_zoo.train_on(loaded)
    sp.apply(loaded, ofexi_zoo.random_plan(loaded.policy, 5))
    ofexi_zoo.follow(loaded)
    ofexi_zoo.train_on(loaded)


@pytest.mark.slow
@every_form
@pytest.mark.parametrize("cut_first", [True, False])
def test_parameters_go_between_cut_and_dense_models(name: str, cut_first: bool) -> None:
    dense = ofexi_zoo.make_model(name, seed=1)
    giver, taker = (cut(name), dense) if cut_first else (dense, cut(name))
    taker.set_parameters(giver.get_parameters())
    expected = ofexi_zoo.snapshot(giver.policy)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(taker.policy), expected)
    extractor = ofexi_zoo.ours(giver.policy)
    ofexi_zoo.train(taker)
    assert zoo.equal(ofexi_zoo.ours(giver.policy), extractor)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_policy_is_saved_and_loaded_by_itself(name: str, tmp_path: Path) -> None:
    model = cut(name)
    model.policy.save(tmp_path / "policy.pth")
    loaded = type(model.policy).load(tmp_path / "policy.pth", device="cpu")
    assert zoo.equal(dict(loaded.state_dict()), dict(model.policy.state_dict()))
    found = loaded.predict(zoo.observations(model, 256), deterministic=True)[0]
    assert np.array_equal(found, zoo.actions(model))


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_code_that_maps_over_tensors(name: str, tmp_path: Path) -> None:
    model = ofexi_zoo.trained(name)
    state = {key: value.clone() for key, value in model.policy.state_dict().items()}
    twin = ofexi_zoo.copied(name)
    extractor = ofexi_zoo.ours(twin)
    for parameter in twin.parameters():
        torch.nn.init.zeros_(parameter)
    twin.load_state_dict(state)
    assert zoo.equal(ofexi_zoo.ours(twin), extractor)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", device="cpu")
    assert zoo.equal(ofexi_zoo.ours(loaded.policy), extractor)


@pytest.mark.parametrize("pruned", [False, True])
def test_the_form_of_0_1_0_still_loads(pruned: bool) -> None:
    giver, taker = ofexi_zoo.copied("SAC"), ofexi_zoo.copied("SAC")
    if pruned:
        sp.apply(giver, {"ofe.phi_o.0": remove([1], 6)})
    giver.ofe.updates = 77
    early = {"ofe._extra_state": copy.deepcopy(giver.ofe.learning_state())}
    taker.load_state_dict({**giver.state_dict(), **early})
    assert zoo.equal(ofexi_zoo.ours(taker), ofexi_zoo.ours(giver))


def of_another_depth(state: dict[str, Any]) -> None:
    other = ofexi_zoo.train(ofexi_zoo.make_model("SAC", ofe={"blocks": 2}))
    replace(state, other.policy.state_dict())


def of_another_norm(state: dict[str, Any]) -> None:
    other = ofexi_zoo.train(ofexi_zoo.make_model("SAC", ofe={"norm": "none"}))
    replace(state, other.policy.state_dict())


def of_a_stock_agent(state: dict[str, Any]) -> None:
    replace(state, zoo.make_model("SAC", env=model_env()).policy.state_dict())


def model_env() -> Any:
    return ofexi_zoo.trained("SAC").env


def with_a_short_theta(state: dict[str, Any]) -> None:
    state["ofe.phi_o.1.gate.theta"] = torch.ones(5)


def with_a_long_mask(state: dict[str, Any]) -> None:
    state["critic_target.qf0.gate2.mask"] = torch.ones(13)


def replace(state: dict[str, Any], other: dict[str, Any]) -> None:
    state.clear()
    state.update(other)


SPOILS = [of_another_depth, of_another_norm, of_a_stock_agent]
SPOILS += [with_a_short_theta, with_a_long_mask]


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_does_not_fit_leaves_the_model_untouched(spoil: Any) -> None:
    policy = ofexi_zoo.copied("SAC")
    sp.mask(policy, {"ofe.phi_o.0": remove([1], 6)})
    before = ofexi_zoo.snapshot(policy)
    state = copy.deepcopy(dict(ofexi_zoo.trained("SAC").policy.state_dict()))
    spoil(state)
    with pytest.raises(RuntimeError):
        policy.load_state_dict(state)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(policy), before)


def test_a_copy_shares_nothing() -> None:
    model = ofexi_zoo.trained("SAC")
    twin, before = ofexi_zoo.copied("SAC"), ofexi_zoo.ours(model.policy)
    assert twin.actor.features_extractor.net is twin.ofe
    assert twin.critic_target.features_extractor.net is twin.ofe
    obs, actions = ofexi_zoo.inputs(model)
    twin.ofe.update(obs, actions, obs)
    sp.apply(twin, {"ofe.phi_oa.0": remove([1], 6)})
    assert zoo.equal(ofexi_zoo.ours(model.policy), before)


# It trains and is pruned like any other agent.


@pytest.mark.slow
@every_form
def test_a_strategy_prunes_extractor_and_agent_while_both_learn(name: str) -> None:
    callback = [
        sp.FeatureCallback(pretraining=2, batch_size=16),
        sp.PruningCallback("magnitude", {"final_sparsity": 0.5, "end": 0.8}),
    ]
    model = ofexi_zoo.make_model(name, seed=3)
    zoo.train(model, 48, callback=callback)
    units, initial = model.policy.wiring().units(), model.policy.initial_units
    assert all(units[layer] < initial[layer] for layer in units)
    ofexi_zoo.train_on(model)


def test_a_seed_repeats_a_run() -> None:
    first, second = (ofexi_zoo.train(ofexi_zoo.make_model("SAC")) for _ in "ab")
    expected = ofexi_zoo.snapshot(first.policy)
    ofexi_zoo.assert_same(ofexi_zoo.snapshot(second.policy), expected)


# Bad input.


def make(cls: Any = sp.OFEXiSACPolicy, obs: Any = OBS, **kwargs: Any) -> Any:
    return cls(obs, ACTIONS, lambda _: 3e-4, **kwargs)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Dict({"a": OBS}),
        spaces.Box(0, 255, (3, 64, 64), np.uint8),
        spaces.Discrete(3),
    ],
)
def test_observations_must_be_one_flat_box(space: Any) -> None:
    with pytest.raises(ConfigError, match="one flat Box"):
        make(obs=space)


def test_another_extractor_is_refused() -> None:
    with pytest.raises(ConfigError, match="drop features_extractor_class"):
        make(features_extractor_class=FlattenExtractor)
    with pytest.raises(ConfigError, match="drop features_extractor_kwargs"):
        make(features_extractor_kwargs={"a": 1})


@pytest.mark.parametrize(
    "cls", [sp.OFEXiSACPolicy, sp.OFEXiValueSACPolicy, sp.OFEXiTD3Policy]
)
def test_there_is_nothing_to_share_off_policy(cls: Any) -> None:
    with pytest.raises(ConfigError, match="drop share_features_extractor"):
        make(cls, share_features_extractor=True)
    make(cls, share_features_extractor=False)


@pytest.mark.parametrize("shared", [True, False])
def test_on_policy_both_networks_read_the_same_net(shared: bool) -> None:
    policy = make(sp.OFEXiActorCriticPolicy, share_features_extractor=shared)
    for extractor in (policy.pi_features_extractor, policy.vf_features_extractor):
        assert extractor.net is policy.ofe


def test_unknown_options_are_named_with_the_known() -> None:
    with pytest.raises(ConfigError, match=r"no option 'block'.*Known: blocks, units"):
        make(ofe={"block": 3})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"predicted": 4}, "predict 4 entries: an observation has 3"),
        ({"blocks": 0}, "blocks must be positive"),
        ({"norm": "group"}, "norm must be"),
        ("blocks=3", "ofe must be .* mapping of its options, got 'blocks=3'"),
        ([], r"ofe must be .* mapping of its options, got \[\]"),
    ],
)
def test_bad_options_are_refused(options: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make(ofe=options)


def test_options_may_be_a_config() -> None:
    config = OFEXiConfig(blocks=2, units=5, norm="layer")
    policy = make(ofe=config)
    assert policy.ofe.config is config and policy.ofe.state_width == 3 + 10
