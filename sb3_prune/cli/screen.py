"""``sb3-prune screen``: does screening pay, for an algorithm in an environment?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from sb3_prune.cli.algorithms import Algorithm, find_algorithm
from sb3_prune.cli.environments import EnvMaker, find_env
from sb3_prune.cli.lines import TrainOptions
from sb3_prune.cli.options import NewAgentOptions
from sb3_prune.cli.outputs import as_json, as_png
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.seeds import ScreenOptions
from sb3_prune.cli.tables import aligned
from sb3_prune.cli.train import algorithm_kwargs, build
from sb3_prune.exceptions import ConfigError, RunFolderError, require_at_least
from sb3_prune.files import write_bytes
from sb3_prune.runs import Workers, on_cluster, strict
from sb3_prune.runs.folder import check_creatable, versions
from sb3_prune.runs.learning import learn_and_close
from sb3_prune.runs.tables import FORMATS, check_table
from sb3_prune.screening import (
    Judgement,
    Outcomes,
    Screener,
    ScreeningCallback,
    SolvedAt,
    judge,
    make_screener,
    plot_runs,
    plot_sweep,
    screen,
)
from sb3_prune.screening.batches import check_learning
from sb3_prune.screening.rates import Rate

SEEDS, NUMBERS, TABLE = "seeds", "screening.json", "seeds"
"""In the folder of results: a file per seed, the statistics, and the table's stem."""
PICTURES = ("thresholds.png", "runs.png")
"""Files of the figures."""
AGENT = [field.name for field in fields(NewAgentOptions)]
AGENT += ["env", "env_kwargs", "learning_rate", "algo_kwargs"]
"""Options on which an agent depends, besides its seed."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad, and nothing was written; or trainings have
            failed, or no threshold can be judged, and those that are finished and their
            table are kept.
    """
    options = parse(ScreenOptions, arguments, "screen")
    options.check()
    screener = make_screener(options.screener, parse_pairs("--option", options.option))
    given = {name: getattr(options, name) for name in AGENT}
    require_at_least("--timesteps", options.timesteps, screener.config.window)
    level = _level(options, _rehearsed(given, options.n_envs, screener))
    table = options.out / f"{TABLE}.{options.table}"
    _check_out(options.out, table)
    with _executor(options) as executor:
        rows = screen(
            partial(make_agent, n_envs=options.n_envs, **given),
            list(chain.from_iterable(chain(*options.ranges()))),
            screener,
            folder=options.out / SEEDS,
            steps=options.timesteps,
            solved=SolvedAt(level=level, episodes=options.episodes),
            executor=executor,
            table=table,
        )
    _publish(options, screener, rows, table)


def make_agent(seed: int, *, n_envs: int, **given: Any) -> BaseAlgorithm:
    """Build the agent that ``train --strategy none`` would train.

    Args:
        seed: Seed of the agent and of its environments.
        n_envs: Number of environments.
        **given: Options of ``train`` that describe the agent.
    """
    options = TrainOptions(seed=seed, out=Path(), strategy="none", **given)
    algorithm, maker = _found(options)
    env = maker.make(n_envs, seed)
    return build(algorithm, env, options, algorithm_kwargs(options, algorithm))


def _found(options: TrainOptions) -> tuple[Algorithm, EnvMaker]:
    algorithm = find_algorithm(options.algo)
    if options.policy != "auto":
        algorithm.policy_class(options.policy)
    maker = find_env(
        options.env,
        parse_pairs("--env-kwargs", options.env_kwargs),
        lambda space: isinstance(space, algorithm.action_spaces),
    )
    return algorithm, maker


def _rehearsed(given: Mapping[str, Any], n_envs: int, screener: Screener) -> EnvMaker:
    """Measure an agent once, so that mistakes are told before thousands are trained."""
    options = TrainOptions(out=Path(), strategy="none", n_envs=n_envs, **given)
    options.check_numbers()
    model: Any = make_agent(0, n_envs=n_envs, **given)
    check_learning(model)
    model.set_logger(Logger(None, []))
    learn_and_close(model, screener.config.window, ScreeningCallback(screener))
    return _found(options)[1]


