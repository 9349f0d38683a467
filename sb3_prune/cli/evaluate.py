"""``sb3-prune evaluate``: measure return, success, size and speed of a saved agent."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sb3_prune.cli.lines import EvaluateOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import announce, maker_for, warn_of_repeats
from sb3_prune.cli.results import measure
from sb3_prune.cli.zips import read_zip
from sb3_prune.evaluation.episodes import evaluate
from sb3_prune.exceptions import require_at_least
from sb3_prune.runs import strict


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad.
    """
    options = parse(EvaluateOptions, arguments, "evaluate")
    require_at_least("--episodes", options.episodes)
    torch.set_num_threads(1)
    saved = read_zip(options.model, options.algo)
    maker = maker_for(saved, options)
    env = maker.make_test(options.episodes, options.seed)
    model = saved.load(env)
    announce(maker, options)
    warn_of_repeats(saved, maker, options, env.num_envs)
    result = evaluate(model, env, episodes=options.episodes, seed=options.seed)
    size = measure(model)
    if options.json:
        print(strict.dumps(result.to_dict() | size.to_dict()))
    else:
        print("\n".join([f"return      {result}", *size.lines()]))
