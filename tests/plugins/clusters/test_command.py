"""Tests for clusters/command.py; test_projecting.py runs the command."""

import subprocess
import sys

from sb3_prune_clusters import ProjectCommand

from sb3_prune import plugins


def test_it_is_registered() -> None:
    assert plugins.commands()["project"] is ProjectCommand


def test_its_row_in_the_help_needs_no_torch() -> None:
    code = (
        "import sys; from sb3_prune_clusters.command import ProjectCommand as C\n"
        "print(C.summary()); assert 'torch' not in sys.modules"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("Predict the hidden units")
