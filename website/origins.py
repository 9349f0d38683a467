"""Where pages come from: docs/, the README, and the files that these link to.

On GitHub, links lead to files of the repository. So that they hold on the site, too,
every linked file is a page of it: Markdown as it is, source code as a listing.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from posixpath import relpath

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HOME = ROOT / "README.md"
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=(?:#[^)\s]*)?\))")
"""The path in a link or an image of Markdown; addresses have a colon."""
PICTURES = (".png", ".gif", ".svg")


def uri(path: Path) -> str:
    """Return the address of a file's page, as MkDocs names sources."""
    if path == HOME:
        return "index.md"
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    return name if path.suffix in (".md", *PICTURES) else f"{name}.md"


def targets(path: Path) -> dict[str, Path]:
    """Return the links of a Markdown file that lead to files, with these files."""
    found = {link: (path.parent / link).resolve() for link in links(path)}
    return {link: target for link, target in found.items() if target.is_file()}


def links(path: Path) -> list[str]:
    """Return the paths that a Markdown file links to; other files have none."""
    return LINK.findall(path.read_text("utf-8")) if path.suffix == ".md" else []


@cache
def origins() -> dict[str, Path]:
    """Return every file that is a page or a picture, by its address."""
    found: dict[str, Path] = {}
    waiting = [HOME, *sorted(DOCS.glob("*.md"))]
    while waiting:
        path = waiting.pop()
        if uri(path) not in found:
            found[uri(path)] = path
            waiting += targets(path).values()
    return found


def markdown(path: Path) -> str:
    """Return a page's text, whose links lead to pages; code becomes a listing."""
    if path.suffix != ".md":
        return listing(path)
    known = targets(path)
    here = uri(path)

    def lead(match: re.Match[str]) -> str:
        target = known.get(match[1])
        return (
            relpath(uri(target), Path(here).parent.as_posix()) if target else match[1]
        )

    return LINK.sub(lead, path.read_text("utf-8"))


def listing(path: Path) -> str:
    """Return a page that shows a source file."""
    language = {".py": "python", ".cff": "yaml", ".yml": "yaml"}.get(
        path.suffix, "text"
    )
    name = path.relative_to(ROOT).as_posix()
    return f"# {name}\n\n````{language}\n{path.read_text('utf-8')}````\n"
