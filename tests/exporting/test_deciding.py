"""The module that decides does it as predict does, and refuses what it cannot."""

from __future__ import annotations

import exported
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.deciding import Deciding
from sb3_prune.surgery import trial


@torch.no_grad()
def test_it_decides() -> None:
    model = exported.agent("PPO-box")
    deciding = Deciding(trial.copied(model.policy), {}).eval()  # type: ignore[arg-type]
    raw = np.random.default_rng(0).normal(size=(6, 4)) * 3
    expected, _ = model.predict(raw, deterministic=True)
    (found,) = deciding(torch.tensor(raw, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_boxes_of_whole_numbers() -> None:
    model = exported.anyhow(exported.BOX, spaces.Box(0, 9, (2,), np.int64))
    with pytest.raises(ExportError, match="must be floats"):
        Deciding(model.policy, {})
