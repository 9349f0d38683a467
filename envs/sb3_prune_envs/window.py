"""A window that shows frames to a person."""

from typing import Any

from gymnasium.error import DependencyNotInstalled

from sb3_prune_envs.rendering import Frame


class Window:
    """Shows frames at a steady rate; pygame is imported by the first frame.

    Args:
        title: Title of the window.
        fps: Frames per second; :meth:`show` waits to keep this rate.
    """

    def __init__(self, title: str, fps: int) -> None:
        self._title = title
        self._fps = fps
        self._pygame: Any = None
        self._screen: Any = None
        self._clock: Any = None

    def show(self, frame: Frame) -> None:
        """Show a frame of shape (height, width, 3).

        Raises:
            DependencyNotInstalled: If pygame is missing; the message tells how to
                install it.
        """
        if self._screen is None:
            self._open(frame.shape[1], frame.shape[0])
        surface = self._pygame.surfarray.make_surface(frame.swapaxes(0, 1))
        self._screen.blit(surface, (0, 0))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window; the next frame opens it again."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None

    def _open(self, width: int, height: int) -> None:
        self._pygame = _import_pygame()
        self._pygame.display.init()
        self._pygame.display.set_caption(self._title)
        self._screen = self._pygame.display.set_mode((width, height))
        self._clock = self._pygame.time.Clock()


def _import_pygame() -> Any:
    try:
        import pygame  # noqa: PLC0415
    except ImportError as error:
        raise DependencyNotInstalled(
            "render_mode='human' needs pygame; run `pip install sb3-prune[human]`"
        ) from error
    return pygame
