"""The command ``sb3-prune``."""

from sb3_prune.cli.main import main as main
