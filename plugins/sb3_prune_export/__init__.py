"""Plug-in: exporters, which write an agent's whole decision for deployment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_export.c_exporter import CExporter as CExporter
    from sb3_prune_export.numpy_exporter import NumpyExporter as NumpyExporter
    from sb3_prune_export.onnx_exporter import OnnxExporter as OnnxExporter

HOMES = {
    "c_exporter": ["CExporter"],
    "numpy_exporter": ["NumpyExporter"],
    "onnx_exporter": ["OnnxExporter"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_exporters(register: Callable[[type[Any]], None]) -> None:
    """Register the exporters."""
    from sb3_prune_export.c_exporter import CExporter  # noqa: PLC0415
    from sb3_prune_export.numpy_exporter import NumpyExporter  # noqa: PLC0415
    from sb3_prune_export.onnx_exporter import OnnxExporter  # noqa: PLC0415

    register(CExporter)
    register(NumpyExporter)
    register(OnnxExporter)