def _level(options: ScreenOptions, maker: EnvMaker) -> float:
    """Return the mean return at which the task is solved.

    Raises:
        ConfigError: It is not given, and Gymnasium's register has none.
    """
    level = maker.spec.reward_threshold if options.level is None else options.level
    if level is None:
        raise ConfigError(
            f"--level is missing: nobody says when '{maker.spec.id}' is solved."
        )
    return float(level)


def _check_out(out: Path, table: Path) -> None:
    """Check that results may be written to a folder.

    Raises:
        MissingExtraError: The table needs an extra that is not installed.
        RunFolderError: It is there and is not that of an earlier call, or cannot be
            written to.
    """
    check_creatable(out / NUMBERS)
    if out.exists() and not (out.is_dir() and (out / SEEDS).is_dir()):
        raise RunFolderError(
            f"'{out}' exists and has no folder {SEEDS}: choose another folder."
        )
    check_table(table)


def _executor(options: ScreenOptions) -> AbstractContextManager[Executor]:
    if options.scheduler is not None:
        return on_cluster(options.scheduler)
    return Workers(options.workers)


# What is written, and printed.


def _publish(
    options: ScreenOptions,
    screener: Screener,
    rows: Sequence[Mapping[str, Any]],
    table: Path,
) -> None:
    earlier = {f"{TABLE}{ending}" for ending in FORMATS} - {table.name}
    for name in (NUMBERS, *PICTURES, *earlier):  # Of other seeds than this call's.
        (options.out / name).unlink(missing_ok=True)
    count = sum(map(len, options.ranges()[0]))
    train, test = Outcomes.of(rows[:count]), Outcomes.of(rows[count:])
    found = judge(
        train,
        test,
        window=_cost(screener.config.window, options.n_envs),
        above=screener.config.direction == "above",
        step=options.step,
        limits=options.within or [options.timesteps],
    )
    content = {
        "screener": {"name": screener.name, **asdict(screener.config)},
        "seeds": {"train": options.seeds, "test": options.test_seeds},
        "versions": versions(),
        **found.to_dict(),
    }
    figures = (
        plot_sweep(found.sweep),
        plot_runs(test, found.sweep.chosen, screener.name),
    )
    for name, figure in zip(PICTURES, figures, strict=True):
        write_bytes(options.out / name, as_png(figure))
    write_bytes(options.out / NUMBERS, as_json(content))
    if options.json:
        print(strict.dumps(content))
        return
    print("\n".join(lines(screener, found)))
    print(f"\n{options.out} has {', '.join([table.name, NUMBERS, *PICTURES])}")


def _cost(window: int, n_envs: int) -> int:
    """Return the steps of a run that is given up: all environments step at once."""
    return -(-window // n_envs) * n_envs


def lines(screener: Screener, found: Judgement) -> Iterator[str]:
    """Yield what was found: boosts, success rates, relation, and the verdict."""
    sweep = found.sweep
    yield f"{screener.name}: threshold {sweep.chosen}, chosen on the training seeds"
    yield ""
    rows = [["", "boost %", "95 % interval", "p", "runs kept"]]
    gains = {"training seeds": sweep.train_gain, "held-out seeds": sweep.test_gain}
    for name, gain in gains.items():
        low, high = gain.interval
        span = f"{low:+.1f} to {high:+.1f}"
        p_value = "" if gain.p_value is None else f"{gain.p_value:.2g}"
        rows.append([name, f"{gain.boost:+.1f}", span, p_value, f"{gain.kept:.0%}"])
    yield from aligned(rows)
    yield ""
    for rates in found.rates:
        told = f"solved within {rates.limit:g} steps: {_share(rates.all)} of all, "
        against = _p(rates.p_value, "kept against given up: ")
        yield f"{told}{_share(rates.kept)} of the kept{against}"
    if (related := found.relation) is not None:
        told = f"{related.correlation:+.2f} on {related.seeds} held-out seeds"
        yield f"rank correlation with the steps: {told}{_p(related.p_value)}"
    yield found.verdict


def _share(rate: Rate) -> str:
    share = "-" if rate.share is None else f"{rate.share:.1%}"
    return f"{share} ({rate.successes} of {rate.runs})"


def _p(value: float | None, what: str = "") -> str:
    return "" if value is None else f" ({what}p = {value:.2g})"
