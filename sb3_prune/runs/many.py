"""Many: carry out jobs, such as trainings, side by side and each only once.

A finished job leaves a small JSON file, by which the next call knows that it is done.
That costs less than a millisecond, so that there is no other form for short jobs; a
table of all results is written at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from tqdm import tqdm

from sb3_prune.exceptions import (
    ConfigError,
    JobsFailedError,
    last_line,
    require_at_least,
)
from sb3_prune.files import write_text
from sb3_prune.runs.attempts import Answer, Attempts
from sb3_prune.runs.folder import check_creatable
from sb3_prune.runs.jobs import (
    BEGUN,
    ENDED,
    Job,
    Result,
    begun,
    folder_of,
    path_of,
    read,
    read_text,
    require_same_job,
    text_of,
    without_settings,
)
from sb3_prune.runs.tables import check_table, rows_of, write_table
from sb3_prune.runs.workers import Workers


def carry_out(
    jobs: Iterable[Job],
    folder: str | Path,
    *,
    work: str | Path | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    attempts: int = 3,
    table: str | Path | None = None,
    on_result: Callable[[Job, Result], object] | None = None,
    desc: str = "jobs",
) -> dict[str, Result]:
    """Carry out the jobs that are not finished yet; return the results of all.

    A job that fails, or whose process dies, does not stop the others. Ctrl-C stops all
    and leaves what is finished. A job that another call is carrying out fails.

    Args:
        jobs: The jobs. They may start in any order.
        folder: Folder of the results, ``<name>.json``.
        work: Folder of the folders of unfinished jobs, ``<name>.unfinished/``; by
            default that of the results. The workers must see it if jobs use it.
        executor: Where to carry them out, any that has ``submit``, such as that of
            :func:`~sb3_prune.runs.on_cluster`; it is not shut down. Or a function that
            makes one, and another when that one breaks. By default
            :class:`~sb3_prune.runs.Workers`: two processes with one thread of torch
            each.
        attempts: How often a job may end its worker before it is given up.
        table: File of all results that there are, written when this ends, by Ctrl-C and
            failures, too: ``.csv``, or ``.parquet`` with the extra ``parquet``. It has
            a row per finished job, in the order of the jobs; without any there is none.
        on_result: Called with each new result as soon as it is saved.
        desc: Name of the progress bar, which is shown only on a terminal.

    Returns:
        The results by name, in the order of the jobs, as JSON has stored them: tuples
        are lists, keys are texts.

    Raises:
        ConfigError: Two jobs have the same name, or a value is out of range. Nothing
            was carried out.
        JobError: A saved result is damaged, or a finished or begun job has other
            settings. Nothing was carried out. Or the results fit no table.
        MissingExtraError: The table needs an extra that is not installed.
        RunFolderError: A folder cannot be written to. Nothing was carried out.
        JobsFailedError: Jobs have failed; all others are finished.
    """
    listed, root = list(jobs), Path(folder).resolve()
    require_at_least("attempts", attempts)
    check_table(table)
    _require_unique(job.name for job in listed)
    place = root if work is None else Path(work).resolve()
    found = _finished(listed, root, place)
    todo = [job for job in listed if found[job.name] is None]
    if todo:  # By it, the next call knows what was begun here.
        root.mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}
    done = len(listed) - len(todo)  # The rate is that of this call.
    bar = tqdm(total=len(listed), initial=done, desc=desc, unit="job", disable=None)
    ended = _ended(todo, root, place, executor, attempts)
    # Closing ends the workers at once, whatever is raised here in between.
    with _tabled(table, listed, root), bar, closing(ended):
        for job, text, problem in ended:
            bar.update()
            if problem:
                failures[job.name] = problem
                bar.write(f"{job.name}: {last_line(problem)}", file=sys.stderr)
                continue
            found[job.name] = without_settings(json.loads(text))
            if on_result is not None:
                on_result(job, found[job.name] or {})
    results = {name: result for name, result in found.items() if result is not None}
    if failures:
        raise JobsFailedError(failures, results)
    return results


def _finished(jobs: list[Job], root: Path, place: Path) -> dict[str, Result | None]:
    """Return the results that there are, and None for jobs that can be carried out."""
    found = {job.name: read(job, root) for job in jobs}
    todo = [job for job in jobs if found[job.name] is None]
    for job in todo:
        require_same_job(job, folder_of(job, place))
    for target in {root, place} if todo else ():
        check_creatable(target / "any.json")
    for job in jobs:  # A caller that was killed may have left the last ones.
        if found[job.name] is not None:
            shutil.rmtree(folder_of(job, place), ignore_errors=True)
    return found


@contextmanager
def _tabled(table: str | Path | None, jobs: list[Job], root: Path) -> Iterator[None]:
    """Write the table of what is finished, if anything is, however the block ends."""
    try:
        yield
    finally:
        if table is not None:
            rows = rows_of((job.name, read(job, root)) for job in jobs)
            if rows:
                write_table(table, rows)
            elif jobs:  # One that is there tells of other jobs.
                Path(table).unlink(missing_ok=True)


# The jobs.


def _require_unique(names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"Every job needs a name of its own; twice: {twice}.")


def _ended(
    jobs: list[Job],
    root: Path,
    work: Path,
    executor: Executor | Callable[[], Executor] | None,
    most: int,
) -> Generator[tuple[Job, str, str]]:
    """Yield each job when it ends, with the text of its file or why there is none."""
    if not jobs:
        return
    if executor is None:
        with Workers(min(2, len(jobs))) as workers:
            workers.submit(os.getpid).result()  # If none can be started, no job failed.
            yield from _ended(jobs, root, work, workers, most)
        return
    attempts = Attempts(
        executor,
        partial(_submit, root=root, work=work),
        lambda job: (folder_of(job, work) / BEGUN).is_file(),
        most,
    )
    try:
        for job, future in attempts.ended(jobs):
            yield job, *_save(future, job, root, work)
    except BaseException as error:  # Ctrl-C: the done is saved, the waiting not begun.
        for future, tried in attempts.open.items():
            if not future.cancel() and future.done():
                _save(future, tried.job, root, work)
        attempts.close(error)
        raise
    attempts.close()


def _submit(executor: Executor, job: Job, root: Path, work: Path) -> Future[Answer]:
    try:
        return executor.submit(_attempt, job, root, folder_of(job, work))
    except RuntimeError as error:  # The executor is broken.
        failed: Future[Answer] = Future()
        failed.set_exception(error)
        return failed


def _attempt(job: Job, root: Path, folder: Path) -> Answer:
    """Carry out a job where the executor says; return its file's text, or a problem.

    Not every exception survives the way back from another process, so texts are sent.
    """
    try:
        with begun(job, folder):
            # Another call may have ended it meanwhile. It moves the result from the
            # first place to the second.
            for path in (folder / ENDED, path_of(job, root)):
                if (text := read_text(job, path)) is not None:
                    return text, ""
            text = text_of(job, job.function(folder, **job.arguments))
            with suppress(OSError):  # The folder is gone, or the disk full: told later.
                write_text(folder / ENDED, text)
            return text, ""
    except (Exception, SystemExit):
        return "", traceback.format_exc()


def _save(future: Future[Answer], job: Job, root: Path, work: Path) -> Answer:
    """Write the file of a job that has ended; return its text, or a problem.

    What another call has written meanwhile stays, whatever has become of the job here.
    """
    path = path_of(job, root)
    try:
        there = read_text(job, path)
        text, problem = future.result() if there is None else (there, "")
        if there is None and not problem:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        if not problem:
            shutil.rmtree(folder_of(job, work), ignore_errors=True)
    except Exception as error:  # Executors have errors of their own; the disk is full.
        return "", f"{type(error).__name__}: {error}"
    return text, problem
