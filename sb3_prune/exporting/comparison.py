"""Comparison: an export and its agent side by side, on one batch after another."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.accepting import accepted, at_least_one
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.extras import additional, scores
from sb3_prune.exporting.ports import policy_inputs
from sb3_prune.exporting.rounding import MOST, SHARE, Ask, rounding
from sb3_prune.exporting.samples import Batch, draw_masks
from sb3_prune.exporting.ties import limit, tied
from sb3_prune.surgery.flow.quiet import quiet

ALONE = 3
"""Number of observations of each batch that are also given without a batch."""
BESIDE = 100
"""Number of observations of each batch on which additional outputs are compared."""
Choices = tuple[int, np.ndarray, np.ndarray]
"""An observation's row, the choice of the export, and that of the agent."""
STEPS = 20
"""Length of the sequences on which agents with a memory are compared."""


def _decided(policy: Any, *inputs: Any) -> Any:
    return policy._predict(*inputs, deterministic=True)


@dataclass(frozen=True)
class Rest:
    """What an agent gets beside observations, for some of them."""

    state: tuple[np.ndarray, ...] | None
    """State of its LSTMs, (layers, rows, units) each."""
    starts: np.ndarray
    """Whether an episode begins, (rows,)."""
    masks: np.ndarray | None
    """Which actions are allowed, (rows, ...)."""

    def rows(self, chosen: slice) -> Rest:
        """Return what belongs to some of the observations."""
        state = self.state and tuple(each[:, chosen] for each in self.state)
        masks = None if self.masks is None else self.masks[chosen]
        return Rest(state, self.starts[chosen], masks)

    def inputs(self, policy: Any, observations: Any) -> list[Any]:
        """Return what the networks of a policy get with these observations."""
        memory = self.state, self.starts
        return policy_inputs(policy, observations, memory, self.masks)


