"""IDs: which entries of a new space are which entries of the old one."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate
from numbers import Integral
from typing import Any

from sb3_prune.exceptions import TransplantError

Sources = tuple[int | None, ...]
"""For each new entry, the index of the old entry that it is; None if it is new."""
FORMS = (
    'either {"old": [names], "new": [names]}, or, for each new index, the old index or '
    "None: a mapping or a list"
)


def is_same(sources: Sources, old: int) -> bool:
    """Tell whether all entries stay where they are."""
    return sources == tuple(range(old))


def pair(what: str, given: Any, old: int, new: int) -> Sources:
    """Return which old entry each new entry is.

    Args:
        what: What is paired, for errors: "observations", say.
        given: The pairs, by names or by indices; None if all entries stay.
        old: Number of old entries.
        new: Number of new entries.

    Raises:
        TransplantError: The pairs are missing although sizes differ, name something
            that does not exist, or name something twice.
    """
    if given is None:
        if old != new:
            raise TransplantError(
                f"The old agent has {old} {what}, the new one {new}: say by {what}= "
                f"which are which, {FORMS}."
            )
        return tuple(range(new))  # Empty for spaces that are no vectors.
    if isinstance(given, Mapping) and set(given) == {"old", "new"}:
        return _by_name(what, given["old"], given["new"], old, new)
    return _by_index(what, given, old, new)


def _by_name(what: str, ours: Any, theirs: Any, old: int, new: int) -> Sources:
    _check_names(f"old {what}", ours, old)
    _check_names(f"new {what}", theirs, new)
    place = {name: index for index, name in enumerate(ours)}
    found = tuple(place.get(name) for name in theirs)
    if found.count(None) == new:
        raise TransplantError(
            f"No name occurs in both the old {what}, {list(ours)}, and the new ones, "
            f"{list(theirs)}: nothing would be carried over."
        )
    return found


def _check_names(what: str, names: Any, count: int) -> None:
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TransplantError(f"The names of the {what} must be a list, got {names!r}.")
    if len(names) != count:
        raise TransplantError(
            f"There are {count} {what}, but {len(names)} names: {list(names)}."
        )
    if odd := [name for name in names if not isinstance(name, Hashable)]:
        raise TransplantError(f"Names of the {what} cannot be lists and such: {odd}.")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise TransplantError(f"Some {what} have the same name: {twice}.")


def _by_index(what: str, given: Any, old: int, new: int) -> Sources:
    if isinstance(given, str) or not isinstance(given, Mapping | Sequence):
        raise TransplantError(f"{what} must be {FORMS}; got {given!r}.")
    pairs = given if isinstance(given, Mapping) else dict(enumerate(given))
    if set(pairs) != set(range(new)):
        missing = sorted(set(range(new)) - set(pairs))
        unknown = [key for key in pairs if key not in range(new)]
        raise TransplantError(
            f"{what} must name each of the new indices 0 to {new - 1} once, None for "
            f"what is new; missing: {missing}, unknown: {unknown}."
        )
    for key, source in pairs.items():
        whole = isinstance(source, Integral) and not isinstance(source, bool)
        if source is not None and not (whole and 0 <= source < old):
            raise TransplantError(
                f"{what}: new index {key} cannot be old index {source!r}: the old ones "
                f"are 0 to {old - 1}."
            )
    found = tuple(None if pairs[k] is None else int(pairs[k]) for k in range(new))
    if found.count(None) == new:
        raise TransplantError(
            f"All {what} are new in {given!r}: nothing would be carried over."
        )
    return found


def check_branches(
    what: str, sources: Sources, old: Sequence[int], new: Sequence[int]
) -> None:
    """Check that choices between which one is taken were so before.

    Args:
        what: What is paired, for errors.
        sources: For each new choice, the old one, or None.
        old: Numbers of old choices of which one is taken each.
        new: The same for the new ones.

    Raises:
        TransplantError: A new branch would have choices of several old ones.
    """
    for number, own in enumerate(split(sources, new)):
        origins = [_branch(source, old) for source in own if source is not None]
        if len(set(origins)) > 1:
            raise TransplantError(
                f"{what}: the new branch {number}, of which one choice is taken, would "
                f"have choices of the old branches {sorted(set(origins))}, {list(own)}."
                " Choices stay together; branches may be exchanged as a whole."
            )


def parted(sources: Sources, old: Sequence[int], new: Sequence[int]) -> list[int]:
    """Return the old branches of which several new ones have a part each.

    Args:
        sources: For each new choice, the old one, or None.
        old: Numbers of old choices of which one is taken each.
        new: The same for the new ones.
    """
    parts = [set(own) for own in split(sources, new)]
    found = []
    for number, own in enumerate(split(tuple(range(sum(old))), old)):
        has = [len(part & set(own)) for part in parts if part & set(own)]
        if len(has) > 1 and min(has) < len(own):
            found.append(number)
    return found


def split(sources: Sources, branches: Sequence[int]) -> list[Sources]:
    """Return the entries of each branch; all together if there are no branches.

    Args:
        sources: Which old entry each new one is.
        branches: Numbers of entries of which one is taken each.
    """
    parts = branches or [len(sources)]
    ends = list(accumulate(parts))
    return [sources[end - size : end] for size, end in zip(parts, ends, strict=True)]


def _branch(source: int, branches: Sequence[int]) -> int:
    return bisect_right(list(accumulate(branches)), source)
