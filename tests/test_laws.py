"""The laws of surgery, for every algorithm (design, section 9)."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import SB3PruneError
from sb3_prune.exporting.compaction import compact
from sb3_prune.surgery import add, keep, merge, remove, remove_closed, reset
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.optimizer import optimizers

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)
few = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
seeds = st.integers(0, 10_000)

# Law 1: what is dead can go.


def close_gates(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        assert twin.gate is not None
        twin.gate.close(units, like=twin.like.detach())


def silence_readers(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        for slot in twin.readers:
            slot.units(slot.tensor.data, twin.units)[units] = 0.0


def make_constant(layer: HiddenLayer, units: list[int]) -> None:
    for twin in layer.with_targets():
        twin.module.weight.data[units] = 0.0
        twin.module.bias.data[units] = 0.7


@pytest.mark.parametrize("kill", [close_gates, silence_readers, make_constant])
@every_algorithm
def test_removing_dead_units_keeps_every_output(name: str, kill: Any) -> None:
    policy = zoo.copied(name)
    # An LSTM has no gate, and what its units say varies even if nothing feeds them.
    plan = zoo.random_plan(policy, gated=kill is not silence_readers)
    for layer, change in plan.items():
        kill(sp.wire(policy)[layer], change.removed.tolist())
    before = zoo.says(policy)
    sp.apply(policy, plan)
    zoo.assert_close(zoo.says(policy), before, 1e-6)


@every_algorithm
def test_removing_live_units_changes_the_outputs(name: str) -> None:
    policy = zoo.copied(name)
    before = zoo.says(policy)
    sp.apply(policy, zoo.random_plan(policy))
    with pytest.raises(AssertionError):
        zoo.assert_close(zoo.says(policy), before, 1e-3)


def make_proportional(layer: HiddenLayer, gamma: torch.Tensor) -> None:
    """Make every second unit gamma times the one before it, up to scale."""
    for twin in layer.with_targets():
        for tensor in (twin.module.weight.data, twin.module.bias.data):
            base = tensor[0::2] / gamma[0::2].reshape(-1, *[1] * (tensor.ndim - 1))
            tensor[1::2] = base * gamma[1::2].reshape(-1, *[1] * (tensor.ndim - 1))


@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "CrossQ"])
def test_merging_proportional_relu_units_keeps_every_output(name: str) -> None:
    model = zoo.make_model(name, policy_kwargs={"activation_fn": nn.ReLU})
    policy, plan = model.policy, {}
    layers = {n: la for n, la in sp.wire(policy).items() if la.gate}
    for layer in layers.values():
        gamma = torch.linspace(0.5, 2.0, layer.units)
        make_proportional(layer, gamma)
        pairs = [[k, k + 1] for k in range(0, layer.units, 2)]
        plan[layer.name] = merge(pairs, layer.units, gamma.tolist())
    before = zoo.says(policy)
    sp.apply(model, plan)
    units = policy.wiring().units()
    assert all(2 * units[name] == policy.initial_units[name] for name in layers)
    zoo.assert_close(zoo.says(policy), before, 1e-5)


# Law 2: changes compose.


@every_algorithm
@few
@given(first=seeds, second=seeds)
def test_two_cuts_are_one(name: str, first: int, second: int) -> None:
    twice, once = zoo.copied(name), zoo.copied(name)
    a = zoo.random_plan(twice, first)
    sp.apply(twice, a)
    b = zoo.random_plan(twice, second, least=1)
    sp.apply(twice, b)
    sp.apply(once, a.then(b))
    zoo.assert_same(zoo.snapshot(once), zoo.snapshot(twice))


@pytest.mark.parametrize("seed", [None, 5])
@every_algorithm
def test_growing_and_cutting_what_was_grown_is_the_identity(
    name: str, seed: int | None
) -> None:
    policy = zoo.copied(name)
    before = zoo.snapshot(policy)
    units = policy.wiring().units()
    grow = sp.Plan({layer: add(3, n, seed) for layer, n in units.items()})
    cut = sp.Plan({layer: keep(range(n), n + 3) for layer, n in units.items()})
    sp.apply(policy, grow)
    assert policy.wiring().units() == {layer: n + 3 for layer, n in units.items()}
    sp.apply(policy, cut)
    zoo.assert_same(zoo.snapshot(policy), before)
    sp.apply(policy, grow.then(cut))
    zoo.assert_same(zoo.snapshot(policy), before)


@every_algorithm
def test_growing_keeps_every_output(name: str) -> None:
    policy = zoo.copied(name)
    before = zoo.says(policy)
    units = policy.wiring().units()
    sp.apply(policy, {layer: add(3, n, 1) for layer, n in units.items()})
    zoo.assert_close(zoo.says(policy), before, 1e-6)


@every_algorithm
def test_an_empty_plan_changes_nothing(name: str) -> None:
    policy = zoo.copied(name)
    before = zoo.snapshot(policy)
    report = sp.apply(policy, sp.Plan())
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
    assert report.parameters[0] == report.parameters[1]


# Law 3: the optimisers follow.


def assert_optimizers_hold_the_live_parameters(policy: nn.Module) -> None:
    """Each live parameter is in one optimiser, with state of its shape."""
    live = [p for n, p in policy.named_parameters() if "_target." not in n]
    held = [p for o in optimizers(policy).values() for p in o.param_groups[0]["params"]]
    assert sorted(map(id, held)) == sorted(map(id, live))
    for optimizer in optimizers(policy).values():
        assert set(map(id, optimizer.state)) <= set(map(id, held))
        for p, state in optimizer.state.items():
            moments = [v for k, v in state.items() if k != "step" and v is not None]
            assert all(moment.shape == p.shape for moment in moments)


def assert_hidden_layers_move(model: BaseAlgorithm) -> None:
    old = {la.name: la.incoming().clone() for la in sp.wire(model.policy).values()}
    readers = {la.name: la.outgoing().clone() for la in sp.wire(model.policy).values()}
    zoo.train_on(model, 96)
    for layer in sp.wire(model.policy).values():
        assert bool((layer.incoming() != old[layer.name]).any(dim=1).all()), layer.name
        assert not torch.equal(layer.outgoing(), readers[layer.name])


@every_algorithm
def test_every_live_parameter_is_optimised_after_a_cut(name: str) -> None:
    # Tanh: every unit has a gradient.
    model = zoo.train(zoo.make_model(name, policy_kwargs={"activation_fn": nn.Tanh}))
    sp.apply(model, zoo.random_plan(model.policy))
    assert_optimizers_hold_the_live_parameters(model.policy)
    assert_hidden_layers_move(model)
    assert_optimizers_hold_the_live_parameters(model.policy)


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"optimizer_class": torch.optim.Adam},
    "adamw-amsgrad": {
        "optimizer_class": torch.optim.AdamW,
        "optimizer_kwargs": {"amsgrad": True},
    },
    "sgd-momentum": {
        "optimizer_class": torch.optim.SGD,
        "optimizer_kwargs": {"momentum": 0.9},
    },
    "rmsprop": {
        "optimizer_class": torch.optim.RMSprop,
        "optimizer_kwargs": {"centered": True, "momentum": 0.9},
    },
    "fused-adam": {"optimizer_kwargs": {"fused": True}},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_keeps_its_state(optimizer: str) -> None:
    kwargs = {**OPTIMIZERS[optimizer], "activation_fn": nn.Tanh}
    model = zoo.train(zoo.make_model("SAC", policy_kwargs=kwargs))
    linear = sp.wire(model.policy)["actor.latent_pi.0"].module
    old = dict(model.policy.actor.optimizer.state[linear.weight])
    plan = zoo.random_plan(model.policy)
    sp.apply(model, plan)
    new = model.policy.actor.optimizer.state[linear.weight]
    kept = plan["actor.latent_pi.0"].selection
    moments = {k for k, v in old.items() if v is not None and v.ndim == 2}
    assert moments and all(torch.equal(new[k], old[k][kept]) for k in moments)
    assert all(zoo.equal(new[k], old[k]) for k in old.keys() - moments)
    assert_optimizers_hold_the_live_parameters(model.policy)
    assert_hidden_layers_move(model)


# Law 4: a mask and a cut are the same.


class DoubleExtractor(FlattenExtractor):
    """Features in the precision of the policy: double once it was made so."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space)
        self.register_buffer("precise", torch.zeros(()))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return super().forward(observations).to(self.precise.dtype)


