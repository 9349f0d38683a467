"""Tests for complexity.py."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from stable_baselines3 import PPO
from stable_baselines3.common.envs import FakeImageEnv
from stable_baselines3.common.policies import ActorCriticCnnPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.evaluation.complexity import Complexity, complexity, count_action
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import remove_closed
from sb3_prune.surgery.weight_masks import mask_weights

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


def mask_some(model: Any) -> None:
    """Close random gates of every layer that has any; an LSTM has none."""
    layers, plan = sp.wire(model.policy), zoo.random_plan(model.policy)
    gated = {name: plan[name] for name, layer in layers.items() if layer.gate}
    assert gated
    sp.mask(model, gated)


def assert_masked_counts_as_removed(model: Any) -> None:
    dense = complexity(model)
    mask_some(model)
    masked = complexity(model)
    remove_closed(model)
    assert masked == complexity(model)
    assert all(value < dense.to_dict()[k] for k, value in masked.to_dict().items())


@every_algorithm
def test_masked_units_count_as_removed(name: str) -> None:
    assert_masked_counts_as_removed(zoo.make_model(name))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("name", ["SAC", "TQC", "TRPO"])
def test_masked_units_count_as_removed_under_gsde(name: str, full: bool) -> None:
    kwargs = {} if name != "TRPO" else {"full_std": full}
    assert_masked_counts_as_removed(
        zoo.make_model(name, use_sde=True, policy_kwargs=kwargs)
    )


class MaskedCnnPolicy(sp.MaskedPolicyMixin, ActorCriticCnnPolicy):
    """A NatureCNN with gates."""


def images() -> Any:
    env = FakeImageEnv(screen_height=36, screen_width=36)
    policy: Any = MaskedCnnPolicy
    return PPO(policy, env, n_steps=8, batch_size=8, device="cpu")


def test_masked_channels_count_as_removed() -> None:
    """A flattened channel is several inputs of the Linear behind."""
    assert_masked_counts_as_removed(images())


def test_channels_are_units() -> None:
    found = complexity(images())
    assert found.units == found.units_deploy == 32 + 64 + 64 + 512


@pytest.mark.parametrize("arch", [zoo.ARCH, []], ids=["hidden", "head"])
@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
def test_masked_units_of_features_count_as_removed(
    name: str, norm: str, arch: list[int]
) -> None:
    kwargs = {"net_arch": arch}
    model = ofexi_zoo.make_model(name, ofe={"norm": norm}, policy_kwargs=kwargs)
    sp.mask(model, ofexi_zoo.random_plan(model.policy, 1))
    masked = complexity(model)
    remove_closed(model)
    assert masked == complexity(model)


@pytest.mark.parametrize("name", zoo.STOCK)
def test_stock_and_masked_policies_cost_the_same(name: str) -> None:
    stock = complexity(zoo.make_model(name, stock=True))
    assert stock == complexity(zoo.make_model(name))


@every_algorithm
def test_units_are_those_of_the_online_networks(name: str) -> None:
    model = zoo.make_model(name)
    online = sum(sp.wire(model.policy).units().values())
    found = complexity(model)
    assert found.units == online
    cells = 8 if name == "RecurrentPPO" else 0
    assert found.units_deploy == cells + sum(zoo.ARCH)


@every_algorithm
def test_all_parameters_but_the_targets_are_trained(name: str) -> None:
    policy = zoo.make_model(name).policy
    expected = sum(
        p.numel() for n, p in policy.named_parameters() if "_target." not in n
    )
    assert complexity(zoo.make_model(name)).params_train == expected


@every_algorithm
def test_flops_equal_those_of_the_layers_that_run(name: str) -> None:
    model = zoo.make_model(name)
    sp.apply(model, zoo.random_plan(model.policy))
    assert complexity(model).flops_deploy == counted_flops(model)


def counted_flops(model: Any) -> int:
    """Count multiplications and additions of one action, output by output."""
    counts = []

    def count(_: nn.Module, inputs: tuple[torch.Tensor], output: Any) -> None:
        outputs, sources = output, [inputs[0].shape[-1]]
        if not isinstance(output, torch.Tensor):  # Of an LSTM: four times two products.
            outputs = torch.cat(4 * [output[0]], dim=-1)
            sources.append(output[0].shape[-1])
        for products in sources:
            counts.extend(products + (products - 1) for _ in range(outputs.shape[-1]))

    for module in model.policy.modules():
        if isinstance(module, nn.Linear | nn.LSTM):
            module.register_forward_hook(count)
    model.predict(zoo.observations(model, 1), deterministic=True)
    return sum(counts)


class LinearExtractor(BaseFeaturesExtractor):
    """A features extractor with parameters."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 5)
        self.net = nn.Linear(observation_space.shape[0], 5)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


@pytest.mark.parametrize("shared", [True, False])
def test_only_the_acting_features_extractor_is_deployed(shared: bool) -> None:
    kwargs = {
        "features_extractor_class": LinearExtractor,
        "share_features_extractor": shared,
    }
    found = complexity(zoo.make_model("PPO", policy_kwargs=kwargs))
    plain = complexity(zoo.make_model("PPO", policy_kwargs={"net_arch": zoo.ARCH}))
    extractor = 5 * 4 + 5
    wider = zoo.ARCH[0]  # one more input for each unit of the first layer
    assert found.params_deploy - plain.params_deploy == extractor + wider
    copies = 1 if shared else 2
    trained = found.params_train - plain.params_train
    assert trained == copies * extractor + 2 * wider


