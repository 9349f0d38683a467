"""Tests for plugins/lazy.py, and of our own plug-ins, which use it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from sb3_prune.plugins.lazy import lazy

OURS = ["baselines", "clusters", "dsp", "reconstruct", "xinet"]


def test_a_name_is_imported_from_its_home() -> None:
    find = lazy("email", {"message": ["Message"], "utils": ["quote", "unquote"]})
    assert find("Message") is import_module("email.message").Message
    assert find("unquote") is import_module("email.utils").unquote
    with pytest.raises(AttributeError, match="'email' has no attribute 'message'"):
        find("message")


@pytest.mark.parametrize("name", OURS)
def test_our_packages_offer_their_names(name: str) -> None:
    package = import_module(f"sb3_prune_{name}")
    for home, names in package.HOMES.items():
        module = import_module(f"{package.__name__}.{home}")
        for each in names:
            assert getattr(package, each) is getattr(module, each)
            assert each in package.__all__


@pytest.mark.parametrize("name", OURS)
def test_our_packages_are_light(name: str) -> None:
    code = f"import sys, sb3_prune_{name}; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
