"""One torch thread per process; no display; which tests are slow."""

import os
import tempfile
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch
from hypothesis import settings
from zoo import ALGORITHMS

torch.set_num_threads(1)

# On a shared machine one example may take long for no reason.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

OFTEN = ("DQN", "SAC", "PPO")
"""Algorithms of the tests that are not slow: one of each kind."""


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep temporary files where pytest deletes them: SB3's logger leaves folders."""
    folder = str(tmp_path_factory.mktemp("t"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of all other algorithms as slow."""
    others = {_plain(name) for name in ALGORITHMS if name not in OFTEN}
    for item in items:
        case = getattr(item, "callspec", None)
        given = case.params.values() if case is not None else ()
        if others & {_plain(value) for value in given if isinstance(value, str)}:
            item.add_marker(pytest.mark.slow)


def _plain(name: str) -> str:
    """Return a name as it is, whatever a command or a class makes of it."""
    return name.replace("-", "").lower()
