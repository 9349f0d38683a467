"""Pairing: read which new observation is which old one from what a user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.preprocessing import is_image_space
from torch import nn

from sb3_prune.exceptions import TransplantError, UnknownNameError
from sb3_prune.transplanting.entries import Part, find_parts
from sb3_prune.transplanting.ids import Sources, pair
from sb3_prune.transplanting.observing import ObservationMap, Shift, require_kinds

OBSERVATIONS = "observations"
SIDES = ("height", "width")
IMAGE = ("channels", *SIDES)


def pair_observations(old: nn.Module, new: nn.Module, given: Any) -> ObservationMap:
    """Return which new observation is which old one.

    Args:
        old: The policy of the old agent.
        new: That of the new one.
        given: None if all stay. For one part a map as :func:`~.ids.pair` reads it; for
            an image also a mapping with ``channels``, ``height`` and ``width``. For
            dictionaries a mapping from new keys to such maps, to the old key of equal
            observations, or to None for what is new; other keys stay. Or ``{"old":
            names, "new": names}`` for all parts, where the names of a dictionary are
            lists by key.

    Raises:
        TransplantError: The map is missing although something differs, or it names
            what does not exist, or makes something else of an entry.
    """
    ours, theirs = find_parts(old), find_parts(new)
    if (
        isinstance(given, Mapping)
        and set(given) == {"old", "new"}
        and _keyed(ours, theirs)
    ):
        sources, shifts = _by_name(ours, theirs, given), dict[str, Shift]()
    elif not ours[0].key and not theirs[0].key:
        sources, shifts = _single(ours[0], theirs[0], given)
    else:
        sources, shifts = _by_key(ours, theirs, given)
    if all(source is None for source in sources):
        raise TransplantError(
            f"All observations are new in {given!r}: nothing would be carried over."
        )
    found = ObservationMap(old=ours, new=theirs, sources=sources, shifts=shifts)
    require_kinds(found)
    _check_sizes(found)
    _check_networks(old, new, found)
    _check_scales(old, new, found)
    return found


def _keyed(*parts: tuple[Part, ...]) -> bool:
    return any(each[0].key for each in parts)


Found = tuple[Sources, dict[str, Shift]]


def _single(old: Part, new: Part, given: Any) -> Found:
    """Pair two parts; sources count from the old part's first entry on."""
    what = f"{OBSERVATIONS} of '{new.key}'" if new.key else OBSERVATIONS
    if new.kind == "image" and isinstance(given, Mapping) and set(given) & set(IMAGE):
        if odd := set(given) - set(IMAGE):
            raise UnknownNameError(
                "entry of the map of an image", sorted(odd)[0], IMAGE
            )
        sides = zip(SIDES, old.size, new.size, strict=True)
        shift = [_moved(what, side, given.get(side), *sizes) for side, *sizes in sides]
        sources = pair(what, given.get("channels"), old.count, new.count)
        return sources, {new.key: (shift[0], shift[1])}
    _check_same(what, old, new, given)
    return pair(what, given, old.count, new.count), {}


def _check_same(what: str, old: Part, new: Part, given: Any) -> None:
    """Check that what is given without a map is of one kind and size."""
    if old.size != new.size and old.kind == new.kind == "image":
        raise TransplantError(
            f"The old {what} are images of {old.size}, the new ones of {new.size}: say "
            'which rows and columns stay by {"height": map, "width": map}.'
        )
    kinds = old.kind == new.kind
    if given is None and kinds and old.branches != new.branches:
        raise TransplantError(
            f"The old {what} have the choices {old.branches}, the new ones "
            f"{new.branches}: say which are which by a map."
        )


def _moved(what: str, side: str, given: Any, old: int, new: int) -> int:
    """Return by how much an image is moved along a side.

    Raises:
        TransplantError: The map does more than move it.
    """
    sources = pair(f"{side} of the {what}", given, old, new)
    moves = {place - s for place, s in enumerate(sources) if s is not None}
    by = min(moves)
    inside = range(max(0, by), min(new, old + by))
    if len(moves) > 1 or any(sources[place] is None for place in inside):
        raise TransplantError(
            f"{side} of the {what} can move, be cut off or go on, but not be stretched "
            f"or mixed; got {given!r}."
        )
    return by


def _by_key(ours: tuple[Part, ...], theirs: tuple[Part, ...], given: Any) -> Found:
    """Pair the parts of dictionaries."""
    old, new = ({p.key: p for p in parts} for parts in (ours, theirs))
    if "" in old or "" in new:
        raise TransplantError(
            f"The old agent observes {_listed(ours)}, the new one {_listed(theirs)}: "
            'name all entries by observations={"old": names, "new": names}, where the '
            "names of a dictionary are lists by key."
        )
    if given is None and old.keys() != new.keys():
        raise TransplantError(
            f"The old agent observes {_listed(ours)}, the new one {_listed(theirs)}: "
            "say by observations={new key: old key or None} which are which."
        )
    if given is not None and not isinstance(given, Mapping):
        raise TransplantError(
            f"observations must map keys, {list(new)}; got {given!r}."
        )
    for key in given or {}:
        if key not in new:
            raise UnknownNameError("new observation", key, new)
    sources: list[int | None] = []
    shifts: dict[str, Shift] = {}
    for key, part in new.items():
        named = (given or {}).get(key, key)
        if isinstance(named, str) and named not in old:
            raise UnknownNameError("old observation", named, old)
        if named is None:
            sources += [None] * part.count
            continue
        source = old[named if isinstance(named, str) else _known(key, old)]
        inner = None if isinstance(named, str) else named
        found, moved = _single(source, part, inner)
        sources += [None if s is None else source.start + s for s in found]
        shifts |= moved
    return tuple(sources), shifts


