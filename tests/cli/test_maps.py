"""Tests for cli/maps.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sb3_prune.cli.ids import Ids
from sb3_prune.cli.maps import read_maps
from sb3_prune.exceptions import ConfigError, SB3PruneError, UnknownNameError

OLD = ("position", "velocity", "angle")
NEW = ("angle", "position", "velocity", "spin")
IDS = {
    "observations": Ids(what="observations", old=OLD, new=NEW),
    "actions": Ids(what="actions", old=("0", "1"), new=("0", "1")),
}


def read(*texts: str, ids: Any = IDS) -> Any:
    found = read_maps(ids, {"observations": texts, "actions": ()}, None)
    assert found.keys() == {"observations", "actions"}
    return found["observations"]


def written(folder: Path, content: Any, name: str = "map.json") -> Any:
    path = folder / name
    as_yaml = path.suffix != ".json"
    path.write_text(yaml.dump(content) if as_yaml else json.dumps(content))
    return read_maps(IDS, {"observations": (), "actions": ()}, path)["observations"]


BY_NAME = [2, 0, 1, None]
"""All old ones keep their names; ``spin`` is new."""


@pytest.mark.parametrize(
    "texts",
    [
        ["2", "0", "1", "new"],
        ["angle", "position", "velocity", "new"],
        ["spin=new"],
        ["3=new", "angle=2"],
        ["spin=new", "velocity=velocity"],
    ],
)
def test_forms_of_one_map(texts: list[str]) -> None:
    assert read(*texts) == BY_NAME


@pytest.mark.parametrize("name", ["map.json", "map.yml", "map.yaml"])
@pytest.mark.parametrize(
    "form",
    [
        [2, "position", 1, None],
        ["2", 0, "velocity", "new"],
        {"spin": None},
        {"spin": "new", "angle": 2},
        {3: None},
    ],
)
def test_the_same_forms_in_a_file(form: Any, name: str, tmp_path: Path) -> None:
    assert written(tmp_path, {"observations": form}, name) == BY_NAME


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["spin=velocity", "velocity=velocity"], [2, 0, 1, 1]),  # A copy.
        (["position=velocity", "velocity=position", "spin=new"], [2, 1, 0, None]),
        (["angle=new", "spin=angle"], [None, 0, 1, 2]),
    ],
)
def test_pairs_leave_others_where_their_name_is(
    texts: list[str], expected: list[int | None]
) -> None:
    assert read(*texts) == expected


def test_all_stay_by_name(tmp_path: Path) -> None:
    back = Ids(what="observations", old=NEW, new=OLD)
    ids = {**IDS, "observations": back}
    assert read("names", ids=ids) == [1, 2, 0]
    (tmp_path / "map.json").write_text('{"observations": {}}')
    found = read_maps(ids, {}, tmp_path / "map.json")
    assert found["observations"] == [1, 2, 0] and found["actions"] is None


def test_nothing_is_said() -> None:
    same = Ids(what="observations", old=OLD, new=OLD)
    assert read(ids={**IDS, "observations": same}) is None


@pytest.mark.parametrize(
    "form",
    [{"old": ["a", "b", "c"], "new": ["c", "d", "a", "e"]}, 3, "abc"],
)
def test_what_python_reads_is_left_to_it(form: Any, tmp_path: Path) -> None:
    assert written(tmp_path, {"observations": form}) == form


def test_observations_without_ids_are_left_to_python(tmp_path: Path) -> None:
    ids = {**IDS, "observations": Ids(what="observations", old=(), new=NEW)}
    assert read(ids=ids) is None
    path = tmp_path / "map.json"
    path.write_text('{"observations": {"camera": null}}')
    assert read_maps(ids, {}, path)["observations"] == {"camera": None}
    assert read("0", "new", ids=ids) == [0, None]
    for texts in (["a=b"], ["names"], ["angle"]):
        with pytest.raises(ConfigError, match="no names"):
            read(*texts, ids=ids)


# Errors.


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["spn=new"], "Unknown new observation 'spn'. Did you mean 'spin'?"),
        (["spin=angel"], "Unknown old observation 'angel'. Did you mean 'angle'?"),
        (["angle", "4", "1", "new"], "Unknown old observation '4'. Known: angle,"),
        (["angle=angle"], "among the old ones: spin. Give pairs"),
        (["spin=position"], "ones: position. Give .* are left: none"),
        (["position=velocity", "spin=new"], "ones: velocity.*are left: position"),
        (["spin=new", "spin=angle"], "two pairs for the new 'spin'"),
        (["spin=new", "3=angle"], "two pairs for the new 'spin'"),
        (["spin=new", "angle"], "got both, or half a pair: 'angle'"),
        (["spin=", "angle=angle"], "half a pair: 'spin='"),
        (["=angle"], "half a pair: '=angle'"),
        (["0", "1"], "are 4 new observations, but 2 are said"),
        (["names"], "among the old ones: spin"),
        ([], "has 3 observations, the new one 4.* for example spin=new. --show-ids"),
    ],
)
def test_what_is_refused(texts: list[str], why: str) -> None:
    with pytest.raises(SB3PruneError, match=why):
        read(*texts)


def test_fewer_observations_are_proposed_by_name() -> None:
    back = Ids(what="observations", old=NEW, new=OLD)
    with pytest.raises(ConfigError, match=r"for example names\. --show"):
        read(ids={**IDS, "observations": back})
    unnamed = Ids(what="observations", old=("0", "1"), new=("0",), hint="Hint.")
    with pytest.raises(ConfigError, match=r"which are which\. --show-ids lists them"):
        read(ids={**IDS, "observations": unnamed})


def test_old_ones_without_names_get_a_hint() -> None:
    ids = Ids(what="observations", old=("0",), new=("angle",), hint="A hint.")
    with pytest.raises(ConfigError, match=r"are left: 0\. A hint\.$"):
        read("names", ids={**IDS, "observations": ids})


def test_files_of_something_else(tmp_path: Path) -> None:
    for content in ([], {}, {"rewards": []}, 3):
        with pytest.raises(ConfigError, match="must be an object with"):
            written(tmp_path, content)
    with pytest.raises(UnknownNameError, match="'True'"):
        written(tmp_path, {"observations": [True, 0, 1, 2]})
    (tmp_path / "map.json").write_text("{")
    for name in ("map.json", "nowhere.json", "nowhere.yml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_maps(IDS, {}, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.json", '{"observations": {"spin": 0, "angle": 2, "spin": null}}'),
        ("map.yml", "observations: {spin: 0, angle: 2, spin: null}"),
    ],
)
def test_a_name_that_is_there_twice(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=f"{name} has two entries 'spin'"):
        read_maps(IDS, {}, tmp_path / name)


def test_a_file_beside_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--map says all"):
        read_maps(IDS, {"actions": ["names"]}, tmp_path / "map.json")


def test_yaml_without_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "map.yml").write_text("observations: {}")
    with pytest.raises(ConfigError, match=r"needs PyYAML: pip install"):
        read_maps(IDS, {}, tmp_path / "map.yml")
