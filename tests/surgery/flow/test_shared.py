"""Tests for surgery/flow/shared.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import torch

from sb3_prune.surgery.flow.quiet import exact_arithmetic
from sb3_prune.surgery.flow.shared import Shared

LOG: list[str] = []


@contextmanager
def change() -> Iterator[None]:
    LOG.append("changed")
    yield
    LOG.append("put back")


def test_the_first_changes_and_the_last_puts_back() -> None:
    LOG.clear()
    block = Shared(change)
    with block:
        block.__enter__()
        assert LOG == ["changed"]
    assert LOG == ["changed"]
    block.__exit__()
    assert LOG == ["changed", "put back"]
    with suppress(ZeroDivisionError), block:
        raise ZeroDivisionError
    assert LOG == ["changed", "put back"] * 2


def test_a_change_that_fails_counts_for_nobody() -> None:
    @contextmanager
    def failing() -> Iterator[None]:
        raise OSError
        yield

    block = Shared(failing)
    for _ in range(2):
        with pytest.raises(OSError), block:  # Any of these.
            pass


def test_threads_that_overlap_leave_the_precision_as_it_was() -> None:
    before = torch.backends.mkldnn.enabled  # type: ignore[attr-defined]
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with exact_arithmetic():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with exact_arithmetic():
        leave.set()
        thread.join()
        assert torch.backends.mkldnn.enabled is False  # type: ignore[attr-defined]
    assert torch.backends.mkldnn.enabled is before  # type: ignore[attr-defined]
    assert torch.get_float32_matmul_precision() == "highest"