def _known(key: str, old: Mapping[str, Part]) -> str:
    """Return a key that the old agent observes, too."""
    if key not in old:
        raise UnknownNameError("old observation", key, old)
    return key


def _listed(parts: tuple[Part, ...]) -> str:
    return ", ".join(map(str, parts))


def _by_name(
    ours: tuple[Part, ...], theirs: tuple[Part, ...], given: Mapping[str, Any]
) -> Sources:
    """Pair entries by names that are unique over all parts."""
    names = [_names(p, given[n]) for n, p in (("old", ours), ("new", theirs))]
    counts = [parts[-1].stop for parts in (ours, theirs)]
    _check_unnamed(ours, theirs, given)
    return pair(OBSERVATIONS, dict(zip(("old", "new"), names, strict=True)), *counts)


def _names(parts: tuple[Part, ...], given: Any) -> list[Any]:
    """Return the names of all entries in a row; those of unnamed keys are indices."""
    if not parts[0].key:
        return given  # type: ignore[no-any-return]  # pair() checks it.
    known = {part.key for part in parts}
    if not isinstance(given, Mapping) or set(given) - known:
        raise TransplantError(
            f"The names of a dictionary's entries are lists by key, {sorted(known)}; "
            f"got {given!r}."
        )
    found: list[Any] = []
    for part in parts:
        own = given.get(part.key, [f"{part.key}.{i}" for i in range(part.count)])
        listed = isinstance(own, Sequence) and not isinstance(own, str)
        if not listed or len(own) != part.count:
            raise TransplantError(
                f"{part} needs a list of {part.count} names, got {own!r}."
            )
        found += own
    return found


def _check_unnamed(
    ours: tuple[Part, ...], theirs: tuple[Part, ...], given: Mapping[str, Any]
) -> None:
    """Check that keys without names, whose entries stay, are the same for both.

    Raises:
        TransplantError: They differ.
    """
    old = {part.key: part for part in ours}
    for part in theirs:
        if part.key in old and part.key not in {*given["old"], *given["new"]}:
            _single(old[part.key], part, None)


def _check_sizes(found: ObservationMap) -> None:
    """Check that images whose size differs have been moved by a map."""
    for part in found.new:
        for _, old, _ in found.carried(part):
            if old.size != part.size and part.key not in found.shifts:
                _check_same(f"{OBSERVATIONS} of '{part.key}'", old, part, None)


def _check_networks(old: nn.Module, new: nn.Module, found: ObservationMap) -> None:
    """Check that what a network of its own reads stays where that network is.

    Raises:
        TransplantError: The network would stay behind, since it is called by its key.
    """
    for part in found.new:
        for _, was, _ in found.carried(part):
            if was.key == part.key:
                continue
            for policy, each in ((old, was), (new, part)):
                if any(each.owns(path) for path, _ in policy.named_parameters()):
                    raise TransplantError(
                        f"{was} of the old agent cannot become {part}: '{each.key}' "
                        "has a network of its own, which stays behind if keys change. "
                        "Keep the key, or map what is called otherwise to None."
                    )


def _check_scales(old: Any, new: Any, found: ObservationMap) -> None:
    """Check that images which a policy divides by 255 stay such.

    Raises:
        TransplantError: They do not, so the networks would get other numbers.
    """
    for part in found.new:
        for _, was, _ in found.carried(part):
            scaled = _is_scaled(old, was), _is_scaled(new, part)
            if scaled[0] != scaled[1] and not (_is_unit(was) or _is_unit(part)):
                raise TransplantError(
                    f"SB3 divides {was} of the old agent by 255: {scaled[0]}, and "
                    f"{part} of the new one: {scaled[1]}. So the networks would get "
                    "other numbers: give both spaces the same dtype and bounds, and "
                    "both policies the same normalize_images."
                )


def _is_scaled(policy: Any, part: Part) -> bool:
    return getattr(policy, "normalize_images", True) and is_image_space(part.space)


def _is_unit(part: Part) -> bool:
    """Tell whether numbers are as if they had been divided by 255."""
    ends = [getattr(part.space, name, None) for name in ("low", "high")]
    return bool(np.all(ends[0] == 0) and np.all(ends[1] == 1))


def frames(old: int, new: int, size: int) -> list[int | None]:
    """Return the map of stacked frames, of which the last one is the newest.

    The newest frames stay the newest. Further, older ones are new; surplus old ones go.

    Args:
        old: Number of frames that the old agent gets.
        new: Number of frames of the new one.
        size: Entries of a frame: numbers of a vector, channels of an image.

    Returns:
        For each new entry the old one, or None: an argument ``observations``.

    Raises:
        TransplantError: A number is not positive.
    """
    if min(old, new, size) < 1:
        raise TransplantError(f"frames and sizes are positive, got {old, new, size}.")
    places = range((old - new) * size, old * size)
    return [place if place >= 0 else None for place in places]
