"""Extras are what the policy itself says of its distribution and its values."""

from __future__ import annotations

from typing import Any

import exported
import numpy as np
import pytest
import torch
import zoo
from stable_baselines3.common.utils import obs_as_tensor

from exporting.test_tracing import asked
from sb3_prune.exporting.extras import scores

DISTRIBUTED = ["SAC", "PPO", "SAC-sde", "PPO-sde", "PPO-two", "TQC", "MaskablePPO"]
VALUED = ["SAC", "DQN", "QRDQN", "BranchingDQN", "TD3", "TQC", "PPO", "ValueSAC"]


def few(names: list[str]) -> list[Any]:
    return [
        n if n in ("SAC", "DQN") else pytest.param(n, marks=pytest.mark.slow)
        for n in names
    ]


def said(name: str, *extras: str) -> tuple[Any, torch.Tensor, dict[str, np.ndarray]]:
    model = exported.agent(name)
    raw = zoo.observations(model, 1, seed=5)
    agent = asked(exported.decision(name, *extras))
    found = {key: array[0] for key, array in agent.answers(raw).items()}
    return model.policy, obs_as_tensor(raw, "cpu"), found


def gaussian(policy: Any, observation: torch.Tensor) -> Any:
    """Return the normal distribution that a policy draws from before squashing."""
    if not hasattr(policy, "actor"):
        return policy.get_distribution(observation).distribution
    mean, log_std, more = policy.actor.get_action_dist_params(observation)
    found = policy.actor.action_dist.proba_distribution(mean, log_std, **more)
    return found.distribution


@pytest.mark.parametrize("name", few(DISTRIBUTED))
def test_distributions(name: str) -> None:
    """Its mode is the action, before that is squashed, scaled or clipped."""
    policy, observation, found = said(name, "distribution")
    policy.set_training_mode(False)
    with torch.no_grad():
        if "logits" in found:
            inner = policy.get_distribution(observation)
            parts = getattr(inner, "distributions", None) or inner.distribution
            parts = parts if isinstance(parts, list) else [parts]
            expected = {"logits": torch.cat([p.logits for p in parts], dim=1)[0]}
        else:
            normal = gaussian(policy, observation)
            expected = {"mean": normal.mean[0], "log_std": normal.stddev.log()[0]}
    for key, tensor in expected.items():
        np.testing.assert_allclose(found[key], tensor, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", few(VALUED))
def test_values(name: str) -> None:
    policy, observation, found = said(name, "value")
    policy.set_training_mode(False)
    with torch.no_grad():
        expected = _value(policy, observation)
    np.testing.assert_allclose(found["value"], expected[0], atol=1e-5)


def _value(policy: Any, observation: torch.Tensor) -> torch.Tensor:
    if hasattr(policy, "value"):
        return policy.value(observation)  # type: ignore[no-any-return]
    if hasattr(policy, "quantile_net"):
        return policy.quantile_net(observation).mean(dim=1)  # type: ignore[no-any-return]
    if hasattr(policy, "q_net"):
        return policy.q_net(observation)  # type: ignore[no-any-return]
    if hasattr(policy, "predict_values"):
        return policy.predict_values(observation)  # type: ignore[no-any-return]
    action = (
        policy.actor(observation, deterministic=True)
        if hasattr(policy.actor, "action_dist")
        else policy.actor(observation)
    )
    values = policy.critic(observation, action)
    if isinstance(values, torch.Tensor):
        return values.mean(dim=(1, 2))[:, None]
    return torch.stack(values).amin(0)


def test_scores_are_what_choices_are_made_by() -> None:
    model = exported.agent("DQN")
    observation = obs_as_tensor(zoo.observations(model, 8), "cpu")
    with torch.no_grad():
        found = scores(model.policy, observation)
    assert found is not None
    chosen, _ = model.predict(observation.numpy(), deterministic=True)
    np.testing.assert_array_equal(found.argmax(dim=1), chosen)
    assert scores(exported.agent("SAC").policy, observation) is None
