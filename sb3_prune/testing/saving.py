"""What a strategy saves: JSON, which nobody changes afterwards, and all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.options import build
from sb3_prune.strategies.base import Strategy
from sb3_prune.testing.states import blaming


class Saved:
    """The state that a strategy saves now.

    Args:
        strategy: The strategy.
        where: Where the check is, for errors.

    Raises:
        PluginError: JSON would not give it back.

    Attributes:
        text: The state as JSON.
    """

    def __init__(self, strategy: Strategy, where: str) -> None:
        with blaming(f"{where}: state_dict"):
            self._state: Any = strategy.state_dict()
        if not isinstance(self._state, Mapping):
            raise PluginError(
                f"{where}: state_dict returns {self._state!r}, expected a dict."
            )
        self.text = self._as_text(where)

    def _as_text(self, where: str) -> str:
        with blaming(f"{where}: state_dict as JSON"):
            json.dumps(self._state, allow_nan=False)  # Finds circles, too.
        _check_keys(self._state, where)
        return json.dumps(self._state, allow_nan=False, sort_keys=True)

    def check(self, where: str) -> None:
        """Check that the strategy has not changed what it returned.

        Args:
            where: Where the check is now.

        Raises:
            PluginError: It has.
        """
        if (text := self._as_text(where)) != self.text:
            raise PluginError(
                f"{where}: what state_dict returned earlier, {self.text}, has become "
                f"{text}, expected state_dict to return a copy, not the strategy's own "
                "objects."
            )


def _check_keys(state: Any, where: str) -> None:
    if isinstance(state, list | tuple):
        for each in state:
            _check_keys(each, where)
    elif isinstance(state, Mapping):
        for key, value in state.items():
            if not isinstance(key, str):
                raise PluginError(
                    f"{where}: state_dict has the key {key!r}, which JSON turns into "
                    "text, expected text as keys."
                )
            _check_keys(value, where)


def restored(strategy: Strategy, saved: Saved, where: str) -> Strategy:
    """Return a new strategy with a state that another one saved.

    Args:
        strategy: The other one.
        saved: Its state.
        where: Where the check is, for errors.

    Raises:
        PluginError: It cannot load the state, or saves another one.
    """
    with blaming(f"{where}: building it anew"):
        copy: Strategy = build(type(strategy), strategy.config)
    with blaming(f"{where}: load_state_dict"):
        copy.load_state_dict(json.loads(saved.text))
    if (text := Saved(copy, where).text) != saved.text:
        raise PluginError(
            f"{where}: after loading the state {saved.text}, the strategy saves "
            f"{text}, expected the state that it loaded."
        )
    return copy
