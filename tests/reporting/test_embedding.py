"""Tests for reporting/embedding.py."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from reporting.made import picture
from sb3_prune.exceptions import ConfigError
from sb3_prune.reporting import embedding
from sb3_prune.reporting.embedding import Picture, absent, analyses, animations


@pytest.mark.parametrize(("name", "kind"), [("a_b.png", "png"), ("x.gif", "gif")])
def test_a_picture_is_in_its_address(name: str, kind: str, tmp_path: Path) -> None:
    path = picture(tmp_path / name)
    found = embedding.embedded(path)
    assert isinstance(found, Picture)
    head, _, text = found.source.partition(",")
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(text) == path.read_bytes()
    assert (found.title, found.size) == (path.stem.replace("_", " "), (30, 10))
    assert found.wide


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("<script>alert(1)</script>")
    assert embedding.embedded(path) == "a.png is left out: it is no PNG."


def test_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "link.gif").symlink_to(tmp_path / "nowhere")
    cut = picture(tmp_path / "cut.png", (300, 300))
    cut.write_bytes(cut.read_bytes()[:60])
    for name in ("folder.gif", "link.gif", "cut.png"):
        found = embedding.embedded(tmp_path / name)
        assert isinstance(found, str)
        assert found.startswith(f"{name} is left out: it ")
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 10)
    found = embedding.embedded(picture(tmp_path / "bomb.png"))
    assert found == "bomb.png is left out: it has too many pixels."


def test_pictures_of_an_earlier_run_are_named(tmp_path: Path) -> None:
    path, model = picture(tmp_path / "a.gif"), tmp_path / "model.zip"
    assert list(embedding.outdated(tmp_path, [path])) == []
    model.write_bytes(b"")
    os.utime(path, (2, 2))
    (told,) = embedding.outdated(tmp_path, [path])
    assert told.startswith("a.gif is older than model.zip")
    os.utime(model, (1, 1))
    assert list(embedding.outdated(tmp_path, [path])) == []


def test_the_line_that_analyses_can_be_typed(tmp_path: Path) -> None:
    told = list(absent(tmp_path / "a b"))[-1]
    assert f"analyze '{tmp_path / 'a b' / 'model.zip'}'" in told


def test_what_is_too_large_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "LARGEST", 10)
    found = embedding.embedded(picture(tmp_path / "a.gif"))
    assert isinstance(found, str) and found.startswith("a.gif is left out")


def test_where_pictures_lie(tmp_path: Path) -> None:
    assert len(list(absent(tmp_path))) == 2
    gif, png = picture(tmp_path / "a.gif"), picture(tmp_path / "analysis/a.png")
    picture(tmp_path / "learning.png")  # The page draws it itself.
    assert animations(tmp_path) == [gif] and analyses(tmp_path) == [png]
    assert list(absent(tmp_path)) == []


def test_facts_of_the_analyses(tmp_path: Path) -> None:
    assert embedding.facts(tmp_path) == {}
    path = tmp_path / "analysis" / "analysis.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"agents": {"agent": {"episodes": 20}}}))
    assert embedding.facts(tmp_path) == {"agent": {"episodes": 20.0}}
    path.write_text(json.dumps({"agents": {"agent": {"episodes": "<b>"}}}))
    with pytest.raises(ConfigError, match=r"analysis.json' is damaged"):
        embedding.facts(tmp_path)
