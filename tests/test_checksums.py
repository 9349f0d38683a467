"""Tests for checksums.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from damages import damages

from sb3_prune.checksums import BLANK, KEY, checksum_of, is_whole, seal

DATA = json.dumps({KEY: BLANK, "what": "it is", "other": BLANK}).encode()


def test_what_was_sealed_is_whole_and_says_the_same() -> None:
    sealed = seal(DATA)
    found = json.loads(sealed)
    assert is_whole(sealed, found[KEY])
    assert found == {**json.loads(DATA), KEY: found[KEY]} and len(found[KEY]) == 64


def test_any_damage_outside_the_checksum_is_found() -> None:
    sealed = seal(DATA)
    checksum = json.loads(sealed)[KEY]
    assert not any(is_whole(data, checksum) for data in damages(sealed, 200))


@pytest.mark.parametrize("checksum", [None, 3, "", "\ud800", BLANK, "0" * 64])
def test_what_is_not_its_checksum_is_not(checksum: Any) -> None:
    assert not is_whole(seal(DATA), checksum)


def test_the_checksum_of_a_file_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    assert checksum_of(tmp_path / "a") == hashlib.sha256(DATA).hexdigest()


def test_what_only_looks_like_the_place_of_the_checksum_is_left_alone() -> None:
    odd = f'"{KEY}": "{BLANK}"'
    data = json.dumps({BLANK: BLANK, odd: odd, KEY: BLANK, "other": BLANK}).encode()
    found = json.loads(seal(data))
    assert is_whole(seal(data), found[KEY])
    assert found == {**json.loads(data), KEY: found[KEY]} and found[KEY] != BLANK