@dataclass
class Comparison:
    """Compares an export with its agent.

    Args:
        agent: The export.
        model: The agent.
        statistics: Those that its observations are normalised by.
        rng: Where episode starts and masks come from.
        tolerance: Largest difference.
        alone: Number of observations of each batch that are also given without one.

    Attributes:
        rounding: How far the agent itself rounds, where that excused a difference.
        seen: The agent's actions so far.
    """

    agent: Agent
    model: BaseAlgorithm
    statistics: VecNormalize | None
    rng: np.random.Generator
    tolerance: float
    alone: int = ALONE
    rounding: float = 0.0
    seen: list[np.ndarray] = field(default_factory=list)

    @property
    def varied(self) -> bool:
        """Whether every entry of the agent's actions took more than one value."""
        actions = np.concatenate([each.reshape(len(each), -1) for each in self.seen])
        return bool((actions != actions[0]).any(axis=0).all())

    def run(self, name: str, batch: Batch) -> tuple[float, int]:
        """Return the largest difference of actions and the number of ties."""
        rows = len(next(iter(batch.values())))
        remembers = isinstance(self.model.policy, RecurrentActorCriticPolicy)
        width = -(-rows // STEPS) if remembers else rows
        worst, ties, state = 0.0, 0, None
        for begin in range(0, rows, width):
            part = {key: array[begin : begin + width] for key, array in batch.items()}
            count = len(next(iter(part.values())))
            if state is not None:
                state = tuple(each[:, :count] for each in state)
            difference, tied, state = self._step(f"{name} {begin}", part, state)
            worst, ties = max(worst, difference), ties + tied
        return worst, ties

    def _step(self, where: str, part: Batch, state: Any) -> tuple[float, int, Any]:
        raw: Any = part.get("", part)
        count = len(next(iter(part.values())))
        starts = self.rng.random(count) < 1 / STEPS
        masks = draw_masks(self.agent.facts, count, self.rng)
        rest = Rest(state, starts, masks)
        # Some networks write into what they read.
        read = copy.deepcopy(raw)
        if self.statistics is not None:
            read = self.statistics.normalize_obs(read)
        (expected, new), (found, memory) = self._both(where, read, raw, rest)
        self.seen.append(expected)
        self._alone(where, part, rest, found)
        self._extras(where, part, read, rest)
        inputs = rest.inputs(self.model.policy, read)
        if new is not None and memory is not None:
            self._states(where, inputs, memory, new)
        if isinstance(self.model.action_space, spaces.Box):
            return self._numbers(where, inputs, found, expected), 0, new
        return 0.0, self._ties(where, read, rest, found, expected), new

    def _states(self, where: str, inputs: list[Any], found: Any, expected: Any) -> None:
        """Check what the export remembers."""
        for i, (given, wanted) in enumerate(zip(found, expected, strict=True)):
            granted = partial(self._granted, _decided, inputs, 1 + i)
            most = self.tolerance * at_least_one(wanted)
            self._close(f"state, {where}", given, wanted, most, granted)

    def _numbers(
        self, where: str, inputs: list[Any], found: Any, expected: Any
    ) -> float:
        """Check continuous actions; return by how much they differ."""
        space: Any = self.model.action_space
        squashed = self.model.policy.squash_output
        unit: Any = (space.high - space.low) / 2 if squashed else 1.0
        most, largest = accepted(space, expected, self.tolerance, squashed=squashed)
        granted = partial(self._granted, _decided, inputs, 0, unit)
        return self._close(f"action, {where}", found, expected, most, granted, largest)

    def _both(self, where: str, read: Any, raw: Any, rest: Rest) -> tuple[Any, Any]:
        """Return the actions and states of the agent, and those of its export."""
        state, starts, masks = rest.state, rest.starts, rest.masks
        more = {} if masks is None else {"action_masks": masks}
        try:
            ours = self.model.predict(read, state, starts, deterministic=True, **more)
        except Exception as error:  # The networks may be anybody's.
            raise ExportError(
                f"The agent itself fails ({where}): {error!r}. Nothing was written."
            ) from error
        try:
            theirs = self.agent.predict(raw, state, starts, action_masks=masks)
        except Exception as error:  # Somebody else's code runs it.
            raise ExportError(
                f"The export fails ({where}): {error!r}. Nothing was written."
            ) from error
        return ours, theirs

    def _alone(self, where: str, part: Batch, rest: Rest, found: np.ndarray) -> None:
        """Check that one observation, which loaders may treat apart, acts equally."""
        for row in range(min(self.alone, len(found))):
            one: Any = {key: array[row] for key, array in part.items()}
            own = rest.rows(slice(row, row + 1))
            mask = None if own.masks is None else own.masks[0]
            given, _ = self.agent.predict(
                one.get("", one), own.state, own.starts, action_masks=mask
            )
            if not np.array_equal(given, found[row], equal_nan=True):
                raise ExportError(
                    f"The export acts differently on one observation and on a batch "
                    f"({where}, row {row}): {given}, {found[row]}. Nothing was written."
                )

    def _extras(self, where: str, part: Batch, read: Any, rest: Rest) -> None:
        """Check what the export says besides the action, on some observations."""
        names = self.agent.facts["extras"]
        if not names:
            return
        few = slice(BESIDE)
        first, own = {key: array[few] for key, array in part.items()}, rest.rows(few)
        given = first.get("", first)
        found = self.agent.answers(given, own.state, own.starts, own.masks)
        seen = {k: a[few] for k, a in read.items()} if "" not in part else read[few]
        inputs = own.inputs(self.model.policy, seen)

        def ask(policy: Any, *given: Any) -> dict[str, torch.Tensor]:
            return additional(policy, names, *given)

        with quiet(self.model.policy):
            wanted = ask(self.model.policy, *inputs)
        ports = {each["kind"]: each["name"] for each in self.agent.facts["outputs"]}
        for i, (kind, tensor) in enumerate(wanted.items()):
            expected, what = tensor.cpu().numpy(), f"{kind}, {where}"
            granted = partial(self._granted, ask, inputs, i)
            most = self.tolerance * at_least_one(expected)
            self._close(what, found[ports[kind]], expected, most, granted)

    def _granted(self, ask: Ask, inputs: list[Any], at: int, unit: Any = 1.0) -> Any:
        """Return the difference that the agent's own rounding grants."""
        if isinstance(self.model.policy, MaskableActorCriticPolicy):
            return 0.0  # What a mask forbids has a logit of -1e8, which rounds by 8.
        found = np.asarray(rounding(self.model.policy, ask, inputs)[at]) * unit
        self.rounding = max(self.rounding, float(found.max()))
        return SHARE * found

    def _close(
        self,
        what: str,
        found: Any,
        expected: Any,
        most: Any,
        granted: Callable[[], Any],
        largest: Any = 0.0,
    ) -> float:
        """Check that numbers differ by at most so much; return by how much they do."""
        apart = np.abs(np.asarray(found, np.float64) - expected)
        if not (apart <= most).all():
            largest = np.maximum(largest, MOST * most)
            most = np.maximum(most, np.minimum(granted(), largest))
        wrong = ~(apart <= most)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ExportError(
                f"The export acts differently ({what}, entry {at}): "
                f"{found[at]}, expected {expected[at]}; accepted was a difference of "
                f"{np.broadcast_to(most, apart.shape)[at]:.1e}. Nothing was written."
            )
        return float(apart.max(initial=0.0))

    def _ties(
        self, where: str, read: Any, rest: Rest, found: Any, expected: Any
    ) -> int:
        """Check choices; return how many differ where the agent sees no difference."""
        different = np.asarray(found) != expected
        if not different.any():
            return 0
        rows = np.flatnonzero(different.reshape(len(different), -1).any(axis=1))
        inputs, masks = rest.inputs(self.model.policy, read), rest.masks
        known = self._scores(inputs)
        pairs = [
            (int(row), np.ravel(found[row]), np.ravel(expected[row])) for row in rows
        ]
        wrong = self._untied(pairs, known, masks, 0.0)
        if wrong and known is not None:
            most = MOST * float(limit(known, self.tolerance).max())
            granted = min(self._granted(scores, inputs, 0), most)
            wrong = self._untied(wrong, known, masks, granted)
        for row, one, other in wrong:
            raise ExportError(
                f"The export acts differently ({where}, row {row}): {one.tolist()}"
                f", expected {other.tolist()}. Nothing was written."
            )
        return len(rows)

    def _untied(
        self, pairs: list[Choices], known: Any, masks: Any, granted: float
    ) -> list[Choices]:
        """Return the choices that differ where the agent does see a difference."""
        if known is None:
            return pairs
        space, tolerance = self.model.action_space, self.tolerance
        return [
            (row, one, other)
            for row, one, other in pairs
            if not tied(
                space,
                known[row],
                one,
                other,
                tolerance,
                granted,
                None if masks is None else masks[row],
            )
        ]

    @torch.no_grad()
    def _scores(self, inputs: list[Any]) -> np.ndarray | None:
        policy: Any = self.model.policy
        with quiet(policy):
            found = scores(policy, *inputs)
        return None if found is None else found.cpu().numpy()
