"""Lazy names: a package that imports what it offers when somebody uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, homes: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package (PEP 562).

    A plug-in whose package has it, and whose hooks import what they register, costs
    those nothing who look for something else, such as ``sb3-prune --help``.

    Args:
        package: ``__name__`` of the package.
        homes: Module in the package -> names that the package offers from it.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}",
                name=name,
                obj=sys.modules.get(package),
            )
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return find
