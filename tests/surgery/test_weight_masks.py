"""Tests for surgery/weight_masks.py: what is masked stays zero, whatever happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import support
import torch
import zoo
from torch import nn
from torch.nn.utils import prune as torch_prune

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnknownNameError, UnsupportedPolicyError
from sb3_prune.exporting.compaction import compact
from sb3_prune.surgery import add, keep
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.masking import remove_closed
from sb3_prune.surgery.trial import copied
from sb3_prune.surgery.weight_masks import (
    Held,
    mask_weights,
    masks_of,
    remove_silent,
    silent_units,
    unmasked,
)
from sb3_prune.surgery.wiring import wire

NAMES = [name for name in zoo.ALGORITHMS if name != "TRPO"]
every_algorithm = pytest.mark.parametrize("name", NAMES)


def readable(policy: nn.Module) -> dict[str, nn.Linear]:
    """Return the online modules whose weights can be masked."""
    return {
        path: module
        for path, module in policy.named_modules()
        if isinstance(module, nn.Linear) and "target" not in path
    }


def random_masks(policy: nn.Module, share: float = 0.5, seed: int = 0) -> Any:
    """Mask a share of the weights of every module, but none of the first input.

    So every unit is fed: a cut folds units that are not.
    """
    generator = torch.Generator().manual_seed(seed)
    masks = {}
    for path, module in readable(policy).items():
        masks[path] = torch.rand(module.weight.shape, generator=generator) >= share
        masks[path][:, 0] = True
    return masks


def test_weights_that_are_not_masked_are_counted() -> None:
    policy = zoo.make_model("SAC").policy
    full = sum(m.weight.numel() for m in policy.modules() if isinstance(m, nn.Linear))
    assert unmasked(policy) == full
    mask = torch.ones_like(policy.actor.mu.weight)
    mask[:, :3] = 0
    before = unmasked(policy)
    model = zoo.make_model("SAC")
    mask_weights(model, {"actor.mu": mask})
    assert before - unmasked(model.policy) == 3 * len(mask)


def masked(name: str) -> Any:
    """Return a trained model of which half of the weights is masked."""
    model = zoo.train(zoo.make_model(name))
    mask_weights(model, random_masks(model.policy))
    return model


def assert_zero(policy: nn.Module, count: int | None = None) -> None:
    """Check that what is masked is zero, and that the rest is not."""
    masks = masks_of(policy)
    assert masks and (count is None or len(masks) == count)
    for path, mask in masks.items():
        weight = policy.get_submodule(path).weight
        assert weight.shape == mask.shape
        assert not bool(weight[mask == 0].any()), path
        assert float((weight[mask == 1] != 0).double().mean()) > 0.9, path


@every_algorithm
def test_masked_weights_stay_zero_and_the_others_learn(name: str) -> None:
    model = masked(name)
    before = zoo.outputs(model.policy)
    assert_zero(model.policy)
    zoo.train_on(model)
    zoo.update(model, 20)
    assert_zero(model.policy)
    with pytest.raises(AssertionError):
        zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)


@pytest.mark.parametrize("name", zoo.WITH_TARGETS)
def test_targets_have_the_same_masks(name: str) -> None:
    masks = masks_of(masked(name))
    followers = {p: m for p, m in masks.items() if "target" in p}
    assert followers
    for path, mask in followers.items():
        assert torch.equal(mask, masks[path.replace("_target", "")])


@pytest.mark.parametrize("name", ["SAC", "TD3"])
def test_targets_follow_what_networks_share(name: str) -> None:
    """A shared extractor has a path per network, and so has its target."""
    model = support.make(f"{name} Cnn", share_features_extractor=True)
    path = "actor.features_extractor.cnn.0"
    weight = model.policy.get_submodule(path).weight
    mask_weights(model, {path: torch.rand_like(weight) < 0.5})
    target = path.replace("actor", "critic_target", 1)
    masks = [model.policy.get_submodule(p).get_buffer(MASK) for p in (path, target)]
    assert torch.equal(*masks)
    assert len(masks_of(model)) == len(masks)


@every_algorithm
def test_without_masks_the_keys_are_those_of_the_stock_policy(name: str) -> None:
    model = zoo.trained(name)
    assert not masks_of(model)
    assert not any(key.endswith(MASK) for key in model.policy.state_dict())


@every_algorithm
def test_a_saved_model_has_its_masks_and_keeps_them(name: str, tmp_path: Any) -> None:
    model = masked(name)
    sp.apply(model, zoo.random_plan(model.policy))
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", model.get_env())
    assert np.array_equal(zoo.actions(loaded), zoo.actions(model))
    zoo.assert_same(dict(masks_of(loaded)), dict(masks_of(model)))
    zoo.train_on(loaded)
    assert_zero(loaded.policy)


@every_algorithm
def test_cuts_select_rows_and_columns_of_masks(name: str) -> None:
    """A cut of masked weights is a cut of weights that are zero."""
    model = masked(name)
    plain = zoo.copy_policy(model)
    for module in plain.modules():
        module._buffers.pop(MASK, None)
    plan = zoo.random_plan(model.policy)
    sp.apply(model, plan)
    sp.apply(plain, plan)
    zoo.assert_close(zoo.outputs(model.policy), zoo.outputs(plain), 1e-6)
    assert_zero(model.policy)
    zoo.train_on(model)
    assert_zero(model.policy)


def test_a_cut_and_a_mask_commute() -> None:
    one, other = (zoo.train(zoo.make_model("SAC")) for _ in range(2))
    plan = {n: keep([0, 2, 3], u) for n, u in wire(one).units().items()}
    masks = random_masks(one.policy)
    mask_weights(one, masks)
    sp.apply(one, plan)
    sp.apply(other, plan)
    mask_weights(
        other, {p: m.bool() for p, m in masks_of(one).items() if "target" not in p}
    )
    zoo.assert_close(zoo.outputs(one.policy), zoo.outputs(other.policy), 1e-7)


@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_masked_weights_and_cut_units_stay_equal(name: str) -> None:
    """Law 4 with masks: a cut run and a run with closed gates, 300 updates on."""
    pair = [masked(name) for _ in range(2)]
    plan = zoo.random_plan(pair[0].policy, gated=True)
    for model in pair:
        sp.mask(model, plan)
    remove_closed(pair[1])
    for model in pair:
        zoo.update(model, 300)
        assert_zero(model.policy)
    zoo.assert_close(zoo.outputs(pair[1].policy), zoo.outputs(pair[0].policy), 1e-5)


def test_copies_keep_their_masks() -> None:
    """A copied parameter has lost its hooks."""
    model = masked("PPO")
    twin: Any = copied(model.policy)
    seen = torch.as_tensor(zoo.observations(model))
    for _ in range(5):
        values, log_prob, _ = twin.evaluate_actions(seen, torch.zeros(len(seen)))
        (values.square().mean() + log_prob.mean()).backward()
        twin.optimizer.step()
    assert_zero(twin)


def test_hooks_do_not_pile_up() -> None:
    model = masked("PPO")
    for _ in range(3):
        sp.apply(
            model, {n: keep(range(u - 1), u) for n, u in wire(model).units().items()}
        )
        zoo.train_on(model)
    for path in masks_of(model):
        weight = model.policy.get_submodule(path).weight
        held = [getattr(h, "hook", h) for h in weight._backward_hooks.values()]
        assert sum(isinstance(hook, Held) for hook in held) == 1


def test_a_mask_never_opens() -> None:
    model = masked("PPO")
    first = {p: m.clone() for p, m in masks_of(model).items()}
    mask_weights(model, random_masks(model.policy, seed=1))
    for path, mask in masks_of(model).items():
        assert not bool(mask[first[path] == 0].any())
        assert float(mask.mean()) < 0.45


def test_grown_units_are_open() -> None:
    model = masked("PPO")
    sp.apply(model, {n: add(2, u, 1) for n, u in wire(model).units().items()})
    first = "mlp_extractor.policy_net.0"
    assert bool((masks_of(model)[first][-2:] == 1).all())
    zoo.train_on(model)
    assert_zero(model.policy)
    assert bool((model.policy.mlp_extractor.policy_net[0].weight[-2:] != 0).all())


@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_silent_units_become_structure(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    layers = wire(model)
    paths, masks = readable(model.policy), {}
    for layer in layers.values():  # Nothing feeds unit 1, nothing reads unit 2.
        for slot in layer.group.slots:
            path = next((p for p, m in paths.items() if m is slot.owner), None)
            if slot.attribute == "weight" and path:
                mask = masks.setdefault(path, torch.ones_like(slot.tensor))
                unit = 1 if slot.side.value == "rows" else 2
                slot.units(mask, layer.units)[unit] = 0.0
    mask_weights(model, masks)
    assert silent_units(wire(model)) == {n: [1, 2] for n in layers}
    before, units = zoo.outputs(model.policy), wire(model).units()
    assert not remove_silent(model).remarks()
    assert wire(model).units() == {n: u - 2 for n, u in units.items()}
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)
    assert not silent_units(wire(model)) and not remove_silent(model).units


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_units_that_the_exploration_reads_are_not_silent(name: str) -> None:
    model = zoo.make_model(name, env=zoo.gym.make("Pendulum-v1"), use_sde=True)
    reader, last = {
        "PPO": ("action_net", "mlp_extractor.policy_net.2"),
        "SAC": ("actor.mu.0", "actor.latent_pi.2"),
    }[name]
    mask = torch.ones_like(model.policy.get_submodule(reader).weight)
    mask[:, [1, 4]] = 0.0
    fed = dict(wire(model))[last].module
    mask_weights(model, {reader: mask})
    inputs = next(p for p, m in model.policy.named_modules() if m is fed)
    rows = torch.ones_like(fed.weight)
    rows[2] = 0.0
    mask_weights(model, {inputs: rows})
    assert not silent_units(wire(model)) and not remove_silent(model).units


def test_silence_spreads() -> None:
    """Of two units that feed nothing but each other's readers, both layers lose one.

    Nothing feeds unit 0 of the first layer, and unit 3 of the second reads it alone.
    """
    model = zoo.make_model("PPO")
    first, second = torch.ones(12, 4), torch.ones(10, 12)
    first[0], second[3, 1:] = 0.0, 0.0
    names = [f"mlp_extractor.policy_net.{k}" for k in (0, 2)]
    paths = [n for n in readable(model.policy) if "policy_net" in n]
    assert len(paths) == len(names)
    mask_weights(model, dict(zip(paths, (first, second), strict=True)))
    said = zoo.outputs(model.policy)
    assert silent_units(wire(model)) == dict(zip(names, ([0], [3]), strict=True))
    remove_silent(model)
    zoo.assert_close(zoo.outputs(model.policy), said, 1e-6)


def test_one_unit_of_a_layer_stays() -> None:
    model = zoo.make_model("PPO")
    name = "mlp_extractor.policy_net.0"
    mask_weights(model, {name: torch.zeros(12, 4)})
    said = zoo.outputs(model.policy)
    remove_silent(model)
    assert wire(model).units()[name] == 1
    zoo.assert_close(zoo.outputs(model.policy), said, 1e-6)


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_a_compact_model_has_plain_zeros(name: str) -> None:
    model = masked(name)
    plain = compact(model)
    assert not any(key.endswith(MASK) for key in plain.policy.state_dict())
    assert np.array_equal(zoo.actions(plain), zoo.actions(model))
    for path, mask in masks_of(model).items():
        assert not bool(plain.policy.get_submodule(path).weight[mask == 0].any())
    assert_zero(model.policy)


def test_stock_weights_open_everything() -> None:
    model, other = masked("PPO"), zoo.trained("PPO")
    model.policy.load_state_dict(other.policy.state_dict())
    assert not masks_of(model)
    zoo.train_on(model)
    weight = model.policy.mlp_extractor.policy_net[0].weight
    assert bool((weight != 0).all())


def test_weights_that_are_not_loaded_keep_their_masks() -> None:
    model, other = masked("PPO"), zoo.trained("PPO")
    part = {k: v for k, v in other.policy.state_dict().items() if "value" in k}
    model.policy.load_state_dict(part, strict=False)
    assert {path.partition(".")[0] for path in masks_of(model)} == {
        "mlp_extractor",
        "action_net",
    }
    assert not [path for path in masks_of(model) if "value" in path]
    zoo.train_on(model)
    assert_zero(model.policy)


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, torch.optim.Adafactor])
def test_optimisers_that_would_move_masked_weights_are_refused(kind: Any) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    policy: Any = model.policy
    policy.optimizer = kind(policy.parameters())
    observations = torch.as_tensor(zoo.observations(model))
    policy(observations)[1].square().mean().backward()
    policy.optimizer.step(lambda: 0.0)
    before = zoo.snapshot(model.policy)
    with pytest.raises(PlanError, match=kind.__name__):
        mask_weights(model, random_masks(model.policy))
    zoo.assert_same(zoo.snapshot(model.policy), before)
    assert not masks_of(model)


@pytest.mark.parametrize(
    "kind", ["SGD", "AdamW", "RMSprop", "Adagrad", "NAdam", "Adadelta"]
)
def test_masked_weights_stay_zero_under_every_optimiser(kind: str) -> None:
    policy_kwargs = {"optimizer_class": getattr(torch.optim, kind)}
    own = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    policy_kwargs["optimizer_kwargs"] = {**own, "weight_decay": 0.01}
    model = zoo.make_model("PPO", policy_kwargs=policy_kwargs)
    zoo.train(model)
    mask_weights(model, random_masks(model.policy))
    zoo.train_on(model)
    assert_zero(model.policy)


def test_weights_that_torch_prunes_are_no_weights_to_mask() -> None:
    """torch.nn.utils.prune computes the weight anew in every forward pass."""
    model = zoo.make_model("PPO")
    first = model.policy.mlp_extractor.policy_net[0]
    torch_prune.random_unstructured(first, "weight", amount=0.5)
    with pytest.raises(UnknownNameError, match="action_net"):
        mask_weights(model, {"mlp_extractor.policy_net.0": torch.ones(12, 4)})
    mask_weights(model, {"action_net": torch.ones(2, 10)})
    assert set(masks_of(model)) == {"action_net"}


def test_gates_count_as_before() -> None:
    """A policy with masks is still known: its cuts need no trial."""
    from sb3_prune.surgery.flow.known import is_known

    assert is_known(masked("PPO").policy)


@pytest.mark.parametrize(
    ("masks", "error", "match"),
    [
        ({"critic": torch.ones(2)}, UnknownNameError, "mlp_extractor.policy_net.0"),
        ({"action_net": torch.ones(2, 3)}, PlanError, r"shape \(2, 10\), got \(2, 3\)"),
        ({"action_net": [1, 0]}, PlanError, r"got \[1, 0\]"),
        ({"action_net": torch.ones(2, 10, device="meta")}, PlanError, "on 'meta'"),
        ({"action_net": torch.ones(2, 10).to_sparse()}, PlanError, "real tensors"),
        ({0: torch.ones(2)}, UnknownNameError, "module with a weight to mask '0'"),
        ({"action_net": torch.full((2, 10), 0.5)}, PlanError, "zeros and ones"),
    ],
)
def test_wrong_masks_are_refused(masks: Any, error: type, match: str) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    before = zoo.snapshot(model.policy)
    good = {"mlp_extractor.policy_net.0": torch.zeros(12, 4)}
    with pytest.raises(error, match=match):
        mask_weights(model, good | masks)
    with pytest.raises(PlanError, match="masks map paths of modules to tensors, got"):
        mask_weights(model, [masks])  # type: ignore[arg-type]
    zoo.assert_same(zoo.snapshot(model.policy), before)


def test_trpo_is_refused() -> None:
    """Its conjugate gradients start with a random step, along every weight."""
    with pytest.raises(UnsupportedPolicyError, match="TRPO"):
        mask_weights(zoo.make_model("TRPO"), {"action_net": torch.ones(1, 10)})


def test_a_stock_policy_is_refused() -> None:
    model = zoo.make_model("PPO", stock=True)
    with pytest.raises(UnsupportedPolicyError, match="adopt"):
        mask_weights(model, {"action_net": torch.ones(2, 10)})


def test_silent_units_behind_closed_ones_keep_what_they_say() -> None:
    """A closed unit stays, so its readers are not constant for good."""
    model = zoo.make_model("PPO")
    first, second = (f"mlp_extractor.policy_net.{k}" for k in (0, 2))
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))
    keep = torch.ones(10, 12)
    keep[:4] = 0
    keep[:4, 11] = 1  # The first units read the last one alone, which is closed.
    mask_weights(model, {second: keep})
    sp.mask(model, {first: sp.surgery.remove([11], 12)})
    before = zoo.outputs(model.policy)
    remove_silent(model)
    zoo.assert_close(zoo.outputs(model.policy), before, 1e-6)
    assert int(sp.wire(model)[first].active.sum()) == 11
