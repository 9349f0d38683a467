"""Modes: settings of the caller's under which no agent may be changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

DEVICES = ("cpu", "cuda", "xpu", "mps")


@contextmanager
def usual_modes() -> Iterator[None]:
    """Leave ``torch.inference_mode`` and ``torch.autocast`` inside a block.

    Parameters that are made in the one never learn again, and fits that are computed in
    the other give weights of lower precision.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        for device in filter(torch.is_autocast_enabled, DEVICES):
            stack.enter_context(torch.autocast(device, enabled=False))
        yield
