"""docs/architecture.md is true: the packages, what they may import, their sizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sb3_prune"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`sb3_prune/[^|]*) \|", PAGE, re.MULTILINE)
LEVELS = [re.findall(r"`(?:sb3_prune/)?(\w+)(?:/|\.py)`", row) for row in ROWS]
"""Packages and modules of every row, from top to bottom."""
RANK = {name: -i for i, names in enumerate(LEVELS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))
ROOTS = [PACKAGE, ROOT / "envs", *(ROOT / "plugins").glob("sb3_prune_*")]
OURS = sorted(file for root in ROOTS for file in root.rglob("*.py"))


def part_of(module: str) -> str:
    """Return the package or module right below ``sb3_prune``."""
    return module.split(".")[1]


def imports(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the modules that are imported when code runs, not only to check types."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "sb3_prune":
            yield from (f"sb3_prune.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        for inner in ("body", "orelse", "finalbody"):
            yield from imports(getattr(node, inner, []))


def test_the_table_lists_every_package_and_module_once() -> None:
    there = {p.stem for p in PACKAGE.iterdir() if p.is_dir() or p.suffix == ".py"}
    listed = [name for names in LEVELS for name in names]
    assert sorted(listed) == sorted(there - {"__init__", "__main__", "__pycache__"})


@pytest.mark.parametrize("name", RANK)
def test_a_package_imports_only_what_stands_below_it(name: str) -> None:
    files = [f for f in FILES if f.relative_to(PACKAGE).parts[0].startswith(name)]
    assert files
    for file in files:
        for module in imports(ast.parse(file.read_text("utf-8")).body):
            if module.startswith("sb3_prune.") and part_of(module) != name:
                assert RANK[part_of(module)] < RANK[name], f"{file}: {module}"


def test_the_core_imports_no_plugin() -> None:
    for file in FILES:
        modules = list(imports(ast.parse(file.read_text("utf-8")).body))
        assert not any(re.match(r"sb3_prune_(?!envs)", m) for m in modules), file


def test_environments_do_not_know_the_package() -> None:
    for file in (ROOT / "envs").rglob("*.py"):
        modules = list(imports(ast.parse(file.read_text("utf-8")).body))
        assert not any(m.split(".")[0] == "sb3_prune" for m in modules), file


def test_files_stay_short() -> None:
    lines = {file: len(file.read_text("utf-8").splitlines()) for file in OURS}
    assert not {str(f): n for f, n in lines.items() if n > 300}
    assert median(lines.values()) <= 110


def test_functions_stay_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.body[0].lineno + 1
        for file in OURS
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[int(0.9 * len(lengths))] <= 22


def test_no_name_hides_a_module() -> None:
    """``from sb3_prune.surgery import x`` never means a module and a function."""
    for folder in [PACKAGE, *(p.parent for p in PACKAGE.rglob("*/__init__.py"))]:
        path = ".".join(folder.relative_to(ROOT).parts)
        package = import_module(path)
        for file in folder.glob("*.py"):
            if file.stem.startswith("__"):
                continue
            module = import_module(f"{path}.{file.stem}")
            assert getattr(package, file.stem) is module, f"{path}.{file.stem}"


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_the_documentation_can_be_imported(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.name == "decisions.md":  # It tells of what is gone, too.
        return
    found = r"^\s*from (sb3_prune[\w.]*) import (?:\(([^)]*)\)|(.*))$"
    for module, many, one in re.findall(found, text, re.MULTILINE):
        for name in re.split(r",\s*", (many or one).partition("#")[0].strip(" ,\n")):
            assert hasattr(import_module(module), name.partition(" as ")[0].strip())
    for path in re.findall(r"`(?:sp|sb3_prune)\.([a-z_]+(?:\.\w+)*)[`(]", text):
        target: object = import_module("sb3_prune")
        for name in path.split("."):
            target = getattr(target, name)
