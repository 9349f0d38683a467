"""Tests for transplanting/outputs.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, MaskablePPO
from stable_baselines3 import DQN, PPO

from sb3_prune.exceptions import ConfigError, TransplantError
from sb3_prune.transplanting import NewActions, plan_transplant, transplant
from sb3_prune.transplanting.heads import find_heads
from sb3_prune.transplanting.states import listen, sample_states
from transplanting.made import Toy, env_of, space_of, trained

ACTS = (1, None, 0, 3, 2, None)


def said(name: str, **rule: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what old and new output layers say on the same states."""
    old = trained(name)
    env = env_of(name, actions=6)
    new = transplant(old, env=env, actions=ACTS, new_actions=NewActions(**rule), seed=0)
    states, _ = sample_states(old)
    found = [
        listen(model.policy, find_heads(model.policy, count), states)[0]
        for model, count in ((old, 4), (new, 6))
    ]
    assert found[0] is not None and found[1] is not None
    return found[0], found[1]


@pytest.mark.parametrize("name", ["DQN", "PPO", "SAC", "TD3"])
@pytest.mark.parametrize("rule", ["mean", "copy", "zero", "fresh", None])
def test_old_actions_stay_and_new_ones_follow_the_rule(
    name: str, rule: str | None
) -> None:
    old, new = said(name, rule=rule, of=3 if rule == "copy" else None)
    torch.testing.assert_close(new[:, [2, 0, 4, 3]], old, atol=1e-6, rtol=1e-5)
    fresh = new[:, [1, 5]]
    if rule == "mean":
        torch.testing.assert_close(fresh, old.mean(1, keepdim=True).expand(-1, 2))
    elif rule == "copy":
        torch.testing.assert_close(fresh, old[:, 3:].expand(-1, 2))
    elif rule == "zero" or (rule is None and name in ("SAC", "TD3")):
        assert bool((fresh == 0).all())


def test_pessimistic_values_are_below_all_others() -> None:
    old, new = said("DQN")
    assert float(new[:, [1, 5]].max()) < float(old.min())


@pytest.mark.parametrize("probability", [0.01, 0.3])
def test_rare_actions_have_the_probability_together(probability: float) -> None:
    _, new = said("PPO", rule="rare", probability=probability)
    mean = new.double().softmax(1)[:, [1, 5]].sum(1).mean()
    assert float(mean) == pytest.approx(probability, rel=1e-4)


def test_uniform_actions_have_the_same_share_each() -> None:
    _, new = said("PPO", rule="uniform")
    mean = new.double().softmax(1).mean(0)
    torch.testing.assert_close(mean[[1, 5]], torch.full((2,), 1 / 6).double())


def test_uniform_actions_of_each_branch() -> None:
    old, env = branches([3, 2]), Toy(3, spaces.MultiDiscrete([4, 3, 2]))
    actions = [0, 1, None, 2, 3, None, 4, None, None]
    given = NewActions(rule="uniform")
    report = plan_transplant(old, env=env, actions=actions, new_actions=given)
    assert report.left[0].startswith("The actions of the branches [2] are all new")
    new = transplant(old, env=env, actions=actions, new_actions=given)
    states, _ = sample_states(old)
    (outputs,) = listen(new.policy, find_heads(new.policy, 9), states)
    assert outputs is not None
    for start, size, place in ((0, 4, 2), (4, 3, 1), (7, 2, 0)):
        share = outputs[:, start : start + size].double().softmax(1)[:, place].mean()
        assert float(share) == pytest.approx(1 / size)


def test_actions_are_copied_within_their_branch() -> None:
    old, env = branches([3, 2]), Toy(3, spaces.MultiDiscrete([4, 3]))
    given = NewActions(rule="copy", of=1)
    one = Toy(3, spaces.MultiDiscrete([4, 2]))
    new = transplant(old, env=one, actions=[0, 1, None, 2, 3, 4], new_actions=given)
    assert torch.equal(new.policy.action_net.bias[2], new.policy.action_net.bias[1])
    more = Toy(3, spaces.MultiDiscrete([3, 2, 2]))
    actions = [0, 1, 2, 3, 4, None, None]
    report = plan_transplant(old, env=more, actions=actions, new_actions=given)
    assert report.left[0].startswith("The actions of the branches [2] are all new")
    with pytest.raises(TransplantError, match=r"the actions \[3, 4\]: 1. Actions are"):
        transplant(old, env=env, actions=[0, 1, 2, None, 3, 4, None], new_actions=given)


def branches(sizes: list[int]) -> PPO:
    env = Toy(3, spaces.MultiDiscrete(sizes))
    return PPO("MlpPolicy", env, n_steps=32, batch_size=16, seed=0).learn(32)


def test_zero_values_are_a_trap_where_rewards_are_negative() -> None:
    class Costly(Toy):
        def step(self, action: Any) -> Any:
            seen, _, *rest = super().step(action)
            return seen, -1.0, *rest

    old: Any = DQN(
        "MlpPolicy", Costly(5, space_of("DQN")), learning_starts=32, seed=0
    ).learn(800)
    states = np.random.default_rng(0).uniform(-1, 1, (64, 5)).astype(np.float32)
    picked = {}
    for rule in ("zero", None):
        env = Costly(5, space_of("DQN", 5))
        given = NewActions(rule=rule)  # type: ignore[arg-type]
        new = transplant(old, env=env, actions=(0, 1, 2, 3, None), new_actions=given)
        picked[rule] = (new.predict(states, deterministic=True)[0] == 4).mean()
    assert picked == {"zero": 1.0, None: 0.0}