def masked_and_cut(name: str, **kwargs: Any) -> tuple[BaseAlgorithm, BaseAlgorithm]:
    """Train two equal models, mask both by one plan and cut the second."""
    pair = []
    for _ in range(2):
        model = zoo.make_model(name, **kwargs)
        if name == "TRPO":
            model.policy.double()
        pair.append(zoo.train(model))
    plan = zoo.random_plan(pair[0].policy, gated=True)
    for model in pair:
        sp.mask(model, plan)
    remove_closed(pair[1])
    return pair[0], pair[1]


def three_hundred_updates(name: str, model: Any) -> None:
    if name == "A2C":
        model.set_random_seed(3)
        zoo.train_on(model, 300 * model.n_steps)
    else:
        zoo.update(model, 40 if name == "TRPO" else 300)


@every_algorithm
def test_a_cut_run_and_a_masked_run_stay_equal(name: str) -> None:
    """Three hundred updates further, outputs differ by less than 1e-5.

    TRPO's natural gradient amplifies rounding chaotically, so it runs in double
    precision, and for 20 calls of ``train()``: 20 actor and 400 critic updates. A2C
    would overfit its one batch until it explodes, so it collects new ones.
    """
    double = {"policy_kwargs": {"features_extractor_class": DoubleExtractor}}
    masked, cut = masked_and_cut(name, **(double if name == "TRPO" else {}))
    assert max(masked.policy.wiring().units().values()) == max(zoo.ARCH)
    assert masked.policy.wiring().active_units() == cut.policy.wiring().units()
    for model in (masked, cut):
        before = zoo.outputs(model.policy)
        three_hundred_updates(name, model)
        with pytest.raises(AssertionError):
            zoo.assert_close(zoo.outputs(model.policy), before, 1e-5)
    zoo.assert_close(zoo.outputs(cut.policy), zoo.outputs(masked.policy), 1e-5)


