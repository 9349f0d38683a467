"""Maps: read which new observations and actions are which old ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sb3_prune.cli.ids import Ids, listed
from sb3_prune.cli.zoo import read_yaml, repeated, twice_in_yaml
from sb3_prune.exceptions import ConfigError
from sb3_prune.transplanting.names import NEW

NAMES = "names"
"""The whole of an option that says: all entries stay by name."""
YAML = (".yml", ".yaml")
"""Suffixes of files that are no JSON."""


def read_maps(
    ids: Mapping[str, Ids], given: Mapping[str, Sequence[str]], file: Path | None
) -> dict[str, Any]:
    """Return the maps of observations and of actions, as ``transplant`` takes them.

    Args:
        ids: What may be named: IDs of ``observations`` and of ``actions``.
        given: What their options say.
        file: A file that says all instead.

    Raises:
        ConfigError: Something is missing, said twice or in another form.
        UnknownNameError: There is no such ID.
    """
    said = {what: _said(ids[what], texts) for what, texts in given.items() if texts}
    if file is not None:
        if said:
            raise ConfigError(
                "--map says all: give it without --observations, --actions."
            )
        said = _read(file, ids)
    return {what: _map(each, said.get(what)) for what, each in ids.items()}


def _said(ids: Ids, texts: Sequence[str]) -> Any:
    """Return what an option says: a list, or a mapping of pairs."""
    option = f"--{ids.what}"
    if not ids.known:
        return _indices(ids, texts)
    if list(texts) == [NAMES]:
        return {}
    pairs = [text.partition("=") for text in texts]
    if not any(equals for _, equals, _ in pairs):
        return list(texts)
    found: dict[str, str] = {}
    for text, (new, _, old) in zip(texts, pairs, strict=True):
        if not new or not old:
            raise ConfigError(
                f"{option} takes either one old ID or '{NEW}' for each new entry, or "
                f"pairs NEW=OLD and NEW={NEW}; got both, or half a pair: '{text}'."
            )
        if new in found:
            raise ConfigError(f"{option} has two pairs for the new '{new}'.")
        found[new] = old
    return found


def _indices(ids: Ids, texts: Sequence[str]) -> list[int | None]:
    try:
        return [None if text == NEW else int(text) for text in texts]
    except ValueError:
        raise ConfigError(
            f"These {ids.what} have no names: --{ids.what} takes old indices and "
            f"'{NEW}', --map takes more; got {' '.join(texts)[:100]}."
        ) from None


def _read(path: Path, ids: Mapping[str, Ids]) -> dict[str, Any]:
    if path.suffix in YAML:
        read = read_yaml(path)
        _require_once(path, twice_in_yaml(path))
    else:
        twice: list[Any] = []
        try:
            read = json.loads(
                path.read_text("utf-8"),
                object_pairs_hook=lambda pairs: _noted(pairs, twice),
            )
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"--map {path} cannot be read: {error}") from None
        _require_once(path, twice)
    if not isinstance(read, dict) or not read or read.keys() - ids.keys():
        raise ConfigError(
            f"--map {path} must be an object with entries of {', '.join(ids)}, got "
            f"{str(read)[:100]}."
        )
    return read


def _noted(pairs: list[tuple[str, Any]], twice: list[Any]) -> dict[str, Any]:
    """Return an object of JSON; note names that it has twice."""
    twice += repeated(name for name, _ in pairs)
    return dict(pairs)


def _require_once(path: Path, twice: Sequence[Any]) -> None:
    """Refuse names that occur twice, of which only the last would count.

    Raises:
        ConfigError: There are such.
    """
    if twice:
        raise ConfigError(f"--map {path} has two entries '{twice[0]}' in one place.")


def _map(ids: Ids, given: Any) -> Any:
    """Return for each new entry the index of the old one, or None.

    What is neither a list nor pairs is returned as it is; so are maps of observations
    that are no vectors.
    """
    own_names = isinstance(given, Mapping) and given.keys() == {"old", "new"}
    if own_names or not ids.known:
        return given
    if given is None:
        _check_sizes(ids)
    elif isinstance(given, Mapping):
        return _paired(ids, given)
    elif isinstance(given, list):
        return _in_order(ids, given)
    return given


def _check_sizes(ids: Ids) -> None:
    """Refuse other sizes without a map, and propose one if names make one.

    Raises:
        ConfigError: The sizes differ.
    """
    if len(ids.old) == len(ids.new):
        return
    new = [name for name in ids.new if name not in ids.old]
    hint = ""
    if ids.named and len(new) < len(ids.new):
        hint = f", for example {' '.join(f'{n}={NEW}' for n in new) or NAMES}"
    raise ConfigError(
        f"The old agent has {len(ids.old)} {ids.what}, the new one {len(ids.new)}: say "
        f"by --{ids.what} which are which{hint}. --show-ids lists them."
    )


def _in_order(ids: Ids, given: Sequence[Any]) -> list[int | None]:
    if len(given) != len(ids.new):
        raise ConfigError(
            f"There are {len(ids.new)} new {ids.what}, but {len(given)} are said to be "
            f"old ones or '{NEW}': say it of each, or give pairs NEW=OLD."
        )
    return [_source(ids, old) for old in given]


def _paired(ids: Ids, given: Mapping[Any, Any]) -> list[int | None]:
    """Return the map in which entries that no pair mentions stay by name."""
    said: dict[int, int | None] = {}
    for new, old in given.items():
        place = ids.place("new", new)
        if place in said:
            raise ConfigError(f"There are two pairs for the new '{ids.new[place]}'.")
        said[place] = _source(ids, old)
    left = {n: i for i, n in enumerate(ids.old) if i not in said.values()}
    open_ = [n for i, n in enumerate(ids.new) if i not in said]
    if unsaid := [name for name in open_ if name not in left]:
        free = [name for name in left if name not in open_]
        raise ConfigError(
            f"These new {ids.what} are neither in a pair nor among the old ones: "
            f"{listed(unsaid)}. Give pairs NEW=OLD or NEW={NEW}. Old ones that are "
            f"left: {listed(free) or 'none'}. {ids.hint}".rstrip()
        )
    return [said[i] if i in said else left[name] for i, name in enumerate(ids.new)]


def _source(ids: Ids, old: Any) -> int | None:
    return None if old is None or old == NEW else ids.place("old", old)
