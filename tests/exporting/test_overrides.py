"""Tests for exporting/overrides.py: classes of users that say something else."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from stable_baselines3.sac.policies import Actor, SACPolicy

import sb3_prune as sp
from sb3_prune.exceptions import CompactError


class Doubling(Actor):
    """Has other means."""

    def get_action_dist_params(self, obs: Any) -> Any:
        mean, log_std, rest = super().get_action_dist_params(obs)
        return 2 * mean, log_std, rest


class Doubles(sp.MaskedSACPolicy):
    """Has an actor of its own."""

    def make_actor(self, features_extractor: Any = None) -> Any:
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return Doubling(**kwargs).to(self.device)


class Unscaled(sp.MaskedSACPolicy):
    """Scales actions in its own way."""

    def unscale_action(self, scaled_action: Any) -> Any:
        return -super().unscale_action(scaled_action)


class Contrary(sp.MaskedActorCriticPolicy):
    """Has other distributions."""

    def get_distribution(self, obs: Any) -> Any:
        found: Any = super().get_distribution(obs)
        return found.proba_distribution(-found.distribution.logits)


class First(sp.MaskedDQNPolicy):
    """Always takes one action."""

    def _predict(self, obs: Any, deterministic: bool = True) -> Any:
        return 0 * super()._predict(obs, deterministic)


class FirstOfEach(sp.BranchingDQNPolicy):
    """Always takes the first action of each branch."""

    def _predict(self, obs: Any, deterministic: bool = True) -> Any:
        return 0 * super()._predict(obs, deterministic)


LOST = {
    "SAC": (Doubles, Unscaled),
    "A2C": (Contrary,),
    "DQN": (First,),
    "BranchingDQN": (FirstOfEach,),
}
CASES = [(name, cls) for name, classes in LOST.items() for cls in classes]


@pytest.mark.parametrize(("name", "cls"), CASES)
def test_what_a_users_class_overrides_is_not_lost(name: str, cls: type) -> None:
    model = zoo.make_model(name, policy=cls)
    with pytest.raises(CompactError, match=f"{cls.__name__} says something else than"):
        sp.compact(model)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_class_that_overrides_nothing_is_compacted(name: str) -> None:
    policy = type(zoo.trained(name).policy)
    mine = type("Mine", (policy,), {"__module__": __name__})
    model = zoo.train(zoo.make_model(name, policy=mine))
    sp.apply(model, zoo.random_plan(model.policy))
    plain = sp.compact(model)
    assert not type(plain.policy).__module__.startswith(("sb3_prune", __name__))
    if name == "SAC":
        assert type(plain.policy) is SACPolicy
