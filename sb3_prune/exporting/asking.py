"""Asking: ask an exported agent for actions, with the ``predict`` of Stable-Baselines3.

This file needs NumPy only: exports that come as Python hold a copy of its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Arrays = Sequence[np.ndarray]
IMAGE_AXES = 3
NUMBERS = "biuf"
"""Kinds of arrays that hold numbers; of text, dates and objects some can be cast."""


class Agent:
    """An exported agent.

    Args:
        facts: What the export says of itself: ``inputs`` and ``outputs`` with name,
            shape, dtype, kind and key, the spaces, how the agent was checked.
        run: Function of one array per input, each with a batch axis of size 1 in front,
            that returns one array per output.
    """

    def __init__(self, facts: Mapping[str, Any], run: Callable[..., Arrays]) -> None:
        self.facts, self.run = facts, run
        self._inputs = facts["inputs"]
        kinds = {each["kind"] for each in self._inputs}
        self._masked, self._recurrent = "action_mask" in kinds, "state" in kinds
        self._observed = [e for e in self._inputs if e["kind"] == "observation"]
        self._keyed = self._observed[0]["key"] is not None
        self._action_shape = tuple(facts["outputs"][0]["shape"])

    def predict(
        self,
        observation: Any,
        state: Arrays | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Return the actions for one observation or for a batch, and the new states.

        Args:
            observation: Raw observation, or a batch of them; arrays or a dictionary.
                Images may have their channels first, or last as a camera has.
            state: States of the memory, two arrays (layers, batch, units); None begins
                with zeros. Only agents with a memory have any.
            episode_start: Whether an episode begins, (batch,); then states count as 0.
            deterministic: Must be true: exports act greedily.
            action_masks: For agents that were trained with masks: which actions are
                allowed, (batch, actions) or (actions,); None allows all.

        Returns:
            The actions as the environment takes them, and the new states or None.

        Raises:
            ValueError: An observation or a state is NaN, or an observation is outside
                of its choices or of the whole numbers of its type, no number, lacks a
                key, or has a wrong shape, or no action is allowed; or ``deterministic``
                is false.
        """
        if not deterministic:
            raise ValueError("An export acts greedily: deterministic must be True.")
        parts, batched = self._parts(observation)
        found = self._ask(parts, state, episode_start, action_masks)
        actions = np.concatenate([each[0] for each in found])
        new = None
        if self._recurrent:
            new = tuple(
                np.concatenate([each[k] for each in found]).swapaxes(0, 1)
                for k in (1, 2)
            )
        return (actions if batched else actions[0]), new

    def answers(
        self,
        observation: Any,
        state: Arrays | None = None,
        episode_start: Any = None,
        action_masks: Any = None,
    ) -> dict[str, np.ndarray]:
        """Return all outputs by name, each (batch, ...); see :meth:`predict`."""
        parts, _ = self._parts(observation)
        found = self._ask(parts, state, episode_start, action_masks)
        names = [each["name"] for each in self.facts["outputs"]]
        return {n: np.concatenate([f[k] for f in found]) for k, n in enumerate(names)}

    def _ask(self, parts: list[np.ndarray], *others: Any) -> list[Arrays]:
        """Return the outputs of each observation of a batch, with a batch axis."""
        count = len(parts[0])
        if not count:
            raise ValueError("The batch has no observation.")
        rows = [*parts, *self._others(count, *others)]
        return [self.run(*(a[i : i + 1] for a in rows)) for i in range(count)]

    def _parts(self, observation: Any) -> tuple[list[np.ndarray], bool]:
        """Return a batch of each part of the observations, and whether it was one."""
        keys = [each["key"] for each in self._observed]
        if self._keyed and not (
            isinstance(observation, Mapping) and all(key in observation for key in keys)
        ):
            raise ValueError(f"The observation must be a dictionary with {keys}.")
        found = []
        for each in self._observed:
            part = observation[each["key"]] if self._keyed else observation
            found.append(_batch(np.asarray(part), each))
        if len({len(array) for array, _ in found}) > 1:
            raise ValueError("The parts of the observation have different batch sizes.")
        return [array for array, _ in found], any(batched for _, batched in found)

    def _others(
        self, count: int, state: Any, episode_start: Any, action_masks: Any
    ) -> list[np.ndarray]:
        """Return the arrays of all other inputs."""
        if self._masked:
            (port,) = [e for e in self._inputs if e["kind"] == "action_mask"]
            return [_masks(action_masks, count, port["shape"][0], port["branches"])]
        if action_masks is not None:
            raise ValueError("This agent was not trained with action masks.")
        if not self._recurrent:
            return []
        ports = [e for e in self._inputs if e["kind"] == "state"]
        if state is None:
            state = [np.zeros((p["shape"][0], count, p["shape"][1])) for p in ports]
        starts = np.zeros(count) if episode_start is None else episode_start
        states = [np.asarray(s, np.float32).swapaxes(0, 1) for s in state]
        for given, port in zip(states, ports, strict=True):
            if given.shape != (count, *port["shape"]):
                wanted = (port["shape"][0], count, port["shape"][1])
                raise ValueError(f"A state must have the shape {wanted}.")
        others = [*states, np.asarray(starts, np.float32).reshape(count)]
        if any(np.isnan(each).any() for each in others):
            raise ValueError("The states or the starts of episodes have NaN.")
        return others


