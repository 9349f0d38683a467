"""IDs: what the observations and actions of two environments are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.places import old_maker_for
from sb3_prune.cli.zips import SavedAgent
from sb3_prune.exceptions import ConfigError, SB3PruneError, UnknownNameError
from sb3_prune.transplanting.names import action_names, observation_names

NAMES = {"observations": observation_names, "actions": action_names}
"""Functions that name the entries of an environment, by what they name."""
MOST_SHOWN = 20
"""Number of IDs that a line lists."""
HINT = "Nobody names the old agent's environment: --old-env ID does."


@dataclass(frozen=True, kw_only=True)
class Ids:
    """IDs of observations or actions: names, or indices where nobody knows names."""

    what: str
    """``observations`` or ``actions``."""
    old: tuple[str, ...]
    """IDs of the old agent; none if its observations are no vector."""
    new: tuple[str, ...]
    """IDs of the new environment; none if its observations are no vector."""
    hint: str = ""
    """How old entries without names get some."""

    @property
    def known(self) -> bool:
        """Whether there are IDs on both sides."""
        return bool(self.old and self.new)

    @property
    def named(self) -> bool:
        """Whether there are names on both sides, and not only indices."""
        return not any(_is_index(each) for each in (self.old, self.new))

    def place(self, side: Literal["old", "new"], given: Any) -> int:
        """Return the index of an entry.

        Args:
            side: Whether it is an entry of the old agent or of the new environment.
            given: Its name or its index.

        Raises:
            UnknownNameError: There is no such entry.
        """
        names = self.old if side == "old" else self.new
        text = str(given)
        if text in names:
            return names.index(text)
        indices = [str(index) for index in range(len(names))]
        if text in indices:
            return indices.index(text)
        raise UnknownNameError(f"{side} {self.what[:-1]}", text, names)

    def changes(self, sources: Sequence[int | None]) -> Iterator[str]:
        """Yield what is new, what is gone, and what is called otherwise, in lines.

        Args:
            sources: For each new entry the index of the old one, or None.
        """
        if not self.known:
            return
        new = [self.new[i] for i, source in enumerate(sources) if source is None]
        gone = [name for i, name in enumerate(self.old) if i not in sources]
        for how, names in {"new": new, "dropped": gone}.items():
            if names:
                yield f"{how} {self.what}: {listed(names)}"
        pairs = [
            (self.new[i], self.old[s]) for i, s in enumerate(sources) if s is not None
        ]
        renamed = [f"{new}={old}" for new, old in pairs if new != old]
        if renamed and self.named:
            yield f"renamed {self.what}: {listed(renamed)}"


def _is_index(ids: Sequence[str]) -> bool:
    return bool(ids) and ids[0].isdecimal()


def find_ids(
    saved: SavedAgent, model: BaseAlgorithm, env: VecEnv, old_env: str | None
) -> Mapping[str, Ids]:
    """Return the IDs of the observations and of the actions.

    Args:
        saved: The old agent.
        model: It, loaded.
        env: The new environment.
        old_env: Id of the old agent's environment; if None, the folder may tell.

    Raises:
        ConfigError: The given old environment is not that of the agent.
        SB3PruneError: It cannot be made.
    """
    home = _home(saved, old_env)
    known = {} if home is None else {w: names(home) for w, names in NAMES.items()}
    indices = {what: names(model) for what, names in NAMES.items()}  # It has no names.
    # Wrappers of the agent's own may change how many there are.
    fitting = {w: each for w, each in known.items() if len(each) == len(indices[w])}
    if old_env is not None and not fitting:
        counts = " and ".join(f"{len(each)} {what}" for what, each in indices.items())
        raise ConfigError(
            f"--old-env {old_env} is not that of the agent with {counts}."
        )
    hint = HINT if home is None else ""
    return {
        what: Ids(
            what=what, old=fitting.get(what, own), new=NAMES[what](env), hint=hint
        )
        for what, own in indices.items()
    }


def _home(saved: SavedAgent, old_env: str | None) -> VecEnv | None:
    """Return the environment of an agent, if it is known and can be made."""
    try:
        maker = old_maker_for(saved, old_env)
        return None if maker is None else maker.make(1)
    except SB3PruneError:
        if old_env is not None:
            raise
        return None  # What the folder names may be missing here: names are a comfort.


def side_by_side(ids: Mapping[str, Ids]) -> Iterator[str]:
    """Yield a table of all IDs.

    Args:
        ids: IDs of observations and of actions.
    """
    for each in ids.values():
        if not each.known:
            yield f"{each.what}: they are no vectors, so they have no IDs here"
            continue
        rows = [(each.what, "old", "new")]
        pairs = enumerate(zip_longest(each.old, each.new, fillvalue=""))
        rows += [(str(index), *pair) for index, pair in pairs]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(map(str.ljust, row, widths)).rstrip()
    if hints := {each.hint for each in ids.values() if each.hint}:
        yield from hints


def listed(names: Sequence[str]) -> str:
    """Return names in one line; of many, the first ones."""
    more = len(names) - MOST_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return f"{', '.join(names[:MOST_SHOWN])}{rest}"
