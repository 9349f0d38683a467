"""Recordings to analyse."""

import pytest
from analysis.made import random_recording

from sb3_prune.analysis import Recording


@pytest.fixture
def recording() -> Recording:
    """Return five episodes of two ReLU layers; some units are silent."""
    return random_recording()
