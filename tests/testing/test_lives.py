"""Masks, and what a strategy says of itself; and that it can be used again."""

from typing import Any

import numpy as np
import pytest
import torch

from sb3_prune.exceptions import PluginError
from sb3_prune.strategies import AgentView, Strategy, WeightStrategy
from sb3_prune.testing import check_strategy

from .made import DropOne, Mixing


class BadMasks(DropOne):
    """Proposes masks that fit nothing."""

    masks: Any = None

    def propose_masks(self, agent: AgentView) -> Any:
        return self.masks


class UnknownMasks(BadMasks):
    """Masks a module that is not there."""

    masks: Any = {"nonsense": [1, 2]}  # noqa: RUF012


class ListMasks(BadMasks):
    """Has a list for a tensor."""

    masks: Any = {"actor.latent_pi.0": [True]}  # noqa: RUF012


class ShortMasks(BadMasks):
    """Has a mask of another shape."""

    masks: Any = {"actor.latent_pi.0": torch.ones(1, dtype=torch.bool)}  # noqa: RUF012


class NanMasks(DropOne):
    """Has numbers that say nothing."""

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        weight = agent.model.policy.get_submodule("actor.latent_pi.0").weight
        return {"actor.latent_pi.0": torch.full_like(weight.detach(), torch.nan)}  # type: ignore[call-overload]


class MasksItself(DropOne):
    """Changes weights in place."""

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            next(iter(agent.wiring.values())).module.weight[0, 0] = 0
        return {}


class MasksAtRandom(DropOne):
    """Moves torch's random state, for nothing."""

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        torch.rand(())
        return {}


class MasksByChance(DropOne):
    """Draws masks from a generator of its own."""

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        path, layer = next(iter(agent.wiring.items()))
        shape = layer.module.weight.shape
        return {path: torch.as_tensor(np.random.default_rng().random(shape) < 0.5)}


class GoodMasks(DropOne):
    """Draws masks as it should, twice."""

    name = "good-masks"

    def attach(self, agent: AgentView) -> None:
        del agent  # With hooks, each cut is tried on a copy.

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        if self.cuts > 1:
            return {}
        path, layer = next(iter(agent.wiring.items()))
        return {
            path: torch.as_tensor(agent.rng.random(layer.module.weight.shape) < 0.9)
        }


class NanScores(WeightStrategy):
    """Scores weights by no numbers."""

    name = "scores"

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        return weight * torch.nan


class ListScores(NanScores):
    """Scores weights by a list."""

    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        return weight.tolist()  # type: ignore[no-any-return]


class KeepsItsEnd(DropOne):
    """Has done its work also when it is used again."""

    def detach(self) -> None:
        self.unhook()


class CannotFinish(DropOne):
    """Raises in the end."""

    def finish(self) -> None:
        raise KeyError("gates")


class MergesInSilence(Mixing):
    """Does not say that it merges."""

    mixes = False  # type: ignore[assignment]


class MixesByMethod(DropOne):
    """Has a method for a property."""

    def mixes(self) -> bool:  # type: ignore[override]
        return False


class CompensatesByMethod(DropOne):
    """Has a method for a property."""

    def compensates(self) -> bool:  # type: ignore[override]
        return False


def test_masks_that_keep_the_contract() -> None:
    check_strategy(GoodMasks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (BadMasks, "propose_masks returns None, not a mapping"),
        (UnknownMasks, "a mask of 'nonsense', expected one of actor.latent_pi.0"),
        (ListMasks, r"has \[True\] for 'actor.latent_pi.0', expected a tensor"),
        (ShortMasks, r"expected a tensor of shape \(6, 3\)"),
        (NanMasks, r"has tensor\(\[\[nan(.|\n)* True where a weight stays"),
        (MasksItself, "changes the model itself in propose_masks"),
        (MasksAtRandom, "propose_masks leaves torch's global random state changed"),
        (MasksByChance, "two plans from equal random numbers differ"),
        (NanScores, "propose_masks raises NonFiniteError"),
        (ListScores, "propose_masks raises PlanError"),
        (KeepsItsEnd, "used again after detach, at progress 0.0: .* than a new one"),
        (CannotFinish, "finish, twice, raises KeyError: 'gates'"),
        (MergesInSilence, "merges units of 'actor.*', but mixes is False"),
        (MixesByMethod, "mixes is <.*, expected a property"),
        (CompensatesByMethod, "compensates is <.*, expected a property"),
    ],
)
def test_broken_strategies(cls: type[Strategy], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_strategy(cls)
