"""Loading, provenance, conflicts and failures, on fake installed distributions."""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType

import pytest

from sb3_prune import plugins
from sb3_prune.exceptions import (
    ConfigError,
    NameConflictError,
    PluginError,
    SB3PruneError,
    UnknownNameError,
)
from sb3_prune.plugins.host import PluginHost, PluginInfo, PluginWarning

MODULES = Path(__file__).parents[1] / "plugin_dists"
Install = Callable[..., PluginHost]

FAILURES: dict[str, tuple[type[BaseException], str]] = {
    "bad_config": (PluginError, "bad_config.Bad .* Config is not frozen"),
    "exits": (SystemExit, "no licence"),
    "extra_argument": (PluginError, "Argument.*'model'.*Hooks: register_strategies"),
    "import_error": (ModuleNotFoundError, "sb3_prune_is_not_this"),
    "no_hook": (PluginError, "implements no hook.*register_strategies"),
    "old_api": (PluginError, "version 0 of the hooks, .* has version 1"),
    "returns": (PluginError, "register_strategies .* returns a value"),
    "rival": (NameConflictError, "Two strategies are called 'idle'"),
    "unmarked_hook": (PluginError, "register_analyses, but it is not marked @hookimpl"),
    "typo_hook": (PluginError, "unknown hook 'register_strategy'"),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs modules and makes a host that sees only them."""
    monkeypatch.setattr(sys, "path", [str(MODULES), *sys.path])

    def discover() -> list[EntryPoint]:
        found = distributions(path=[str(tmp_path)])
        return [entry for distribution in found for entry in distribution.entry_points]

    def run(*modules: str, distribution: str = "") -> PluginHost:
        for module in modules:
            write_metadata(tmp_path, module, distribution or f"dist-{module}")
        return PluginHost(discover)

    yield run
    for path in MODULES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def write_metadata(folder: Path, module: str, distribution: str) -> None:
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
    (info / "METADATA").write_text(head)
    (info / "entry_points.txt").write_text(f"[sb3_prune]\n{module} = {module}\n")


def example(module: str = "ok") -> ModuleType:
    return importlib.import_module(module)


def test_a_good_plugin(install: Install) -> None:
    host = install("ok")
    assert host.installed() == [
        PluginInfo(
            name="ok",
            distribution="dist-ok",
            version="1.2",
            registered={"strategies": ["idle"]},
        )
    ]
    assert host.classes("strategies") == {"idle": example().Idle}
    assert host.get("strategies", "idle") is example().Idle


@pytest.mark.parametrize("kind", ["strategies", "analyses", "screeners", "exporters"])
def test_without_plugins_every_kind_is_empty(kind: str, install: Install) -> None:
    host = install()
    assert host.classes(kind) == {}
    assert host.installed() == []


def test_unknown_kind(install: Install) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'strategies'"):
        install().classes("strategy")


@pytest.mark.parametrize("module", FAILURES)
def test_a_failure_is_recorded_warned_about_once_and_left_out(
    module: str, install: Install
) -> None:
    error, message = FAILURES[module]
    host = install("ok", module)
    with pytest.warns(PluginWarning, match=message) as caught:
        infos = {info.name: info for info in host.installed()}
    assert len(caught) == 1
    assert infos["ok"].registered == {"strategies": ["idle"]}
    assert infos[module].status == "failed"
    assert infos[module].registered == {}
    assert infos[module].reason.startswith(f"{error.__name__}: ")
    assert "\n" not in infos[module].reason
    assert list(host.classes("strategies")) == ["idle"]


@pytest.mark.parametrize("module", FAILURES)
def test_strictness_raises(
    module: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, message = FAILURES[module]
    monkeypatch.setenv("SB3_PRUNE_STRICT_PLUGINS", "1")
    host = install("ok", module)
    for _ in range(2):
        with pytest.raises(error, match=message) as caught:
            host.classes("strategies")
        assert f"Raised by plug-in '{module}'" in caught.value.__notes__[-1]


@pytest.mark.parametrize("value", ["", "0"])
def test_strictness_off(
    value: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SB3_PRUNE_STRICT_PLUGINS", value)
    with pytest.warns(PluginWarning):
        install("import_error").load()


def test_a_warning_that_is_an_error_leaves_the_host_whole(install: Install) -> None:
    host = install("import_error", "ok", "old_api")
    with pytest.raises(PluginWarning, match="'import_error'"):
        host.load()
    statuses = {info.name: info.status for info in host.installed()}
    assert statuses == {"import_error": "failed", "ok": "active", "old_api": "failed"}


def test_conflict_names_both_sides_and_the_switches(install: Install) -> None:
    host = install("ok", "rival")
    with pytest.warns(PluginWarning):
        reason = host.installed()[1].reason
    assert "ok.Idle of plug-in 'ok' (dist-ok 1.2)" in reason
    assert "rival.Taken of plug-in 'rival' (dist-rival 1.2)" in reason
    assert "SB3_PRUNE_DISABLE_PLUGINS=ok or SB3_PRUNE_DISABLE_PLUGINS=rival" in reason


def test_conflict_is_solved_by_the_switch(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SB3_PRUNE_DISABLE_PLUGINS", "ok")
    assert list(install("ok", "rival").classes("strategies")) == ["free", "idle"]


def test_our_plugins_come_first(install: Install) -> None:
    """In the order of names, ``ok`` would win over ours."""
    install("ok")
    host = install("rival", distribution="sb3-prune")
    with pytest.warns(PluginWarning, match="Plug-in 'ok'"):
        assert list(host.classes("strategies")) == ["free", "idle"]


def test_two_distributions_with_one_plugin_name(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second fails, and can be left out by the name of its distribution."""
    install("ok", distribution="one")
    message = r"'ok' \(two 1.2\) is already there as 'ok' \(one 1.2\)"
    with pytest.warns(PluginWarning, match=message):
        install("ok", distribution="two").load()
    monkeypatch.setenv("SB3_PRUNE_DISABLE_PLUGINS", "two")
    statuses = [info.status for info in PluginHost(install()._discover).installed()]
    assert statuses == ["active", "disabled"]


@pytest.mark.parametrize(
    "value", ["import_error", "dist-import-error", " Dist_Import_Error ,x", "all"]
)
def test_disabled_is_not_imported(
    value: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SB3_PRUNE_DISABLE_PLUGINS", value)
    (info,) = install("import_error").installed()
    assert info.status == "disabled"
    assert info.reason == f"SB3_PRUNE_DISABLE_PLUGINS={value}"


@pytest.mark.parametrize(
    ("value", "status"), [("all", "active"), ("sb3-prune", "disabled")]
)
def test_ours_are_disabled_only_by_name(
    value: str, status: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SB3_PRUNE_DISABLE_PLUGINS", value)
    host = install("ok", distribution="sb3-prune")
    assert [info.status for info in host.installed()] == [status]


def test_unknown_name_lists_names_failures_and_disabled(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SB3_PRUNE_DISABLE_PLUGINS", "rival")
    host = install("ok", "rival", "old_api", "import_error")
    with pytest.warns(PluginWarning):
        host.load()
    with pytest.raises(UnknownNameError) as caught:
        host.get("strategies", "idel")
    message = str(caught.value)
    assert "Unknown strategy 'idel'. Did you mean 'idle'? Known: idle." in message
    assert "2 plug-ins failed to load: 'import_error' (dist-import_error" in message
    assert "by SB3_PRUNE_DISABLE_PLUGINS=rival: 'rival' (dist-rival 1.2)." in message


def test_alone_asks_for_one_kind_only(install: Install) -> None:
    host = install("ok", "bad_config")
    assert host.alone("commands") == {}
    assert not host._loaded
    with pytest.warns(PluginWarning, match="bad_config"):
        assert list(host.alone("strategies")) == ["idle"]
    with pytest.raises(UnknownNameError, match="Did you mean 'commands'"):
        host.alone("command")


def test_alone_knows_what_was_added_by_hand(install: Install) -> None:
    host = install()
    host.add(example())
    assert list(host.alone("strategies")) == ["idle"]


def test_unknown_name_without_failures_has_no_hint(install: Install) -> None:
    with pytest.raises(UnknownNameError, match=r"Known: idle\.$"):
        install("ok").get("strategies", "something-else")


def test_nothing_is_discovered_before_the_first_lookup() -> None:
    calls: list[int] = []

    def discover() -> list[EntryPoint]:
        calls.append(1)
        return []

    host = PluginHost(discover)
    assert calls == []
    host.installed()
    host.classes("strategies")
    assert calls == [1]


@pytest.mark.slow
def test_import_loads_no_plugin() -> None:
    code = (
        "import sys, sb3_prune, sb3_prune.plugins as plugins\n"
        "assert 'sb3_prune_baselines' not in sys.modules\n"
        "assert 'magnitude' in plugins.strategies()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_wait_for_the_first_to_load(install: Install) -> None:
    host = install("ok")
    discover = host._discover
    host._discover = lambda: (time.sleep(0.1), discover())[1]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: list(host.classes("strategies")), range(4)))
    assert found == [["idle"]] * 4


def test_a_plugin_may_look_up_others_while_loading(install: Install) -> None:
    seen: list[list[str]] = []
    host = install("ok")
    discover = host._discover

    def look() -> list[EntryPoint]:
        seen.append(list(host.classes("strategies")))
        return list(discover())

    host._discover = look
    assert list(host.classes("strategies")) == ["idle"]
    assert seen == [[]]


def test_classes_are_read_only(install: Install) -> None:
    found = install("ok").classes("strategies")
    with pytest.raises(TypeError):
        found["other"] = example().Idle  # type: ignore[index]


def test_add_and_remove(install: Install) -> None:
    host = install()
    module = example()
    for plugin in (module, "ok"):
        host.add(module)
        (info,) = host.installed()
        assert str(info) == "'ok' (added by hand)"
        assert info.registered == {"strategies": ["idle"]}
        host.remove(plugin)
        assert host.installed() == []
        assert host.classes("strategies") == {}


def test_add_raises_and_leaves_nothing(install: Install) -> None:
    host = install("ok")
    with pytest.raises(NameConflictError, match=r"or remove_plugin\('rival'\)"):
        host.add(example("rival"))
    with pytest.raises(PluginError, match="unknown hook"):
        host.add(example("typo_hook"))
    assert [info.name for info in host.installed()] == ["ok"]
    assert list(host.classes("strategies")) == ["idle"]
    host.remove("ok")
    host.add(example("rival"))
    assert list(host.classes("strategies")) == ["free", "idle"]


@pytest.mark.parametrize("name", ["ok", "again"])
def test_add_twice(name: str, install: Install) -> None:
    host = install("ok")
    with pytest.raises(PluginError, match=r"already there as 'ok' \(dist-ok 1.2\)"):
        host.add(example(), name)
    with pytest.raises(PluginError, match=r"already there as 'ok' \(dist-ok 1.2\)"):
        host.add(example("typo_hook"), "ok")
    assert list(host.classes("strategies")) == ["idle"]


def test_remove_what_is_not_there(install: Install) -> None:
    host = install("ok")
    for plugin in ("oh", example("no_hook")):
        with pytest.raises(UnknownNameError, match=r"Unknown plug-in .*Known: ok"):
            host.remove(plugin)


def test_make(install: Install) -> None:
    host = install("ok")
    made = host.make("strategies", "idle", {"at": 1})
    assert made.config == example().Idle.Config(at=1.0)
    with pytest.raises(ConfigError, match="'idle': at must be float, got 'late'"):
        host.make("strategies", "idle", {"at": "late"})


def test_the_default_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours are there; what is added and removed leaves it as it was."""
    monkeypatch.setattr(sys, "path", [str(MODULES), *sys.path])
    before = plugins.installed()
    assert before[0].distribution == "sb3-prune"
    plugins.add_plugin(example(), "mine")
    try:
        assert plugins.get("strategies", "idle") is plugins.get("strategies", "idle")
        assert plugins.strategies() == plugins.classes("strategies")
        assert isinstance(plugins.make("strategies", "idle"), example().Idle)
    finally:
        plugins.remove_plugin("mine")
        sys.modules.pop("ok")
    assert plugins.installed() == before
    with pytest.raises(SB3PruneError):
        plugins.get("strategies", "idle")
