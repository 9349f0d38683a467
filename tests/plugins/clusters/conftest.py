"""Fixtures of the commands' tests."""

from cli.conftest import command, refused, sac_zip, zoo_zip

__all__ = ["command", "refused", "sac_zip", "zoo_zip"]
