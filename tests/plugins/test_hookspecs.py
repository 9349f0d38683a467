"""Every hook has a kind, an example that runs, and a heading in the documentation."""

import inspect
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from sb3_prune import plugins
from sb3_prune.plugins import hookspecs
from sb3_prune.plugins.host import PluginHost
from sb3_prune.plugins.registry import KINDS
from sb3_prune.testing.strategies import check_strategy

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
HOOKS = {
    name: hook
    for name, hook in vars(hookspecs).items()
    if hasattr(hook, "sb3_prune_spec")
}


def module(code: str, path: Path) -> ModuleType:
    """Return code as a module whose source can be read, as that of a plug-in."""
    path.write_text(code)
    made = ModuleType(path.stem)
    made.__file__ = str(path)
    exec(compile(code, str(path), "exec"), vars(made))
    return made


def test_one_hook_per_kind() -> None:
    assert sorted(HOOKS) == sorted(kind.hook for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_example_in_docstring_runs(kind: str, tmp_path: Path) -> None:
    text = inspect.getdoc(HOOKS[KINDS[kind].hook])
    assert text is not None
    code = textwrap.dedent(text.split("Example::\n")[1])
    host = PluginHost(tuple)
    host.add(module(code, tmp_path / "example.py"))
    assert len(host.classes(kind)) == 1


@pytest.mark.parametrize("name", HOOKS)
def test_heading_with_exact_signature(name: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"\n### `{name}({arguments})`\n" in PAGE


def test_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block is a plug-in that keeps the contract; the others use it."""
    first, *others = [part.split("```")[0] for part in PAGE.split("```python\n")[1:]]
    plugin = module(first, tmp_path / "first_units.py")
    check_strategy(plugin.FirstUnits)
    monkeypatch.setitem(sys.modules, "first_units", plugin)
    scope = dict(vars(plugin))
    try:
        for code in others:
            exec(code, scope)
        assert plugins.get("strategies", "first-units") is plugin.FirstUnits
        check_strategy(scope["SmallestMean"])
    finally:
        plugins.remove_plugin(plugin)


def test_page_names_the_version_of_the_hooks() -> None:
    assert f"`sb3_prune_api = {hookspecs.API}`" in PAGE