class Restless(LinearExtractor):
    """Every call moves a buffer, sets another one, and remembers and draws a number."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space)
        self.register_buffer("mean", torch.zeros(5))
        self.register_buffer("last", torch.zeros(5))
        self.calls = 0

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        features = super().forward(observations)
        self.calls += 1
        self.mean.lerp_(features.mean(0).detach(), 0.1)
        self.last = features[0].detach()
        return features + torch.rand(()) + float(np.random.rand()) + random.random()


def traces(model: Any) -> dict[str, Any]:
    """Return what acting may move in a model and around it."""
    distributions = [
        dict(vars(m.action_dist))
        for m in model.policy.modules()
        if hasattr(m, "action_dist")
    ]
    return {
        **zoo.snapshot(model.policy),
        "modes": [m.training for m in model.policy.modules()],
        "attributes": [
            {k: v for k, v in vars(m).items() if isinstance(v, int | float)}
            for m in model.policy.modules()
        ],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
        "space": model.observation_space.np_random.bit_generator.state,
        "distributions": [{k: id(v) for k, v in d.items()} for d in distributions],
    }


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("name", [*zoo.ALGORITHMS, "gSDE", "restless"])
def test_counting_leaves_no_trace(name: str, mode: bool) -> None:
    kwargs: dict[str, Any] = {}
    if name == "gSDE":
        name, kwargs = "SAC", {"use_sde": True}
    if name == "restless":
        extractor = {"features_extractor_class": Restless}
        name, kwargs = "PPO", {"policy_kwargs": extractor}
    model: Any = zoo.make_model(name, **kwargs)
    model.predict(zoo.observations(model, 1))
    model.policy.set_training_mode(mode)
    before = traces(model)
    count_action(model.policy, {})
    zoo.assert_same(traces(model), before, identities=True)


class Guarded(sp.MaskedActorCriticPolicy):
    """Holds a network that only training asks."""

    def _build(self, lr_schedule: Any) -> None:
        self.cost_net = nn.Linear(self.features_dim, 3)
        super()._build(lr_schedule)

    def extra_forwards(self, observations: Any, actions: Any) -> Any:
        """Declare the forward of the network."""
        yield "cost", lambda: self.cost_net(self.extract_features(observations))


def test_what_acting_does_not_read_is_not_deployed() -> None:
    plain = complexity(zoo.make_model("PPO"))
    found = complexity(zoo.make_model("PPO", policy=Guarded))
    assert found.params_deploy == plain.params_deploy
    assert found.flops_deploy == plain.flops_deploy
    assert found.params_train == plain.params_train + 4 * 3 + 3


def test_an_unknown_policy_is_refused() -> None:
    model = zoo.make_model("DQN")
    model.policy = nn.Linear(2, 2)
    with pytest.raises(UnsupportedPolicyError, match="Linear"):
        complexity(model)


def test_counts_are_a_plain_dict() -> None:
    found = complexity(zoo.make_model("DQN"))
    assert Complexity(**found.to_dict()) == found


def test_masked_weights_do_not_count_as_weights() -> None:
    """Equations 21 and 23, by hand: a quarter of each matrix is masked."""
    model = zoo.train(zoo.make_model("PPO"))  # 4 inputs, 12 + 10 units, 2 outputs.
    dense = complexity(model)
    assert dense.weights_deploy == 12 * 4 + 10 * 12 + 2 * 10
    assert dense.sparse_flops_deploy == dense.flops_deploy
    names = [n for n, _ in model.policy.named_modules() if "policy_net" in n]
    paths = [*(n for n in names if n.endswith((".0", ".2", ".3"))), "action_net"]
    masks = {}
    for path, module in model.policy.named_modules():
        if path in paths and isinstance(module, torch.nn.Linear):
            masks[path] = torch.ones_like(module.weight)
            masks[path].view(-1)[::4] = 0.0
    assert len(masks) == 3
    mask_weights(model, masks)
    found = complexity(model)
    assert found.weights_deploy == 0.75 * dense.weights_deploy
    assert found.params_deploy == dense.params_deploy
    assert found.flops_deploy == dense.flops_deploy
    products = 0.75 * (12 * (2 * 4 - 1) + 10 * (2 * 12 - 1) + 2 * (2 * 10 - 1))
    others = dense.flops_deploy - products / 0.75
    assert found.sparse_flops_deploy == round(products + others)


@pytest.mark.parametrize("strategy", ["gmp", "l1"])
def test_masked_weights_of_closed_units_count_as_removed(strategy: str) -> None:
    """What is masked is a share of the weights between open units alone."""
    options = {"final_sparsity": 0.9, "begin": 0.0, "end": 0.6, "steps": 3}
    pruning = sp.PruningCallback(strategy, options, physical=False)
    model = zoo.train(zoo.make_model("PPO"), 256, callback=pruning)
    closed = complexity(model)
    assert closed.units < sum(sp.wire(model).units().values())
    remove_closed(model)
    found = complexity(model)
    assert closed == found and found.weights_deploy < found.params_deploy
