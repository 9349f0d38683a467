"""Fixtures of the commands' tests."""

from cli.conftest import command as command
from cli.conftest import refused as refused
from cli.conftest import sac_zip as sac_zip
