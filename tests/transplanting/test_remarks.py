"""Tests for transplanting/remarks.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from grouping import grouped
from gymnasium import spaces
from stable_baselines3 import A2C, PPO

from sb3_prune.transplanting import (
    InputRules,
    plan_transplant,
    transplant,
    transplant_into,
)
from sb3_prune.transplanting.remarks import told_algorithm, told_copies
from transplanting.made import OBSERVATIONS, Toy, env_of, trained


def test_other_bounds_are_told() -> None:
    old = trained("SAC")
    env = Toy(OBSERVATIONS, spaces.Box(-2, 2, (4,), np.float32))
    with pytest.warns(UserWarning, match="other bounds"):
        report = plan_transplant(old, env=env)
    assert any("other bounds" in remark for remark in report.left)


def test_outputs_that_move_for_no_reason_are_told() -> None:
    old = trained("PPO")
    kwargs = {"activation_fn": torch.nn.ReLU, "net_arch": [12, 10]}
    new = PPO(type(old.policy), env_of("PPO"), policy_kwargs=kwargs)
    with pytest.warns(UserWarning, match="although nothing was dropped"):
        transplant_into(new, old)


def test_other_algorithms_and_copies_are_told() -> None:
    old, new = trained("PPO"), A2C("MlpPolicy", env_of("PPO"))
    assert told_algorithm(old, old) == ""
    assert told_algorithm(old, new).startswith("The new agent is of A2C, the old one")
    one, three = (
        zoo.make_model("SAC", env=env_of("SAC"), policy_kwargs={"n_critics": count})
        for count in (1, 3)
    )
    assert told_copies(three.policy, one.policy) == []
    names = [
        said.partition(" is a copy")[0]
        for said in told_copies(one.policy, three.policy)
    ]
    assert names == [
        f"'critic{kind}.qf{i}'" for kind in ("", "_target") for i in (1, 2)
    ]


def test_what_is_frozen_stays_frozen_and_is_told() -> None:
    old = PPO("MlpPolicy", env_of("PPO"), n_steps=32, batch_size=16)
    layer = old.policy.mlp_extractor.policy_net[0]
    layer.requires_grad_(False)
    wide = env_of("PPO", 6)
    given = {"env": wide, "observations": [0, 1, 2, 3, 4, None]}
    report = plan_transplant(old, **given)  # type: ignore[arg-type]
    path = "mlp_extractor.policy_net.0"
    assert report.left == (f"Frozen, as they were, are {path}.weight, {path}.bias.",)
    new = transplant(old, **given)  # type: ignore[arg-type]
    frozen = [p for p, each in new.policy.named_parameters() if not each.requires_grad]
    assert frozen == [f"{path}.weight", f"{path}.bias"]
    before = new.policy.mlp_extractor.policy_net[0].weight.clone()
    new.learn(32)
    assert torch.equal(new.policy.mlp_extractor.policy_net[0].weight, before)
    assert plan_transplant(trained("PPO"), env=env_of("PPO")).left == ()


def test_actions_that_occur_twice_are_told() -> None:
    found = {}
    for name in ("PPO", "DQN", "SAC", "TRPO"):
        env = env_of(name, actions=5)
        report = plan_transplant(trained(name), env=env, actions=[0, 1, 2, 3, 3])
        (found[name],) = [said for said in report.left if "same old one" in said]
    assert all("is chosen more often" in found[name] for name in ("PPO", "DQN"))
    assert "counts several times for critics" in found["SAC"]
    assert found["TRPO"] == "Some actions are the same old one."


def test_critics_share_the_weights_of_equal_actions() -> None:
    old, env = trained("SAC"), env_of("SAC", actions=5)
    given: dict[str, Any] = {"env": env, "actions": [0, 1, 2, 3, 3]}
    share = InputRules(repeated="share")
    assert "same old one." in plan_transplant(old, inputs=share, **given).left[0]
    new = transplant(old, inputs=share, **given)
    seen = torch.rand(8, OBSERVATIONS)
    acted = torch.rand(8, 4)
    ours = old.policy.critic(seen, acted)  # type: ignore[operator]
    theirs = new.policy.critic(seen, acted[:, [0, 1, 2, 3, 3]])  # type: ignore[operator]
    torch.testing.assert_close(theirs, ours)


def test_outputs_that_were_compared_without_memory_are_told() -> None:
    old = trained("RecurrentPPO")
    report = plan_transplant(old, env=env_of("RecurrentPPO"))
    assert report.left == (
        "How far outputs moved was measured with empty LSTM states.",
    )
    env = env_of("RecurrentPPO", actions=5)
    report = plan_transplant(old, env=env, actions=[0, 1, 2, 3, None])
    assert report.left[0].endswith("so were the outputs of new actions by their rule.")


def test_branches_whose_actions_are_spread_are_told() -> None:
    one, two = (Toy(5, spaces.MultiDiscrete(each)) for each in ([4], [2, 2]))
    old = PPO("MlpPolicy", one, n_steps=32, batch_size=16)
    (said,) = plan_transplant(old, env=two, actions=[0, 1, 2, 3]).left
    assert said.startswith("The actions of the old branches [0], of which one was")
    assert plan_transplant(old, env=one, actions=[3, 2, 1, 0]).left == ()


def test_groups_of_an_optimiser_that_is_not_built_are_told() -> None:
    old: Any = zoo.make_model("PPO", env=env_of("PPO"))
    old.policy.optimizer = grouped(old.policy)
    zoo.train(old)
    (said,) = plan_transplant(old, env=env_of("PPO")).left
    assert said.startswith("policy.optimizer has 2 groups") and "agent has 1:" in said
