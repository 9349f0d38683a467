"""What no sample may show is refused by name."""

from __future__ import annotations

from typing import Any

import exported
import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
import zoo
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.refusals import check_exportable
from sb3_prune.exporting.tracing import trace


class Careful(ActorCriticPolicy):
    """Does nothing where an observation is near the end of its space."""

    def predict(self, observation: Any, *args: Any, **kwargs: Any) -> Any:
        action, state = super().predict(observation, *args, **kwargs)
        rare = np.abs(observation).max(axis=-1, keepdims=True) > 0.999999
        return np.where(rare, 0, action), state


class Rounding(ActorCriticPolicy):
    """Reads fewer digits."""

    def obs_to_tensor(self, observation: Any) -> Any:
        tensor, batched = super().obs_to_tensor(observation)
        return tensor.round(decimals=6), batched


class Halting(sb3.PPO):
    """Acts in its own way, as an algorithm."""

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        action, state = super().predict(*args, **kwargs)
        return action * 0, state


@pytest.mark.parametrize(
    ("algorithm", "policy", "method"),
    [
        (sb3.PPO, Careful, "Careful overrides predict"),
        (sb3.PPO, Rounding, "Rounding overrides obs_to_tensor"),
        (Halting, "MlpPolicy", "Halting overrides predict"),
    ],
)
def test_code_around_the_networks(algorithm: Any, policy: Any, method: str) -> None:
    model = exported.anyhow(exported.BOX, exported.BOX, algorithm, policy)
    with pytest.raises(ExportError, match=method):
        trace(model)


def test_a_method_of_one_policy_alone() -> None:
    model = zoo.make_model("PPO")
    model.policy.unscale_action = lambda action: action  # type: ignore[method-assign]
    with pytest.raises(ExportError, match="overrides unscale_action"):
        check_exportable(model)


def test_a_policy_may_predict_in_its_own_way() -> None:
    class Half(ActorCriticPolicy):
        def _predict(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            return super()._predict(*args, **kwargs) * 0.5

    check_exportable(exported.anyhow(exported.BOX, exported.BOX, policy=Half))


def test_nan() -> None:
    model = zoo.make_model("DQN")
    with torch.no_grad():
        model.policy.q_net.q_net[0].weight[0, 0] = torch.nan
    with pytest.raises(ExportError, match=r"NaN in its parameter 'q_net\.q_net"):
        trace(model)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_agents_of_ours_are_not_refused(name: str) -> None:
    check_exportable(zoo.trained(name))