def _batch(array: np.ndarray, port: Mapping[str, Any]) -> tuple[np.ndarray, bool]:
    """Return a batch of one part of the observations, and whether it was one."""
    if array.dtype.kind not in NUMBERS:
        raise ValueError(f"{port['name']} must be numbers, got {array.dtype}.")
    shape = tuple(port["shape"])
    turned = shape[1:] + shape[:1]  # A camera's image: height, width, channels.
    image = len(shape) == IMAGE_AXES and port["dtype"] == "uint8"
    if image and array.shape[-IMAGE_AXES:] == turned != shape:
        array = np.moveaxis(array, -1, -3)
    batched = array.ndim == len(shape) + 1
    if array.shape[batched:] != shape:
        raise ValueError(
            f"{port['name']} must have the shape {shape}, or (batch, *shape); "
            f"got {array.shape}."
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{port['name']} has NaN.")
    if port["choices"] is not None:
        most = np.asarray(port["choices"])
        if ((array < 0) | (array >= most)).any():
            raise ValueError(f"{port['name']} must be at least 0 and below {most}.")
    return _typed(array if batched else array[None], port), batched


def _typed(array: np.ndarray, port: Mapping[str, Any]) -> np.ndarray:
    """Return an array in the type of an input, which may round but not wrap or cut."""
    wanted = np.dtype(port["dtype"])
    with np.errstate(invalid="ignore"):
        found = array.astype(wanted, copy=False)
    if (
        wanted.kind != "f"
        and array.dtype != wanted
        and not np.array_equal(found, array)
    ):
        raise ValueError(f"{port['name']} must have numbers that {wanted} can hold.")
    return found


def _masks(given: Any, count: int, entries: int, branches: Sequence[int]) -> np.ndarray:
    """Return which actions are allowed, (batch, entries)."""
    given = np.ones((count, entries)) if given is None else given
    masks = np.atleast_1d(np.asarray(given, bool))
    masks = masks if len(masks) == count and masks.ndim > 1 else masks[None]
    if masks.shape[0] != count or masks[0].size != entries:
        raise ValueError(
            f"There must be {count} action masks of {entries} entries, got the shape "
            f"{np.shape(given)}."
        )
    masks = masks.reshape(count, entries)
    ends = np.cumsum(branches)[:-1]
    if not all(part.any(axis=1).all() for part in np.split(masks, ends, axis=1)):
        raise ValueError("A mask allows no action.")
    return masks
