"""The host of plug-ins: finds and loads them, and knows which class is from which.

No plug-in is imported before the first look-up. If a plug-in fails, none of its classes
is registered, a warning gives the reason, and the other plug-ins are loaded. Two
environment variables change this:

- ``SB3_PRUNE_DISABLE_PLUGINS=a,b`` leaves out the named plug-ins or distributions;
  ``all`` means every plug-in that does not come with sb3-prune.
- ``SB3_PRUNE_STRICT_PLUGINS=1`` raises the error of a plug-in that fails.
"""

from __future__ import annotations

import os
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
from sb3_prune.plugins.registry import KINDS, Kind, check_class, find_kind, full_name
from sb3_prune.warning import warn

GROUP = "sb3_prune"
"""Group of the entry points by which installed plug-ins are found."""
STRICT = "SB3_PRUNE_STRICT_PLUGINS"


class PluginWarning(UserWarning):
    """A plug-in failed to load and is left out."""


class PluginHost:
    """Loads plug-ins and keeps the classes that they register.

    Args:
        discover: Function that returns the entry points to load; by default, those of
            all installed plug-ins.
        kinds: Kinds of classes that plug-ins are asked for; by default all.
    """

    def __init__(
        self,
        discover: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(
            group=GROUP
        ),
        kinds: Iterable[Kind] = KINDS.values(),
    ) -> None:
        self._discover = discover
        self._kinds = list(kinds)
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._classes: dict[str, dict[str, tuple[type[Pluggable], PluginInfo]]]
        self._classes = {kind: {} for kind in KINDS}
        self._infos: list[PluginInfo] = []
        self._loaded = False
        self._lock = RLock()

    def load(self) -> None:
        """Load every installed plug-in once; each look-up calls this."""
        with self._lock:
            if self._loaded:
                return
            self._loaded = True  # While it is imported, a plug-in may look up classes.
            try:
                for entry in sorted(self._discover(), key=lambda e: rank(info_of(e))):
                    self._load(entry)
            except BaseException:
                self._loaded = False
                raise
        for info in self._having("failed"):
            warn(
                f"Plug-in {info} failed and is left out: {info.reason} "
                f"Set {STRICT}=1 to see the traceback, {info.switch} to silence this.",
                PluginWarning,
            )

    def _load(self, entry: EntryPoint) -> None:
        info = info_of(entry)
        if rank(info) in map(rank, self._infos):
            return  # Done in an earlier attempt that an error in strict mode ended.
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
        """Register all classes of a plug-in; if one is refused, register none."""
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
                f"Plug-in {info} is written for version {api!r} of the hooks, but this "
                f"sb3-prune has version {hookspecs.API}: update the older one."
            )
        same = self._manager.get_name(plugin)
        for other in self._having("active"):
            if other.name in (info.name, same):
                raise PluginError(f"Plug-in {info} is already there as {other}.")

    def _call_hooks(self, plugin: object, info: PluginInfo) -> None:
        # One plug-in at a time: if a hook were called for all plug-ins at once, we
        # could not tell which plug-in registers a class.
        marked = {call.name for call in self._manager.get_hookcallers(plugin) or ()}
        hooks = {kind.hook for kind in KINDS.values()}
        if unmarked := [n for n in sorted(hooks - marked) if hasattr(plugin, n)]:
            raise PluginError(
                f"Plug-in {info} has {', '.join(unmarked)}, but it is not marked "
                "@hookimpl, so that it would never be called."
            )
        if not marked:
            raise PluginError(
                f"Plug-in {info} implements no hook. Hooks: {', '.join(sorted(hooks))}."
            )
        others = self._manager.get_plugins() - {plugin}
        for kind in self._kinds:
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
                f"Leave one of them out by {owner.switch} or {info.switch}."
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
            plugin: A module, or any object, that implements hooks.
            name: Name of the plug-in; by default the name of the module or class.

        Raises:
            PluginError: The plug-in breaks the rules of the hooks.
            NameConflictError: The plug-in registers a name that is already in use.
        """
        self.load()
        default = getattr(plugin, "__name__", type(plugin).__name__)
        self._activate(plugin, PluginInfo(name=name or default))

    def remove(self, plugin: object) -> None:
        """Remove a plug-in and all classes that it registered.

        Args:
            plugin: The plug-in or its name.

        Raises:
            UnknownNameError: No such plug-in is active.
        """
        self.load()
        name = plugin if isinstance(plugin, str) else self._manager.get_name(plugin)
        active = {info.name: info for info in self._having("active")}
        if name not in active:
            raise UnknownNameError("plug-in", str(name or plugin), active)
        self._forget(active[name])
        self._infos.remove(active[name])

    def installed(self) -> list[PluginInfo]:
        """List all plug-ins in the order of loading, failed and disabled ones too."""
        self.load()
        return [replace(info, registered=self._names(info)) for info in self._infos]

    def _names(self, info: PluginInfo) -> dict[str, list[str]]:
        return {
            kind: names
            for kind, known in self._classes.items()
            if (names := sorted(n for n, (_, owner) in known.items() if owner is info))
        }

    def classes(self, kind: str) -> Mapping[str, type[Pluggable]]:
        """Return the registered classes of a kind by name, sorted.

        Args:
            kind: ``strategies``, ``analyses``, ``screeners``, ``exporters`` or
                ``commands``.

        Raises:
            UnknownNameError: There is no such kind.
        """
        find_kind(kind)
        self.load()
        known = self._classes[kind]
        return MappingProxyType({name: known[name][0] for name in sorted(known)})

    def alone(self, kind: str) -> Mapping[str, type[Pluggable]]:
        """Return the classes of a kind; plug-ins are not asked for others, if possible.

        Hooks may import what they register, and strategies bring torch along: whoever
        only lists commands need not wait for that.

        Raises:
            UnknownNameError: There is no such kind.
        """
        if self._loaded:
            return self.classes(kind)
        return PluginHost(self._discover, [find_kind(kind)]).classes(kind)

    def get(self, kind: str, name: str) -> type[Pluggable]:
        """Return a registered class.

        Raises:
            UnknownNameError: There is no such kind or no class of that name.
        """
        classes = self.classes(kind)
        if name not in classes:
            noun = find_kind(kind).noun
            raise UnknownNameError(noun, name, classes, hint=self.left_out())
        return classes[name]

    def left_out(self, kind: str | None = None) -> str:
        """Return sentences on the plug-ins that are not active, and why; "" if none.

        What a user looks for in vain may be theirs.

        Args:
            kind: Kind of what is looked for; no other is asked for, if possible.
        """
        if kind and not self._loaded:
            return PluginHost(self._discover, [find_kind(kind)]).left_out()
        self.load()
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
        """Build an instance of a registered class.

        Args:
            kind: Kind of the class, e.g. ``strategies``.
            name: Name of the class.
            config: Its ``Config``, a mapping of options, or None for the defaults.

        Raises:
            UnknownNameError: There is no such kind or no class of that name.
            ConfigError: An option does not exist or has a wrong type or value.
        """
        return build(self.get(kind, name), config)
