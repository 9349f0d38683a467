"""A real browser, if there is one: Chromium shows a page and says what it sees."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for path in map(shutil.which, NAMES) if path), None)
NEEDED = pytest.mark.skipif(
    FOUND is None, reason=f"no browser: none of {', '.join(NAMES)} is on the PATH"
)
FRAME = """<!doctype html><iframe id="page" style="border:0" width="{width}"
height="800" srcdoc="{page}"></iframe><pre id="said"></pre><script>
addEventListener("load", () => {{
  const page = document.getElementById("page").contentDocument;
  const view = page.defaultView;
  const answer = JSON.stringify(({question})(page, view));
  document.getElementById("said").textContent = answer;
}});</script>"""


def ask(folder: Path, page: str, question: str, width: int = 1200) -> str:
    """Show a page in a frame, and return the answer of a JavaScript function of it.

    Args:
        folder: Folder for the browser's files.
        page: The HTML.
        question: Function of the document and its window.
        width: Width of the frame in pixels.
    """
    assert FOUND is not None
    outer = folder / "frame.html"
    text = FRAME.format(width=width, page=html.escape(page), question=question)
    outer.write_text(text, "utf-8")
    line = [FOUND, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    line += [f"--user-data-dir={folder / 'profile'}", outer.absolute().as_uri()]
    done = subprocess.run(
        line,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(folder)},
    )
    said = done.stdout.partition('<pre id="said">')[2].partition("</pre>")[0]
    return html.unescape(said)
