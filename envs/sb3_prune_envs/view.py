"""The rendering of an environment: pictures of its arms, returned or in a window."""

from typing import TYPE_CHECKING, Any

from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.kinematics import Floats, joint_positions
from sb3_prune_envs.reward import distances, rewards
from sb3_prune_envs.trail import TipTrail

if TYPE_CHECKING:
    from sb3_prune_envs.rendering import ArmPainter, Frame
    from sb3_prune_envs.window import Window


def checked_render_mode(
    render_mode: str | None, metadata: dict[str, Any]
) -> str | None:
    """Return the render mode if the environment has it.

    Raises:
        ValueError: If the environment does not have the mode; the message lists its
            modes.
    """
    modes = metadata["render_modes"]
    if render_mode is not None and render_mode not in modes:
        raise ValueError(f"render_mode must be None or in {modes}, not {render_mode!r}")
    return render_mode


class ArmView:
    """Draws the arms of an environment; Pillow is imported by the first picture.

    Args:
        config: The arm.
        render_mode: "human" opens a window, otherwise pictures are returned.
        fps: Pictures per second in the window.
    """

    def __init__(self, config: ArmConfig, render_mode: str | None, fps: int) -> None:
        self._config = config
        self._render_mode = render_mode
        self._fps = fps
        self._trail = TipTrail()
        self._painter: ArmPainter | None = None
        self._window: Window | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Windows and fonts cannot be copied; a copy makes new ones when needed.
        return {**self.__dict__, "_painter": None, "_window": None}

    def record(self, tips: Floats) -> None:
        """Remember the tip positions of all arms for their trails. Shape (batch, 2)."""
        self._trail.record(tips)

    def render(self, angles: Floats, goals: Floats, elapsed: int) -> "Frame | None":
        """Draw arm 0: return the picture, or show it in the window."""
        frame = self.paint(0, angles, goals, elapsed)
        if self._render_mode != "human":
            return frame
        self._show(frame)
        return None

    def paint(
        self,
        arm: int,
        angles: Floats,
        goals: Floats,
        elapsed: int,
        last_step: int | None = None,
    ) -> "Frame":
        """Draw one arm of a batch.

        Args:
            arm: Row of the arm in the batch.
            angles: Relative joint angles [rad]. Shape (batch, n).
            goals: Goals (x, y). Shape (batch, 2).
            elapsed: Steps since the arm's last reset.
            last_step: Step at which the arm's episode is truncated, if known.

        Returns:
            A picture of shape (480, 480, 3).
        """
        from sb3_prune_envs.rendering import ArmPainter, Scene  # noqa: PLC0415

        if self._painter is None:
            self._painter = ArmPainter(self._config.reach)
        joints = joint_positions(angles[arm : arm + 1], self._config.length)[0]
        distance = float(distances(joints[None, -1], goals[arm : arm + 1])[0])
        scene = Scene(
            joints=joints,
            goal=goals[arm],
            trail=self._trail.of(arm, elapsed),
            step=elapsed,
            reward=rewards(distance),
            last_step=last_step,
        )
        return self._painter(scene)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def _show(self, frame: "Frame") -> None:
        from sb3_prune_envs.window import Window  # noqa: PLC0415

        if self._window is None:
            self._window = Window("Planar arm", self._fps)
        self._window.show(frame)
