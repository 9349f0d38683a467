"""A training as a strategy sees it: looks at an agent, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.pruning import look_at
from sb3_prune.strategies.base import AgentView, Strategy
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.surgeon import apply
from sb3_prune.surgery.weight_masks import mask_weights, maskable
from sb3_prune.surgery.wiring import wire
from sb3_prune.testing.saving import Saved, restored
from sb3_prune.testing.states import (
    are_equal,
    blaming,
    perturb,
    random_states,
    twin_of,
    weights_of,
)

LOOKS = (0.0, 0.3, 0.5, 0.501, 0.9, 1.0)
"""Shares of training at which strategies are asked; between two pairs of them, most
schedules have no event."""

Tensors = dict[str, torch.Tensor]


class Life:
    """The looks of a strategy at one model, whose weights move in between.

    Strategies that were restored at earlier looks look as well.

    Args:
        strategy: The strategy.
        model: The model, which is pruned.
        where: Where the check is, for errors.
    """

    def __init__(self, strategy: Strategy, model: BaseAlgorithm, where: str) -> None:
        self.strategy, self.model, self.where = strategy, model, where
        self._restored: list[Strategy] = []
        self._saved: list[Saved] = []

    def look(self, progress: float) -> None:
        """Ask for masks and a plan, and carry them out.

        Args:
            progress: Share of training done, in [0, 1].

        Raises:
            PluginError: The strategy breaks its contract.
        """
        where = f"{self.where} at progress {progress}"
        if self._saved:
            perturb(self.model, len(self._saved))
        saved = Saved(self.strategy, where)
        self._saved.append(saved)
        spare, new = (restored(self.strategy, saved, where) for _ in range(2))
        self._restored.append(new)
        all_of_them = [self.strategy, *self._restored, spare]
        masks = [ask_masks(s, self.model, progress, where) for s in all_of_them]
        _check_replays(masks, where)
        if masks[0]:
            with blaming(f"{where}: carrying out its masks"):
                mask_weights(self.model, masks[0])
        plans = [ask_plan(s, self.model, progress, where) for s in all_of_them]
        _check_replays([tensors_of(plan) for plan in plans], where)
        _check_says(self.strategy, plans[0], where)
        self._check_saved(all_of_them, where)
        _detach(spare, where)
        with blaming(f"{where}: applying its plan"):
            apply(self.model, plans[0])

    def _check_saved(self, strategies: Sequence[Strategy], where: str) -> None:
        for saved in self._saved:
            saved.check(where)
        texts = [Saved(strategy, where).text for strategy in strategies]
        for text in texts[1:]:
            if text != texts[0]:
                raise PluginError(
                    f"{where}: a strategy that was restored from its saved state saves "
                    f"{text} after this look, expected {texts[0]}, as the one that "
                    "went on: state_dict must hold all that propose changes."
                )

    def end(self) -> None:
        """End the training, which detaches every strategy.

        Raises:
            PluginError: The strategy breaks its contract.
        """
        self._saved.append(Saved(self.strategy, self.where))
        with blaming(f"{self.where}: finish, twice,"):
            self.strategy.finish()
            self.strategy.finish()
        for each in (*self._restored, self.strategy):
            _detach(each, self.where)
        for saved in self._saved:
            saved.check(f"{self.where}, after detach")


def check_again(strategy: Strategy, model: BaseAlgorithm, where: str) -> None:
    """Check that a strategy whose training has ended does as a new one.

    Args:
        strategy: The strategy, detached.
        model: A model that it has not seen.
        where: Where the check is, for errors.

    Raises:
        PluginError: It proposes something else.
    """
    with blaming(f"{where}: building it anew"):
        both = [strategy, build(type(strategy), strategy.config)]
    models = [model, twin_of(model)]
    for progress in LOOKS:
        now = f"{where}, used again after detach, at progress {progress}"
        old, new = (
            ask_masks(s, m, progress, now) | tensors_of(ask_plan(s, m, progress, now))
            for s, m in zip(both, models, strict=True)
        )
        if not are_equal(old, new):
            raise PluginError(
                f"{now}: the strategy proposes something else than a new one would, "
                "expected detach to make it as new."
            )
    for each in both:
        _detach(each, where)


def _detach(strategy: Strategy, where: str) -> None:
    with blaming(f"{where}: detach, twice,"):
        strategy.detach()
        strategy.detach()


def ask_masks(
    strategy: Strategy, model: BaseAlgorithm, progress: float, where: str
) -> Tensors:
    """Return the masks that a strategy proposes.

    Raises:
        PluginError: They do not fit, or the strategy changes something itself.
    """
    masks = _ask(strategy, "propose_masks", model, progress, where)
    if not isinstance(masks, Mapping):
        raise PluginError(f"{where}: propose_masks returns {masks!r}, not a mapping.")
    known = maskable(model.policy)
    for path, mask in masks.items():
        if path not in known:
            raise PluginError(
                f"{where}: propose_masks has a mask of {path!r}, expected one of "
                f"{', '.join(known)}."
            )
        shape = tuple(known[path].weight.shape)
        if not _is_mask(mask, shape):
            raise PluginError(
                f"{where}: propose_masks has {mask!r} for '{path}', expected a tensor "
                f"of shape {shape}, True where a weight stays."
            )
    return dict(masks)


def _is_mask(mask: object, shape: tuple[int, ...]) -> bool:
    # Zeros and ones of any type will do, as when masks are carried out.
    if not isinstance(mask, torch.Tensor) or mask.shape != shape or mask.is_complex():
        return False
    return bool(((mask == 0) | (mask == 1)).all())


def ask_plan(
    strategy: Strategy, model: BaseAlgorithm, progress: float, where: str
) -> Plan:
    """Return the plan that a strategy proposes.

    Raises:
        PluginError: It does not fit, or the strategy changes something itself.
    """
    plan = _ask(strategy, "propose", model, progress, where)
    if not isinstance(plan, Plan):
        raise PluginError(f"{where}: propose returns {plan!r}, expected a Plan.")
    units = wire(model.policy).units()
    for name, change in plan.items():
        if name not in units:
            known = ", ".join(units)
            raise PluginError(f"{where}: no layer '{name}', expected one of {known}.")
        if change.before != units[name]:
            raise PluginError(
                f"{where}: the change of '{name}' is for {change.before} units, "
                f"expected {units[name]}."
            )
    return plan


def _ask(
    strategy: Strategy, method: str, model: BaseAlgorithm, progress: float, where: str
) -> Any:
    agent: AgentView = look_at(model, progress, np.random.default_rng(0))
    weights, states = weights_of(model), random_states()
    with blaming(f"{where}: attach, twice,"):
        strategy.attach(agent)
        strategy.attach(agent)
    with blaming(f"{where}: {method}"):
        found = getattr(strategy, method)(agent)
    if not are_equal(weights, weights_of(model)):
        raise PluginError(
            f"{where}: the strategy changes the model itself in {method}, expected "
            "only a proposal."
        )
    for name, state in random_states().items():
        if state != states[name]:
            raise PluginError(
                f"{where}: {method} leaves {name} changed, expected agent.rng as the "
                "only source of randomness."
            )
    return found


def _check_replays(found: Sequence[Tensors], where: str) -> None:
    """Check proposals: of the strategy, of restored ones, the last two from now."""
    first, *earlier, new, spare = found
    if not are_equal(new, spare):
        raise PluginError(
            f"{where}: two plans from equal random numbers differ, expected agent.rng "
            "as the only source of randomness."
        )
    for each in (new, *earlier):
        if not are_equal(first, each):
            when = "" if each is new else " at an earlier look"
            raise PluginError(
                f"{where}: restored from its saved state{when}, the strategy proposes "
                "another plan, expected state_dict to hold all that propose needs."
            )


def tensors_of(plan: Plan) -> Tensors:
    """Return all numbers of a plan, by layer and field."""
    fields = ("rows", "columns", "draws", "seeds", "shifts")
    return {
        f"{name}/{field}": torch.as_tensor(getattr(change, field))
        for name, change in plan.items()
        for field in fields
    }


def _check_says(strategy: Strategy, plan: Plan, where: str) -> None:
    """Check what a strategy says of itself."""
    for name, known in (("mixes", (True, False)), ("compensates", (True, False, None))):
        with blaming(f"{where}: {name}"):
            value = getattr(strategy, name)
        if not any(value is each for each in known):
            raise PluginError(
                f"{where}: {name} is {value!r}, expected a property that is one of "
                f"{', '.join(map(str, known))}."
            )
    merged = [layer for layer, change in plan.items() if _merges(change)]
    if merged and not strategy.mixes:
        raise PluginError(
            f"{where}: the plan merges units of '{merged[0]}', but mixes is False; "
            "expected True, for no gate can merge."
        )


def _merges(change: Change) -> bool:
    """Tell whether units stand for several others, or take some over."""
    several = change.rows.count_nonzero(1) > 1, change.columns.count_nonzero(0) > 1
    return bool(change.shifts.any()) or any(bool(each.any()) for each in several)
