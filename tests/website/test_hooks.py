"""Tests for hooks.py: the site as `make docs` builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sb3_prune as sp

ROOT = Path(__file__).parents[2]
for needed in ("griffe", "latex2mathml", "material", "mkdocs", "mkdocstrings_handlers"):
    pytest.importorskip(needed, reason=f"`make docs` installs {needed}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def article(file: Path) -> str:
    """Return what a page says, without its code."""
    text = re.search(r"<article.*?</article>", file.read_text("utf-8"), re.DOTALL)
    assert text, file
    return re.sub(r"<(pre|code)\b.*?</\1>", "", text[0], flags=re.DOTALL)


@pytest.mark.slow
def test_the_site_holds_together(site: Path) -> None:
    pages = [p for p in site.rglob("*.html") if p.name != "404.html"]
    names = {p.relative_to(site).as_posix() for p in pages}
    written = {f"{p.stem}.html" for p in (ROOT / "docs").glob("*.md")}
    assert names >= written | {
        "index.html",
        "api/index.html",
        "examples/pixels.py.html",
    }
    for file in pages:
        text = file.read_text("utf-8")
        # Nothing is asked of other servers, and nothing is left of other markup.
        assert not re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="?https?:', text)
        left = r":\w+:<code>|::</p>|\n- |<p>\||\]\(|\]\[|<autoref|\*\*|\.\. math"
        assert not re.findall(rf".*(?:{left}).*", article(file)), file
        for link in re.findall(r'(?:src|href)="([^":#?]+)["#]', article(file)):
            assert (file.parent / link).exists(), f"{file}: {link}"
    front = (site / "api" / "index.html").read_text("utf-8")
    for name in sp.__all__:
        page, anchor = re.findall(
            rf'href="([^"#]+)#([\w.]+)"[^>]*><code>{name}</code>', front
        )[0]
        assert f'id="{anchor}"' in (site / "api" / page).read_text("utf-8")
    assert 'data-md-color-scheme="slate"' in (site / "index.html").read_text("utf-8")
