"""Tests for sb3_prune_export/c/names.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sb3_prune_export.c.names import check_apart, check_prefix, prefix_of

from sb3_prune.exceptions import ConfigError, ExportError


@pytest.mark.parametrize(
    "prefix", ["", "1arm", "left arm", "double", "class", "_arm", "a__b", "arm_", 3]
)
def test_what_is_no_name_in_c_is_refused(prefix: object) -> None:
    with pytest.raises(ConfigError, match="prefix must be a name in C"):
        check_prefix(prefix)


@given(st.text(max_size=20))
def test_any_text_becomes_a_prefix(text: str) -> None:
    assert check_prefix(prefix_of(text))


@pytest.mark.parametrize("end", ["scratch", "predict", "constant_0", "test_action"])
def test_names_of_inputs_that_the_header_takes_are_refused(end: str) -> None:
    ports = [f"observation_{end}", "action"]
    with pytest.raises(ExportError, match=f"two things 'observation_{end}'"):
        check_apart("observation", ports, ["constant_0"])
    check_apart("robot", ports, ["constant_0"])
    check_apart("observation", ["observation", "action"], ["constant_0"])


def test_names_stay_readable() -> None:
    assert prefix_of("Left-arm (2)") == "left_arm_2"
