"""Embedding: the pictures of a run as text, so that a page needs no other file."""

from __future__ import annotations

import base64
import json
import shlex
import warnings
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from sb3_prune.runs.finished import damage
from sb3_prune.runs.folder import MODEL

ANALYSES = "analysis"
"""Folder of a run in which ``sb3-prune analyze`` writes by default."""
NUMBERS = "analysis.json"
"""File of that folder with the numbers."""
WIDE = 2.2
"""A picture is wide if it is this many times as wide as high."""
LARGEST = 12 * 2**20
"""Bytes of the largest picture that a page takes."""


class Picture(NamedTuple):
    """A picture in a page."""

    title: str
    """What it shows."""
    source: str
    """Its content, as a ``data:`` address."""
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def wide(self) -> bool:
        """Whether it needs the whole width of a page."""
        width, height = self.size
        return width > WIDE * height


def animations(folder: Path) -> list[Path]:
    """Return the GIFs in the folder of a run."""
    return sorted(folder.glob("*.gif"))


def analyses(folder: Path) -> list[Path]:
    """Return the pictures of the analyses in the folder of a run."""
    return sorted((folder / ANALYSES).glob("*.png"))


def facts(folder: Path) -> Mapping[str, Any]:
    """Return what was analysed: agents with their episodes, steps, units and return.

    Raises:
        ConfigError: The file of numbers is damaged.
    """
    path = folder / ANALYSES / NUMBERS
    if not path.is_file():
        return {}
    with damage(path):
        agents = json.loads(path.read_text("utf-8"))["agents"]
        return {
            str(agent): {str(k): float(v) for k, v in numbers.items()}
            for agent, numbers in agents.items()
        }


def embedded(path: Path) -> Picture | str:
    """Return a picture; or why a page cannot have it."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    kind = path.suffix[1:]
    try:
        size = path.stat().st_size
        if size > LARGEST:
            return f"{path.name} is left out: {size / 2**20:.1f} MiB are too much."
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=[kind]) as image:
                shape = image.size
                image.load()
    except UnidentifiedImageError:
        return f"{path.name} is left out: it is no {kind.upper()}."
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"{path.name} is left out: it has too many pixels."
    except (OSError, SyntaxError, ValueError) as error:
        return f"{path.name} is left out: it cannot be read ({error})."
    text = base64.b64encode(data).decode("ascii")
    title = path.stem.replace("_", " ")
    return Picture(title, f"data:image/{kind};base64,{text}", shape)


def outdated(folder: Path, paths: Iterable[Path]) -> Iterator[str]:
    """Yield which pictures may be of an earlier run, that ``--overwrite`` replaced."""
    model = folder / MODEL
    for path in filter(Path.exists, paths):
        if model.exists() and path.stat().st_mtime < model.stat().st_mtime:
            yield f"{path.name} is older than {MODEL}: it may show an earlier agent."


def absent(folder: Path) -> Iterator[str]:
    """Yield which pictures a run does not have, and how to make them."""
    if not animations(folder):
        yield (
            "It has no animation (a .gif in its folder; "
            "sb3_prune.plots.record_gif makes one)."
        )
    if not analyses(folder):
        line = ["sb3-prune", "analyze", str(folder / MODEL)]
        yield (f"Its units were not analysed ({shlex.join(line)} makes the pictures).")
