"""Tests for window.py, with pygame's display that shows nothing."""

import sys

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from sb3_prune_envs.window import Window

FRAME = np.full((60, 80, 3), (10, 200, 30), dtype=np.uint8)


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def test_shows_the_frame() -> None:
    import pygame

    window = Window("test", fps=1000)
    window.show(FRAME)
    shown = pygame.surfarray.array3d(pygame.display.get_surface())
    np.testing.assert_array_equal(shown.swapaxes(0, 1), FRAME)
    assert pygame.display.get_caption()[0] == "test"
    window.close()


def test_opens_again_after_closing() -> None:
    window = Window("test", fps=1000)
    window.close()
    window.show(FRAME)
    window.close()
    window.show(FRAME)
    window.close()


def test_missing_pygame_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(DependencyNotInstalled, match=r"pip install sb3-prune\[human\]"):
        Window("test", fps=20).show(FRAME)
