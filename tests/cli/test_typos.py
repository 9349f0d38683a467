"""Tests for cli/typos.py."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from sb3_prune import plugins
from sb3_prune.cli import typos
from sb3_prune.cli.parsing import UsageError
from sb3_prune.cli.typos import names_in_strategies, refuse_typos

OURS = [(name, cls) for name, cls in plugins.strategies().items()]


@pytest.mark.parametrize(("name", "cls"), OURS)
def test_every_option_of_a_strategy_is_found(name: str, cls: type) -> None:
    named = {field.name for field in fields(cls.Config)}  # type: ignore[attr-defined]
    assert named and named <= names_in_strategies(), name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --algoo ppo", "Unrecognized options: --algoo. Did you mean --algo? "),
        ("prune a.zip --out r --typo 3", "Unrecognized options: --typo. See sb3-prune"),
        ("train --final-sparsityy=3", "Did you mean --final-sparsity?"),
    ],
)
def test_a_typing_error_is_answered_without_torch(line: str, said: str) -> None:
    code = (
        "import sys; from sb3_prune.cli.dispatch import main; "
        f"print(main({line.split()!r}), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "False"]
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_what_may_be_an_option_is_left_to_the_strategy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_typos({"--typo"}, {"--algo"}, "train")  # Torch is imported here.
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(UsageError, match="--typo"):
        refuse_typos({"--typo"}, {"--algo"}, "train")
    for given in ({"--final_sparsity", "-1"}, {"--typo", "--help"}, {"--dsp.typo"}):
        refuse_typos(given, {"--algo"}, "train")
    monkeypatch.setattr(typos, "_plugins", lambda: iter([("theirs", False)]))
    refuse_typos({"--typo"}, {"--algo"}, "train")
