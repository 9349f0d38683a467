"""Pictures of an arm, painted with Pillow, which needs no display and no window."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sb3_prune_envs.kinematics import Floats
from sb3_prune_envs.reward import SUCCESS_DISTANCE, SUCCESS_REWARD

Frame = NDArray[np.uint8]
"""An RGB picture. Shape (height, width, 3)."""

Colour = tuple[int, ...]

FRAME_SIZE = 480
"""Width and height of a frame [pixel]."""

PAPER = (246, 243, 237)
DISC = (253, 252, 249)
RING = (221, 214, 202)
INK = (74, 78, 105)
BASE = (61, 64, 91)
LINK_NEAR = np.array([61, 90, 128])
LINK_FAR = np.array([92, 172, 163])
GOAL = (224, 122, 95)
REACHED = (88, 164, 110)
TRAIL = (92, 172, 163)
WHITE = (255, 255, 255)

_OVERSAMPLING = 3
_MARGIN = 1.12
_NEAR_WIDTH, _FAR_WIDTH = 0.056, 0.034
_SHADOW = (74, 78, 105, 34)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The content of one picture."""

    joints: Floats
    """Positions (x, y) of base, inner joints and tip. Shape (n + 1, 2)."""

    goal: Floats
    """Goal (x, y). Shape (2,)."""

    trail: Floats
    """Last positions of the tip, the oldest first. Shape (positions, 2)."""

    step: int
    """Steps since the episode began."""

    reward: float
    """Reward of the tip's position."""

    last_step: int | None = None
    """Step at which the episode is truncated, if known."""


class ArmPainter:
    """Paints scenes: the disc of reach, the goal with its tolerance, trail and arm.

    Args:
        reach: Length of the outstretched arm; the picture shows a little more than the
            disc with this radius.
        size: Width and height of a frame [pixel].
    """

    def __init__(self, reach: float, size: int = FRAME_SIZE) -> None:
        self._reach = reach
        self._size = size
        self._scale = size * _OVERSAMPLING / (2 * _MARGIN * reach)
        self._font = ImageFont.load_default(size * _OVERSAMPLING * 0.034)
        self._backdrop = self._paint_backdrop()

    def __call__(self, scene: Scene) -> Frame:
        """Paint one frame. Shape (size, size, 3)."""
        canvas = self._backdrop.copy()
        draw = ImageDraw.Draw(canvas, "RGBA")
        reached = scene.reward >= SUCCESS_REWARD
        self._paint_goal(draw, scene.goal, REACHED if reached else GOAL)
        self._paint_trail(draw, scene.trail)
        self._paint_arm(draw, scene.joints)
        self._paint_text(draw, scene)
        return np.asarray(canvas.reduce(_OVERSAMPLING))

    def _paint_backdrop(self) -> Image.Image:
        side = self._size * _OVERSAMPLING
        backdrop = Image.new("RGB", (side, side), PAPER)
        draw = ImageDraw.Draw(backdrop, "RGBA")
        centre = np.zeros(2)
        self._disc(draw, centre, self._reach, DISC, RING)
        for share in (0.25, 0.5, 0.75):
            self._disc(draw, centre, share * self._reach, None, (*RING, 110))
        return backdrop

    def _paint_goal(self, draw: ImageDraw.ImageDraw, goal: Floats, hue: Colour) -> None:
        self._disc(draw, goal, SUCCESS_DISTANCE, (*hue, 60), (*hue, 230))
        self._disc(draw, goal, 0.012 * self._reach, hue)

    def _paint_trail(self, draw: ImageDraw.ImageDraw, trail: Floats) -> None:
        count = len(trail)
        for age, (start, end) in enumerate(pairwise(self._pixels(trail))):
            freshness = (age + 1) / count
            width = self._width((0.006 + 0.020 * freshness) * self._reach)
            hue = (*TRAIL, int(190 * freshness))
            draw.line([*start, *end], fill=hue, width=width)

    def _paint_arm(self, draw: ImageDraw.ImageDraw, joints: Floats) -> None:
        widths = np.linspace(_NEAR_WIDTH, _FAR_WIDTH, len(joints)) * self._reach
        shares = np.linspace(0.0, 1.0, len(joints))[:, None]
        hues = np.rint(LINK_NEAR + shares * (LINK_FAR - LINK_NEAR)).astype(int)
        drop = np.array([0.012, -0.020]) * self._reach
        self._disc(draw, joints[0], 0.075 * self._reach, BASE)
        for i in range(len(joints) - 1):
            self._capsule(draw, joints[i : i + 2] + drop, widths[i : i + 2], _SHADOW)
        for i in reversed(range(len(joints) - 1)):
            hue = tuple(hues[i].tolist())
            self._capsule(draw, joints[i : i + 2], widths[i : i + 2], hue)
        for joint, width in zip(joints[:-1], widths[:-1], strict=True):
            self._disc(draw, joint, 0.45 * width, WHITE)
        self._disc(draw, joints[-1], 0.55 * widths[-1], WHITE)

    def _paint_text(self, draw: ImageDraw.ImageDraw, scene: Scene) -> None:
        side = self._size * _OVERSAMPLING
        edge = 0.03 * side
        horizon = "" if scene.last_step is None else f" / {scene.last_step}"
        steps, reward = f"step {scene.step}{horizon}", f"reward {scene.reward:.2f}"
        draw.text((edge, edge), steps, INK, self._font, anchor="la")
        draw.text((side - edge, edge), reward, INK, self._font, anchor="ra")

    def _capsule(
        self, draw: ImageDraw.ImageDraw, ends: Floats, widths: Floats, hue: Colour
    ) -> None:
        along = ends[1] - ends[0]
        across = np.array([-along[1], along[0]]) / np.hypot(*along)
        sides = across * widths[:, None]
        outline = np.concatenate([ends + sides, (ends - sides)[::-1]])
        draw.polygon(self._pixels(outline).ravel().tolist(), fill=hue)
        for end, width in zip(ends, widths, strict=True):
            self._disc(draw, end, float(width), hue)

    def _disc(
        self,
        draw: ImageDraw.ImageDraw,
        centre: Floats,
        radius: float,
        fill: Colour | None,
        outline: Colour | None = None,
    ) -> None:
        x, y = self._pixels(centre[None])[0]
        r = radius * self._scale
        width = self._width(0.006 * self._reach)
        draw.ellipse((x - r, y - r, x + r, y + r), fill, outline, width)

    def _pixels(self, points: Floats) -> Floats:
        half = self._size * _OVERSAMPLING / 2
        pixels: Floats = half + points * np.array([self._scale, -self._scale])
        return pixels

    def _width(self, length: float) -> int:
        return max(1, round(length * self._scale))
