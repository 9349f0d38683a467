"""Ranges: bounds and kinds of numbers, in which old transitions may not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.entries import Part
from sb3_prune.transplanting.ids import Sources
from sb3_prune.transplanting.observing import ObservationMap, values_of


def other_bounds(old: Any, new: Any, actions: Sources) -> bool:
    """Tell whether carried continuous actions have other bounds.

    Args:
        old: The old space of actions.
        new: The new one.
        actions: Which old action each new one is.
    """
    if not all(isinstance(space, spaces.Box) for space in (old, new)):
        return False
    bounds = [np.stack([s.low.ravel(), s.high.ravel()]) for s in (old, new)]
    places = [(new, old) for new, old in enumerate(actions) if old is not None]
    return not all(np.array_equal(bounds[1][:, n], bounds[0][:, o]) for n, o in places)


def misfit(buffer: Any, seen: ObservationMap) -> str:
    """Return why observations cannot be those of the new agent; nothing if they can.

    Args:
        buffer: The replay buffer that has them.
        seen: Which old observation each new one is.
    """
    both = [by_key(each) for each in (buffer.observations, buffer.next_observations)]
    stored = [{k: v[: buffer.size()] for k, v in each.items()} for each in both]
    for part in (each for each in seen.new if each.kind != "choices"):
        for place, old, number in seen.carried(part):
            ours, theirs = old.space.dtype, part.space.dtype
            assert ours is not None and theirs is not None
            if not np.can_cast(ours, theirs, "same_kind"):
                return f"{part} of the new agent is of {theirs}, and was of {ours}"
            own, now = _bounds(old, number), _bounds(part, place)
            values = (values_of(old, each[old.key], number) for each in stored)
            if own != now and any(_is_beyond(each, now) for each in values):
                return f"it has values beyond the new bounds of {part}"
    return ""


def _bounds(part: Part, entry: int) -> tuple[float, float]:
    """Return the least and the largest number that an entry may be, at any place."""
    if not isinstance(part.space, spaces.Box):
        return 0.0, 1.0
    both = [values_of(part, end, entry) for end in (part.space.low, part.space.high)]
    return float(both[0].min()), float(both[1].max())


def _is_beyond(values: np.ndarray, bounds: tuple[float, float]) -> bool:
    return bool((values < bounds[0]).any() or (values > bounds[1]).any())
