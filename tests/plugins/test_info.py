"""Where a plug-in comes from, and whether it may be used."""

import pytest

from sb3_prune.plugins.info import DISABLE, PluginInfo, is_disabled, rank

OURS = PluginInfo(name="baselines", distribution="sb3-prune", version="1")
THEIRS = PluginInfo(name="aaa", distribution="Their_Dist", version="2")


def test_it_names_its_origin_and_its_switch() -> None:
    assert str(THEIRS) == "'aaa' (Their_Dist 2)"
    assert THEIRS.switch == f"{DISABLE}=aaa"
    by_hand = PluginInfo(name="mine")
    assert str(by_hand) == "'mine' (added by hand)"
    assert by_hand.switch == "remove_plugin('mine')"


def test_ours_sort_first() -> None:
    assert sorted([THEIRS, OURS], key=rank) == [OURS, THEIRS]


@pytest.mark.parametrize(
    ("value", "theirs", "ours"),
    [
        ("", False, False),
        ("aaa", True, False),
        ("their-dist", True, False),
        ("all", True, False),
        ("all,baselines", True, True),
        ("sb3_prune", False, True),
        ("aa", False, False),
    ],
)
def test_disabled_by_plugin_or_distribution(
    value: str, theirs: bool, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DISABLE, value)
    assert (is_disabled(THEIRS), is_disabled(OURS)) == (theirs, ours)
