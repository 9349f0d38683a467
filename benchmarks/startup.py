"""(n) How long do an import and the command's short answers take?"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable

from benchmarks.harness import Table, rates, ratio

IMPORTS = ("import sb3_prune", "from sb3_prune import *")
ANSWERS = ("--version", "--help", "pruen")
"""What the command answers without an agent; the last one is a typing error."""
BARE, SB3 = "bare interpreter", "import stable_baselines3"
RATIO, SECONDS = 1.15, 0.3
"""Most times SB3's import that ours takes; most seconds that an answer takes."""


def fresh(*arguments: str) -> Callable[[], int]:
    """Return a function that runs a fresh interpreter with these arguments."""
    # Installed packages are compiled once; so are we, in the turn to warm up.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def work() -> int:
        line = [sys.executable, *arguments]
        subprocess.run(line, check=False, capture_output=True, env=env)
        return 1

    return work


def run() -> Table:
    """Compare imports with SB3's, and the command's answers with a bare start."""
    table = Table(
        "(n) A fresh interpreter: imports, and answers of `sb3-prune`",
        ["what", "seconds", "beyond a bare start, s", f"times {SB3}"],
    )
    contenders = {BARE: fresh("-c", "pass")}
    contenders |= {code: fresh("-c", code) for code in (SB3, *IMPORTS)}
    contenders |= {f"sb3-prune {a}": fresh("-m", "sb3_prune", a) for a in ANSWERS}
    found = rates(contenders)
    beyond = {}
    for name, rate in found.items():
        pairs = zip(rate, found[BARE], strict=True)
        beyond[name] = statistics.median(1 / ours - 1 / bare for ours, bare in pairs)
        seconds = statistics.median(1 / each for each in rate)
        table.rows.append([name, seconds, beyond[name], ratio(found[SB3], rate)])
    for code in IMPORTS:
        times = ratio(found[SB3], found[code])
        text = f"`{code}` takes at most {RATIO} times `{SB3}` (measured {times:.2f})"
        table.claim(text, times <= RATIO)
    for name in (f"sb3-prune {a}" for a in ANSWERS):
        text = f"`{name}` answers within {SECONDS} s of a bare start"
        table.claim(f"{text} (measured {beyond[name]:.2f})", beyond[name] <= SECONDS)
    return table
