"""Plug-ins: find them, load them, and say which class comes from which.

Nothing is imported before the first lookup. A plug-in that fails is recorded, warned
about and left out as a whole; the others go on. Two environment variables:

- ``SB3_PRUNE_DISABLE_PLUGINS=a,b`` leaves out plug-ins or distributions by name;
  ``all`` is every plug-in that does not come with sb3-prune.
- ``SB3_PRUNE_STRICT_PLUGINS=1`` raises the error of a plug-in that fails.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from types import MappingProxyType
from typing import Any

import pluggy

from sb3_prune.exceptions import NameConflictError, PluginError, UnknownNameError
from sb3_prune.plugins import hookspecs
from sb3_prune.plugins.info import DISABLE, PluginInfo, info_of, is_disabled, rank
from sb3_prune.plugins.options import build
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import KINDS, check_class, find_kind, full_name

GROUP = "sb3_prune"
"""Entry point group of plug-ins."""
STRICT = "SB3_PRUNE_STRICT_PLUGINS"


class PluginWarning(UserWarning):
    """A plug-in failed to load and is left out."""


class PluginHost:
    """Loads plug-ins and keeps what they register.

    Args:
        discover: Returns the entry points to load; by default all installed ones.
    """

    def __init__(
        self,
        discover: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(
            group=GROUP
        ),
    ) -> None:
        self._discover = discover
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._classes: dict[str, dict[str, tuple[type[Pluggable], PluginInfo]]]
        self._classes = {kind: {} for kind in KINDS}
        self._infos: list[PluginInfo] = []
        self._loaded = False
        self._lock = RLock()

    def load(self) -> None:
        """Load every installed plug-in, once; each lookup calls this."""
        with self._lock:
            if self._loaded:
                return
            self._loaded = True  # A plug-in may look up others while it is imported.
            try:
                for entry in sorted(self._discover(), key=lambda e: rank(info_of(e))):
                    self._load(entry)
            except BaseException:
                self._loaded = False
                raise
        for info in self._having("failed"):
            warnings.warn(
                f"Plug-in {info} failed and is left out: {info.reason} "
                f"Set {STRICT}=1 to see where, {info.switch} to be silent.",
                PluginWarning,
                stacklevel=3,
            )

    def _load(self, entry: EntryPoint) -> None:
        info = info_of(entry)
        if rank(info) in map(rank, self._infos):
            return  # From an attempt that strictness ended.
        if is_disabled(info):
            reason = f"{DISABLE}={os.environ[DISABLE]}"
            self._infos.append(replace(info, status="disabled", reason=reason))
            return
        try:
            self._activate(entry.load(), info)
        except (Exception, SystemExit) as error:
            if os.environ.get(STRICT, "0") not in ("", "0"):
                error.add_note(f"Raised by plug-in {info}.")
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self._infos.append(replace(info, status="failed", reason=reason))

    def _activate(self, plugin: object, info: PluginInfo) -> None:
        """Register everything of a plug-in, or nothing and raise."""
        self._check(plugin, info)
        try:
            self._manager.register(plugin, name=info.name)
            self._manager.check_pending()
            self._call_hooks(plugin, info)
        except pluggy.PluginValidationError as error:
            self._forget(info)
            hooks = ", ".join(f"{kind.hook}(register)" for kind in KINDS.values())
            raise PluginError(f"Plug-in {info}: {error}. Hooks: {hooks}.") from error
        except BaseException:
            self._forget(info)
            raise
        self._infos.append(info)

    def _check(self, plugin: object, info: PluginInfo) -> None:
        api = getattr(plugin, "sb3_prune_api", hookspecs.API)
        if api != hookspecs.API:
            raise PluginError(
                f"Plug-in {info} speaks version {api!r} of the hooks, this sb3-prune "
                f"speaks {hookspecs.API}: update the older one."
            )
        same = self._manager.get_name(plugin)
        for other in self._having("active"):
            if other.name in (info.name, same):
                raise PluginError(f"Plug-in {info} is already there as {other}.")

    def _call_hooks(self, plugin: object, info: PluginInfo) -> None:
        # One plug-in at a time: a broadcast would not say who registers.
        if not self._manager.get_hookcallers(plugin):
            raise PluginError(f"Plug-in {info} has no hook. Is there an @hookimpl?")
        others = self._manager.get_plugins() - {plugin}
        for kind in KINDS.values():
            call = self._manager.subset_hook_caller(kind.hook, others)
            if call(register=partial(self._register, kind.name, info)):
                raise PluginError(
                    f"{kind.hook} of plug-in {info} returns a value, "
                    "expected it to call register(cls) for each class."
                )

    def _register(self, kind: str, info: PluginInfo, cls: type[Pluggable]) -> None:
        check_class(kind, cls)
        known = self._classes[kind]
        if cls.name in known:
            other, owner = known[cls.name]
            raise NameConflictError(
                f"Two {kind} are called '{cls.name}': {full_name(other)} of plug-in "
                f"{owner} and {full_name(cls)} of plug-in {info}. "
                f"Choose by {owner.switch} or {info.switch}."
            )
        known[cls.name] = (cls, info)

    def _forget(self, info: PluginInfo) -> None:
        if self._manager.has_plugin(info.name):
            self._manager.unregister(name=info.name)
        for known in self._classes.values():
            for name in [n for n, (_, owner) in known.items() if owner is info]:
                del known[name]

    def _having(self, status: str) -> list[PluginInfo]:
        return [info for info in self._infos if info.status == status]

    def add(self, plugin: object, name: str | None = None) -> None:
        """Add a plug-in that is not installed, e.g. in a script or a test.

        Args:
            plugin: A module or any object with hooks.
            name: Name of the plug-in; by default that of the module or class.

        Raises:
            PluginError: It breaks the contract.
            NameConflictError: It registers a name that is taken.
        """
        self.load()
        default = getattr(plugin, "__name__", type(plugin).__name__)
        self._activate(plugin, PluginInfo(name=name or default))

    def remove(self, plugin: object) -> None:
        """Remove a plug-in and all that it registered.

        Args:
            plugin: The plug-in or its name.

        Raises:
            UnknownNameError: There is no such active plug-in.
        """
        self.load()
        name = plugin if isinstance(plugin, str) else self._manager.get_name(plugin)
        active = {info.name: info for info in self._having("active")}
        if name not in active:
            raise UnknownNameError("plug-in", str(name or plugin), active)
        self._forget(active[name])
        self._infos.remove(active[name])

    def installed(self) -> list[PluginInfo]:
        """List all plug-ins in the order of loading, also those left out."""
        self.load()
        return [replace(info, registered=self._names(info)) for info in self._infos]

    def _names(self, info: PluginInfo) -> dict[str, list[str]]:
        return {
            kind: names
            for kind, known in self._classes.items()
            if (names := sorted(n for n, (_, owner) in known.items() if owner is info))
        }

    def classes(self, kind: str) -> Mapping[str, type[Pluggable]]:
        """Return the registered classes by name, sorted.

        Args:
            kind: ``strategies``, ``analyses``, ``screeners`` or ``exporters``.
        """
        find_kind(kind)
        self.load()
        known = self._classes[kind]
        return MappingProxyType({name: known[name][0] for name in sorted(known)})

    def get(self, kind: str, name: str) -> type[Pluggable]:
        """Return a registered class.

        Raises:
            UnknownNameError: There is no such kind or no class of that name.
        """
        classes = self.classes(kind)
        if name not in classes:
            noun = find_kind(kind).noun
            raise UnknownNameError(noun, name, classes, hint=self._hint())
        return classes[name]

    def _hint(self) -> str:
        """Say which plug-ins an unknown name may be from."""
        hints = []
        if failed := self._having("failed"):
            count = f"{len(failed)} plug-in{'s' * (len(failed) > 1)}"
            why = " ".join(f"{info}: {info.reason}" for info in failed)
            hints.append(f"{count} failed to load: {why}")
        if disabled := self._having("disabled"):
            names = ", ".join(map(str, disabled))
            hints.append(f"Disabled by {disabled[0].reason}: {names}.")
        return " ".join(hints)

    def make(self, kind: str, name: str, config: Any = None) -> Pluggable:
        """Build a registered class from a mapping of options, its ``Config`` or None.

        Raises:
            UnknownNameError: There is no such kind or no class of that name.
            ConfigError: An option does not exist or has a wrong type or value.
        """
        return build(self.get(kind, name), config)
