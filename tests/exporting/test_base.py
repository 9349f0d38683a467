"""Exporters are classes that plug-ins register."""

from __future__ import annotations

import pytest

from sb3_prune import plugins
from sb3_prune.exceptions import PluginError
from sb3_prune.exporting.base import Exporter
from sb3_prune.plugins.registry import check_class


def test_ours_are_registered() -> None:
    found = plugins.exporters()
    assert {"numpy", "onnx"} <= found.keys()
    assert all(issubclass(cls, Exporter) for cls in found.values())


def test_an_exporter_must_write_and_load() -> None:
    class Half(Exporter):
        """Writes nothing."""

        name = "half"

    with pytest.raises(PluginError, match="load"):
        check_class("exporters", Half)


def test_programs_are_for_one_observation_unless_asked() -> None:
    assert not plugins.get("exporters", "numpy")().dynamic  # type: ignore[attr-defined]
