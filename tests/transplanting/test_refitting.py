"""Tests for transplanting/refitting.py."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import zoo
from laws import assert_optimised
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_prune.exceptions import TransplantError
from sb3_prune.recording import play_inputs
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.heads import find_heads
from sb3_prune.transplanting.matching import find_matches, heads_of
from sb3_prune.transplanting.refitting import STEEPER, fit_heads
from sb3_prune.transplanting.shallower import find_shallower
from sb3_prune.transplanting.states import PLAYED, listen, sample_states
from sb3_prune.transplanting.transplants import transplant_with_report
from transplanting.made import env_of, trained


@cache
def played(name: str) -> Any:
    """Return what an agent sees and does in an environment."""
    env = DummyVecEnv([lambda: env_of(name)])
    env.seed(0)
    return play_inputs(trained(name), env, episodes=3, progress=False)


@pytest.mark.parametrize("arch", [[12], [8], [16]])
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_output_layers_say_nearly_the_same(name: str, arch: list[int]) -> None:
    old: Any = trained(name)
    given = {"env": env_of(name), "net_arch": arch, "observed": played(name)}
    report = plan_transplant(old, **given)
    new: Any = transplant(old, **given)
    names = {each.new.name for each in find_matches(old.policy, new.policy)}
    assert report.fits.keys() == names
    assert all(0 < error < 0.95 for error in report.fits.values())
    assert 0 < report.moved < 0.6
    assert any(path.endswith("(gone)") for path in report.tensors)
    before, after = tensors(old.policy), tensors(new.policy)
    assert report.carried + report.dropped == sum(t.numel() for t in before.values())
    assert report.carried + report.new == sum(t.numel() for t in after.values())
    zoo.train(new, 96)
    assert_optimised(new.policy)


def test_a_layer_that_passes_on_is_removed_without_a_trace() -> None:
    """What transplanting has inserted, it removes: the fit finds the old weights."""
    old: Any = trained("DQN")
    deep = transplant(old, env=env_of("DQN"), net_arch=[12, 10, 10])
    report = plan_transplant(deep, env=env_of("DQN"), net_arch=[12, 10])
    assert report.moved < 1e-3 and max(report.fits.values()) < 1e-3


def test_the_error_is_that_of_the_outputs() -> None:
    """The fit is least squares: it is better than any other head that we can guess."""
    old: Any = trained("DQN")
    new: Any = transplant(old, env=env_of("DQN"), net_arch=[12])
    states, _ = sample_states(old)
    (one, _), (other, _) = (
        listen(m.policy, find_heads(m.policy, 4), states) for m in (old, new)
    )
    assert one is not None and other is not None
    error = ((one - other).square().sum() / (one - one.mean(0)).square().sum()).sqrt()
    (fit,) = (plan_transplant(old, env=env_of("DQN"), net_arch=[12]).fits.values(),)
    assert float(error) == pytest.approx(next(iter(fit)), rel=0.5)
    head = heads_of(find_matches(old.policy, new.policy)[0].new)[0]
    with torch.no_grad():
        head.weight *= 1.1
    (worse, _) = listen(new.policy, find_heads(new.policy, 4), states)
    assert worse is not None
    assert (one - worse).square().sum() > (one - other).square().sum()


@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_fitted_layers_are_not_much_steeper_than_what_they_stand_for(name: str) -> None:
    """Steeper ones fit better, but the next updates would wreck the agent."""
    old: Any = trained(name)
    new = transplant(old, env=env_of(name), net_arch=[12], observed=played(name))
    for each in find_shallower(find_matches(old.policy, new.policy)):
        before = [*each.gone(), heads_of(each.old)[0]]
        most = math.prod(_norm(layer.weight) for layer in before)
        assert _norm(heads_of(each.new)[0].weight) <= STEEPER * most


def _norm(weight: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach(), 2))


def test_moments_of_what_stays_are_kept_and_those_of_fitted_layers_begin_anew() -> None:
    old: Any = trained("PPO")
    new: Any = transplant(old, env=env_of("PPO"), net_arch=[12])
    pair = [optimizers(m)["optimizer"].state for m in (old, new)]
    first = [m.policy.mlp_extractor.policy_net[0].weight for m in (old, new)]
    assert zoo.equal(pair[0][first[0]], pair[1][first[1]])
    assert new.policy.action_net.weight not in pair[1]
    assert "their moments begin anew" in str(
        plan_transplant(old, env=env_of("PPO"), net_arch=[12])
    )


@pytest.mark.parametrize("name", ["DQN", "PPO", "SAC"])
def test_other_spaces_at_once(name: str) -> None:
    old, order = trained(name), [3, None, 0, 1, 4, 2]
    given = {"observations": order, "actions": [2, 0, None, 3, 1], "net_arch": [9]}
    both = transplant(old, env=env_of(name, 6, 5), observed=played(name), **given)
    alone = transplant(old, env=env_of(name), observed=played(name), net_arch=[9])
    models = ((alone, 4), (both, 5))
    heads = [find_heads(m.policy, count)[0].slots[0].tensor for m, count in models]
    assert torch.equal(heads[1][[1, 4, 0, 3]], heads[0])


def test_too_few_observations() -> None:
    old = zoo.make_model("A2C", env=env_of("A2C"))
    new = zoo.make_model("A2C", env=env_of("A2C"), policy_kwargs={"net_arch": [8]})
    before = zoo.snapshot(new.policy)
    with pytest.raises(TransplantError, match="there are 0, at least 20 are needed"):
        transplant_into(new, old)
    zoo.assert_same(zoo.snapshot(new.policy), before)
    matches = find_matches(old.policy, new.policy)
    with pytest.raises(TransplantError, match="Give observed=sb3_prune"):
        fit_heads(zoo.train(old, 64), find_shallower(matches), {})


def test_states_that_are_played_do_as_well() -> None:
    old = zoo.make_model("PPO", env=env_of("PPO"))
    report = plan_transplant(
        old, env=env_of("PPO", 6), observations=[*range(5), None], net_arch=[8], play=64
    )
    assert report.states == PLAYED and set(report.fits) > {"mlp_extractor.policy_net"}


def test_memory_is_part_of_the_fit() -> None:
    """The report tells the error of an agent that remembers what it has played."""
    old: Any = zoo.make_model("RecurrentPPO", env=env_of("RecurrentPPO"))
    with torch.no_grad():  # As trained networks, it says what it remembers.
        for weight in old.policy.parameters():
            weight.mul_(3)
    env = env_of("RecurrentPPO")
    new, report = transplant_with_report(old, env=env, net_arch=[12], play=300)
    inputs = play_inputs(old, DummyVecEnv([lambda: env]), episodes=10, progress=False)
    for name, error in zip(report.fits, errors(old, new, inputs), strict=True):
        assert error < 3 * report.fits[name]
    bare = replace(inputs, lstm_states=None)
    with pytest.raises(TransplantError, match=r"without lstm_states.*play_inputs"):
        plan_transplant(old, env=env, net_arch=[12], observed=bare)


@torch.no_grad()
def errors(old: Any, new: Any, inputs: Any) -> list[float]:
    """Return the relative errors of logits and values with memory."""
    seen, states = inputs.observations, inputs.lstm_states
    starts = torch.zeros(len(seen))
    pairs = [
        [m.policy.get_distribution(seen, states.pi, starts)[0] for m in (old, new)],
        [m.policy.predict_values(seen, states.vf, starts) for m in (old, new)],
    ]
    said = [[d.distribution.logits for d in pairs[0]], pairs[1]]
    return [
        float(((b - a).square().sum() / (a - a.mean(0)).square().sum()).sqrt())
        for a, b in said
    ]


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC"])
def test_critics_are_fitted_on_actions_that_were_taken(name: str) -> None:
    """The report tells their error, for any action; greedy ones say little of it."""
    old: Any = trained(name)
    bare = zoo.make_model(name, env=env_of(name))  # As from a zip: nothing is recent.
    bare.policy.load_state_dict(old.policy.state_dict())
    with torch.no_grad():  # Critics that look at actions.
        for path, weight in bare.policy.critic.named_parameters():
            if path.endswith(".0.weight"):
                weight[:, 5:] *= 5
    given = {"env": env_of(name), "net_arch": [12]}
    new, report = transplant_with_report(bare, play=800, **given)  # type: ignore[arg-type]
    torch.manual_seed(0)
    seen, acts = (2 * torch.rand(800, n) - 1 for n in (5, 4))
    with torch.no_grad():
        before, after = (_values(m.policy.critic(seen, acts)) for m in (bare, new))
    off = (after - before).square().sum(0) / (before - before.mean(0)).square().sum(0)
    assert float(off[0].sqrt()) < 1.6 * report.fits["critic.qf0"]
    alone = Inputs(observations=seen)
    with pytest.raises(TransplantError, match="without actions, which its networks"):
        plan_transplant(bare, observed=alone, **given)


def _values(said: Any) -> torch.Tensor:
    return said.flatten(1) if isinstance(said, torch.Tensor) else torch.cat(said, 1)


def test_an_actor_alone_is_fitted_without_actions() -> None:
    arch = {"pi": [12, 10], "qf": [12, 10]}
    old = zoo.train(zoo.make_model("SAC", policy_kwargs={"net_arch": arch}))
    seen = Inputs(observations=recent_inputs(old, 64).observations)
    arch = {"pi": [12], "qf": [12, 10]}
    _, report = transplant_with_report(
        old, env=old.get_env(), net_arch=arch, observed=seen
    )
    assert list(report.fits) == ["actor.latent_pi"]
