"""The pages of the API: one for each public package, and a list of the front door."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import griffe

from website.rst import Rst

ROOT = Path(__file__).parents[1]
INTERNAL = ("cli", "front")
"""What users do not import from."""


@cache
def package(name: str) -> griffe.Module:
    """Return a package as griffe reads it, without importing it."""
    paths = [ROOT, ROOT / "envs", ROOT / "plugins"]
    extensions = griffe.load_extensions(Rst)
    loader = griffe.GriffeLoader(search_paths=paths, extensions=extensions)
    loaded = loader.load(name)
    loader.resolve_aliases(implicit=True, external=False)
    assert isinstance(loaded, griffe.Module)
    return loaded


def modules() -> Iterator[griffe.Module]:
    """Yield the packages and modules right below ``sb3_prune``, and the arms."""
    for name, module in sorted(package("sb3_prune").modules.items()):
        if not (module.is_alias or name.startswith("_") or name in INTERNAL):
            yield module
    yield package("sb3_prune_envs")


def names(module: griffe.Module) -> list[str]:
    """Return what a module offers: by ``__all__``, or by definitions and imports."""
    if module.exports is not None:
        return [str(name) for name in module.exports]
    found = module.members.items()
    return [name for name, item in found if not name.startswith("_") and ours(item)]


def ours(item: griffe.Object | griffe.Alias) -> bool:
    """Return whether something is of this project, documented, and no inner module."""
    target = end(item)
    if target is None or not item.runtime:  # imported for type checkers only
        return False
    return target.has_docstring and not target.is_module


def end(item: griffe.Object | griffe.Alias) -> griffe.Object | None:
    """Return what a name stands for in the end; None if that is of another project."""
    try:
        return item.final_target if isinstance(item, griffe.Alias) else item
    except griffe.AliasResolutionError:
        return None


@cache
def offered() -> set[str]:
    """Return the full paths of what ``sb3_prune`` offers by name."""
    front = package("sb3_prune")["front"].members.values()
    return {target.path for item in front if (target := end(item)) is not None}


def summary(item: griffe.Object | griffe.Alias) -> str:
    """Return the first line of a docstring."""
    return item.docstring.value.splitlines()[0] if item.docstring else ""


def page(module: griffe.Module) -> str:
    """Return the page of a module.

    What ``sb3_prune`` offers from it stands there even if the module itself does not
    re-export it, as a function whose module has its name.
    """
    found = names(module)
    shown = {target.path for name in found if (target := end(module[name]))}
    members = "".join(f"\n        - {name}" for name in found)
    text = (
        f"# {module.path}\n\n::: {module.path}\n    options:\n      members:{members}\n"
    )
    for path in sorted(offered() - shown):
        if path.startswith(f"{module.path}."):
            text += f"\n::: {path}\n    options:\n      show_root_heading: true\n"
    return text


def index() -> str:
    """Return the page that lists what ``sb3_prune`` offers, and all packages."""
    front = package("sb3_prune")
    lines = ["# API", "", "## From `sb3_prune`", "", "| name | |", "|---|---|"]
    for name in names(front):
        item = package("sb3_prune")["front"][name]
        lines.append(f"| [`{name}`][{item.canonical_path}] | {summary(item)} |")
    lines += ["", "## Packages", "", "| package | |", "|---|---|"]
    for module in modules():
        lines.append(f"| [`{module.path}`]({module.path}.md) | {summary(module)} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return the text of every page of the API by its address, the list first."""
    texts = {f"api/{module.path}.md": page(module) for module in modules()}
    return {"api/index.md": index(), **texts}
