"""Recordings to analyse."""

import pytest
from recording.made import random_recording

from sb3_prune.recording import Recording


@pytest.fixture
def recording() -> Recording:
    """Return five episodes of two ReLU layers; some units are silent."""
    return random_recording()
