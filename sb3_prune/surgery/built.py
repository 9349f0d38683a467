"""Built: the widths that a policy's hidden layers had before their first change."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

INITIAL = "initial_units"
"""Where a masked policy notes them."""
BUILT = "_built_units"
"""Where another policy does, from its first change on."""
GIVEN = "_given_units"
"""Where a masked policy notes those that it was told."""
AS_BUILT = "_is_as_built"
"""Whether a masked policy has not changed yet. Until then its present widths count: a
class of a user may put other networks in after the base class has noted widths."""


def built_with(policy: nn.Module, units: Mapping[str, int]) -> dict[str, int]:
    """Return the widths by layer; nothing if no change was noted.

    Args:
        policy: The policy.
        units: Its present widths by layer; they count for layers that came later.
    """
    noted = vars(policy)
    if noted.get(AS_BUILT):
        return {**units, **noted.get(GIVEN, {})}
    known = noted.get(INITIAL, noted.get(BUILT))
    return {} if known is None else {**units, **known}


def note_built(policy: nn.Module, units: Mapping[str, int]) -> None:
    """Let a policy know its widths before a change; what it knows already stays."""
    noted = vars(policy)
    name = INITIAL if INITIAL in noted else BUILT
    fresh = noted.pop(AS_BUILT, False)
    known = noted.get(GIVEN if fresh else name, {})
    noted[name] = {**units, **known}
