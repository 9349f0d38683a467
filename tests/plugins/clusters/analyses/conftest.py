"""Recordings to analyse."""

import pytest

from sb3_prune.analysis import Recording
from analysis.made import random_recording


@pytest.fixture
def recording() -> Recording:
    """Return five episodes of two ReLU layers; some units are silent."""
    return random_recording()