# Law 5: targets follow.


@pytest.mark.parametrize("name", zoo.WITH_TARGETS)
@few
@given(seed=seeds)
def test_online_and_target_networks_have_equal_shapes(name: str, seed: int) -> None:
    policy = zoo.copied(name)
    units = policy.wiring().units()
    operations = [
        {layer: add(2, n, seed) for layer, n in units.items()},
        zoo.random_plan(policy, seed),
        {
            layer: merge([[0, 1], *[[k] for k in range(2, n)]], n)
            for layer, n in units.items()
        },
        {layer: reset([seed % n], n, seed) for layer, n in units.items()},
    ]
    for operation in operations:
        policy = zoo.copied(name)
        sp.apply(policy, operation)
        state = policy.state_dict()
        pairs = [(k, k.replace("_target.", ".")) for k in state if "_target." in k]
        assert pairs
        for target, online in pairs:
            assert state[target].shape == state[online].shape


@pytest.mark.parametrize("name", zoo.TWIN_CRITICS)
def test_twin_critics_may_differ(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.apply(
        model,
        {"critic.qf0.0": remove([1, 2, 3], zoo.ARCH[0])}
        if name != "CrossQ"
        else {next(iter(critics(model))): remove([1, 2, 3], zoo.ARCH[0])},
    )
    widths = [la.units for la in critics(model).values()]
    assert len(set(widths)) > len(zoo.ARCH)
    zoo.train_on(model)


def critics(model: BaseAlgorithm) -> dict[str, HiddenLayer]:
    layers = sp.wire(model.policy)
    return {name: la for name, la in layers.items() if name.startswith("critic.")}


# Law 6: files.


@every_algorithm
def test_a_cut_model_is_saved_and_loaded_exactly(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.train_on(model)
    loaded = reload(model)
    assert np.array_equal(zoo.actions(loaded), zoo.actions(model))
    zoo.assert_same(zoo.snapshot(loaded.policy), zoo.snapshot(model.policy))
    assert loaded.policy.initial_units == model.policy.initial_units
    zoo.train_on(loaded)


@every_algorithm
def test_a_masked_model_keeps_its_masks(name: str) -> None:
    model = zoo.train(zoo.make_model(name))
    sp.mask(model, zoo.random_plan(model.policy, gated=True))
    loaded = reload(model)
    wiring = sp.wire(loaded.policy)
    assert wiring.active_units() == sp.wire(model.policy).active_units()
    assert wiring.units() == loaded.policy.initial_units != wiring.active_units()
    assert np.array_equal(zoo.actions(loaded), zoo.actions(model))


def reload(model: BaseAlgorithm) -> BaseAlgorithm:
    buffer = io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    return type(model).load(buffer, env=model.env, device="cpu")


LOAD_IN_A_FRESH_PROCESS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
torch.set_num_threads(1)
from importlib import import_module
from operator import attrgetter
found = {}
for name, (module, cls, path, obs) in json.loads(sys.stdin.read()).items():
    model = getattr(import_module(module), cls).load(path, device="cpu")
    keys = [k for k in model._get_torch_save_params()[0] if "optimizer" in k]
    states = [s for k in keys for s in attrgetter(k)(model).state.values()]
    moments = [float(v.double().sum()) for s in states for v in s.values()]
    acts = model.predict(np.load(obs), deterministic=True)[0]
    found[name] = acts.tolist(), moments
print(json.dumps(found))
"""

BLOCK_US = """
import sys
class Block:
    def find_spec(self, name, *args):
        if name.split(".")[0].startswith("sb3_prune"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
try:
    import sb3_prune
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("sb3_prune is not blocked")
"""


def fresh_process(code: str, models: dict[str, BaseAlgorithm], folder: Path) -> Any:
    """Load models in another process.

    Returns:
        For each its actions and the sums of its optimisers' moments.
    """
    jobs = {}
    for name, model in models.items():
        model.save(folder / f"{name}.zip")
        np.save(folder / f"{name}.npy", zoo.observations(model, 256))
        cls = type(model)
        paths = [str(folder / f"{name}{suffix}") for suffix in (".zip", ".npy")]
        jobs[name] = [cls.__module__, cls.__name__, *paths]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def moments(model: BaseAlgorithm) -> list[float]:
    keys = [k for k in model._get_torch_save_params()[0] if "optimizer" in k]
    states = [s for k in keys for s in attrgetter(k)(model).state.values()]
    return [float(v.double().sum()) for s in states for v in s.values()]


@cache
def cut_models() -> dict[str, BaseAlgorithm]:
    models = {}
    for name in zoo.ALGORITHMS:
        models[name] = zoo.train(zoo.make_model(name))
        sp.apply(models[name], zoo.random_plan(models[name].policy))
        zoo.train_on(models[name])
    return models


@pytest.mark.slow
def test_a_fresh_process_loads_every_cut_model(tmp_path: Path) -> None:
    models = cut_models()
    found = fresh_process(LOAD_IN_A_FRESH_PROCESS, models, tmp_path)
    for name, model in models.items():
        actions, states = found[name]
        assert np.array_equal(np.array(actions, np.float32), zoo.actions(model)), name
        assert states == moments(model) != [], name


@pytest.mark.slow
def test_a_compact_zip_loads_without_this_package(tmp_path: Path) -> None:
    models = cut_models()
    plain = {name: compact(model) for name, model in models.items()}
    found = fresh_process(BLOCK_US + LOAD_IN_A_FRESH_PROCESS, plain, tmp_path)
    for name, model in models.items():
        acts = np.array(found[name][0], np.float32)
        if name == "BranchingDQN":
            digits = np.unravel_index(acts.astype(int), model.action_space.nvec)
            acts = np.stack(digits, axis=1)
        np.testing.assert_allclose(acts, zoo.actions(model), atol=1e-6, err_msg=name)


# Law 7: gates that are open are not there.


@pytest.mark.parametrize("name", zoo.STOCK)
def test_training_with_open_gates_equals_the_stock_policy(name: str) -> None:
    ours = zoo.train(zoo.make_model(name), 100)
    stock = zoo.train(zoo.make_model(name, stock=True), 100)
    found, expected = ours.policy.state_dict(), stock.policy.state_dict()
    assert list(found) == list(expected)
    assert zoo.equal(dict(found), dict(expected))
    for key, optimizer in optimizers(stock.policy).items():
        mine = optimizers(ours.policy)[key]
        assert zoo.equal(mine.state_dict()["state"], optimizer.state_dict()["state"])


@pytest.mark.parametrize("stock_first", [True, False])
@pytest.mark.parametrize("name", zoo.STOCK)
def test_weights_go_from_stock_to_masked_and_back(name: str, stock_first: bool) -> None:
    giver = zoo.make_model(name, stock=stock_first, seed=1)
    taker = zoo.make_model(name, stock=not stock_first, seed=2)
    taker.set_parameters(giver.get_parameters())
    assert np.array_equal(zoo.actions(taker), zoo.actions(giver))


# Law 8: a refused plan does nothing.


def wrong_width(plan: dict[str, Any], policy: nn.Module) -> None:
    last = list(plan)[-1]
    plan[last] = remove([0], plan[last].before + 1)


def unknown_layer(plan: dict[str, Any], policy: nn.Module) -> None:
    plan["nowhere.0"] = remove([0], 5)


def last_linear(policy: nn.Module) -> str:
    return [name for name, layer in sp.wire(policy).items() if layer.gate][-1]


def nan_weight(plan: dict[str, Any], policy: nn.Module) -> None:
    layer = sp.wire(policy)[last_linear(policy)]
    layer.module.weight.data[0, 0] = torch.nan


def nan_bias(plan: dict[str, Any], policy: nn.Module) -> None:
    layer = sp.wire(policy)[last_linear(policy)]
    layer.with_targets()[-1].module.bias.data[0] = torch.inf


@pytest.mark.parametrize("spoil", [wrong_width, unknown_layer, nan_weight, nan_bias])
@every_algorithm
def test_a_refused_plan_leaves_the_model_untouched(name: str, spoil: Any) -> None:
    policy = zoo.copied(name)
    plan = dict(zoo.random_plan(policy))
    spoil(plan, policy)
    before = zoo.snapshot(policy)
    with pytest.raises(SB3PruneError):
        sp.apply(policy, plan)
    after = zoo.snapshot(policy)
    broken = {k for k in before if not zoo.equal(before[k], after[k])}
    assert all(has_nan(before[k]) for k in broken)


def has_nan(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and bool(value.isnan().any())