def test_targets_follow_the_rule_of_the_online_network() -> None:
    new: Any = transplant(trained("DQN"), env=env_of("DQN", actions=6), actions=ACTS)
    online, target = (q.q_net[-1].bias[[1, 5]] for q in (new.q_net, new.q_net_target))
    assert torch.equal(online, target)


def test_deviations_of_new_dimensions_are_the_mean_of_the_others() -> None:
    old: Any = trained("TRPO")
    new: Any = transplant(old, env=env_of("TRPO", actions=6), actions=ACTS)
    expected = old.policy.log_std.mean()
    torch.testing.assert_close(new.policy.log_std[[1, 5]], expected.expand(2))


@pytest.mark.parametrize(
    ("name", "rule", "why"),
    [
        ("PPO", {"rule": "pessimistic"}, "does not fit these actions; usual: 'rare'"),
        ("DQN", {"rule": "rare"}, "usual: 'pessimistic'"),
        ("SAC", {"rule": "rare"}, "usual: 'zero'"),
        ("DQN", {"rule": "uniform"}, "usual: 'pessimistic'"),
        ("SAC", {"rule": "uniform"}, "usual: 'zero'"),
        ("DQN", {"rule": "copy", "of": 9}, r"one of the actions \[0, 1, 2, 3\]: 9"),
    ],
)
def test_rules_that_do_not_fit(name: str, rule: Any, why: str) -> None:
    given = NewActions(**rule)
    with pytest.raises(TransplantError, match=why):
        transplant(
            trained(name), env=env_of(name, actions=6), actions=ACTS, new_actions=given
        )


@pytest.mark.parametrize(
    "wrong",
    [
        *({"rule": "best"}, {"rule": "copy", "of": -1}, {"of": 1}),
        *({"probability": 1.0}, {"probability": "x"}),
        {"rule": "uniform", "probability": 0.5},
    ],
)
def test_wrong_options(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        NewActions(**wrong)


def test_values_of_quantiles_are_pessimistic_each_by_its_own_values() -> None:
    old = QRDQN("MlpPolicy", env_of("QRDQN"), learning_starts=0, buffer_size=200)
    old.learn(64)
    with torch.no_grad():  # The first quantile is not always the least.
        list(old.quantile_net.modules())[-1].bias[:4] += 50
    new = transplant(old, env=env_of("QRDQN", actions=5), actions=[0, 1, 2, 3, None])
    seen, _ = sample_states(old)
    before, after = (m.quantile_net(seen).mean(1) for m in (old, new))
    assert after[:, 4].max() < before.min()


SWITCHES: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "device": "cpu"}


def switched(cls: Any, order: Any, **rule: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return with what probability switches are on, before and afterwards."""
    old = cls("MlpPolicy", Toy(5, spaces.MultiBinary(3)), **SWITCHES)
    torch.nn.init.normal_(old.policy.action_net.bias)
    env = Toy(5, spaces.MultiBinary(len(order)))
    given = NewActions(**rule) if rule else None
    new = transplant(old, env=env, actions=order, new_actions=given)
    seen = torch.rand(50, 5)
    found = []
    for model in (old, new):
        on = model.policy.get_distribution(seen)
        if cls is PPO:
            found.append(on.distribution.probs.detach())
        else:
            parts = [each.probs[:, 1] for each in on.distributions]
            found.append(torch.stack(parts, 1).detach())
    new.learn(32, **({} if cls is PPO else {"use_masking": False}))
    return found[0], found[1]


@pytest.mark.parametrize("cls", [PPO, MaskablePPO])
def test_new_switches_are_rarely_on(cls: Any) -> None:
    old, new = switched(cls, [2, None, 0, 1, None])
    torch.testing.assert_close(new[:, [2, 3, 0]], old)
    none = (1 - new[:, [1, 4]]).prod(1)
    torch.testing.assert_close(none, torch.full((50,), 0.95))
    _, new = switched(cls, [0, 1, 2, None], rule="rare", probability=0.3)
    torch.testing.assert_close(new[:, 3], torch.full((50,), 0.3))


@pytest.mark.parametrize("cls", [PPO, MaskablePPO])
def test_rules_of_new_switches(cls: Any) -> None:
    old, new = switched(cls, [2, 1, 0])
    torch.testing.assert_close(new, old[:, [2, 1, 0]])
    _, new = switched(cls, [0, 1, 2, None], rule="zero")
    torch.testing.assert_close(new[:, 3], torch.full((50,), 0.5))
    with pytest.raises(TransplantError, match=r"'uniform' does not fit .* 'rare'"):
        switched(cls, [0, 1, 2, None], rule="uniform")
    old, new = switched(cls, [None, 2, 1], rule="copy", of=2)
    torch.testing.assert_close(new, old[:, [2, 2, 1]])
    old, new = switched(cls, [0, 1, 2, None], rule="mean")
    torch.testing.assert_close(new[:, 3].logit(), old.logit().mean(1))


@pytest.mark.parametrize("rule", [{"rule": "zero"}, {"probability": 0.1}])
def test_a_rule_without_new_actions(rule: Any) -> None:
    given = NewActions(**rule)
    with pytest.raises(TransplantError, match="No action is new, so NewActions"):
        transplant(trained("PPO"), env=env_of("PPO"), new_actions=given)


def test_a_probability_where_nothing_is_rare() -> None:
    given = NewActions(probability=0.1)
    env = env_of("DQN", actions=5)
    with pytest.raises(TransplantError, match="says nothing with the rule 'pessimis"):
        transplant(
            trained("DQN"), env=env, actions=[0, 1, 2, 3, None], new_actions=given
        )
