"""The command ``sb3-prune``."""

from sb3_prune.cli.dispatch import main as main
