"""Errors of sb3-prune: one common base class, one subclass per kind of mistake.

Every message names the wrong value, what was expected and which choices exist.
"""

from __future__ import annotations

import difflib
import math
import os
import sys
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

MOST_SHOWN = 20
"""Number of failed jobs that a message lists."""


class SB3PruneError(Exception):
    """Base class of every error that sb3-prune raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # As it is pickled by default, the constructor gets the message alone, and one
        # with other arguments breaks the process pool through which the error travels.
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(
    cls: type[SB3PruneError], args: tuple[Any, ...], attributes: Mapping[str, Any]
) -> SB3PruneError:
    error = cls.__new__(cls, *args)
    vars(error).update(attributes)
    return error


class UnknownNameError(SB3PruneError, LookupError):
    """There is no strategy, layer, environment or algorithm of the given name."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = ""
    ) -> None:
        names = sorted(known)
        by_letters = {each.lower(): each for each in names}
        near = difflib.get_close_matches(str(name).lower(), by_letters, n=1)
        close = [by_letters[each] for each in near]
        guess = f" Did you mean '{close[0]}'?" if close else ""
        listing = ", ".join(names) or "(none)"
        tail = f" {hint}" if hint else ""
        super().__init__(f"Unknown {kind} '{name}'.{guess} Known: {listing}.{tail}")
        self.name = name


class NameConflictError(SB3PruneError):
    """Two plug-ins registered different classes under one name."""


class PluginError(SB3PruneError):
    """A plug-in breaks the rules of the hooks."""


class UnsupportedPolicyError(SB3PruneError, TypeError):
    """sb3-prune cannot find or change the networks of this policy."""


class PlanError(SB3PruneError, ValueError):
    """A plan does not fit the network, and nothing was changed."""


class RetiredParameterError(SB3PruneError, RuntimeError):
    """Something still trains a parameter that a change of units has replaced."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(
            f"A parameter of shape {shape} was replaced when units of its layer "
            "changed, but an optimiser or a list still holds it, and asks for its "
            "gradient: it is no part of the agent any more. Make the optimiser an "
            "attribute of the model, or of a module of the policy, before units "
            "change: then it follows. Read parameters from their module each time."
        )


class TransplantError(SB3PruneError, ValueError):
    """An agent cannot be carried into the other spaces or networks; it is untouched."""


class ConfigError(SB3PruneError, ValueError):
    """A configuration value has the wrong type or is outside its range."""


class CompactError(SB3PruneError, ValueError):
    """No stock policy can represent the pruned network."""


class ExportError(SB3PruneError, ValueError):
    """An agent cannot be exported, or its export would act differently."""


class NonFiniteError(SB3PruneError, ValueError):
    """A weight, an observation or an action is NaN or infinite."""


class NoObservationsError(SB3PruneError, RuntimeError):
    """The model has no observations yet, so no activations can be recorded."""


class FewObservationsError(NoObservationsError):
    """A strategy looks at activations, on too few observations."""


class ScreeningError(SB3PruneError, RuntimeError):
    """No fresh agent passes its screener, or it does not see the whole window."""


class CheckpointError(SB3PruneError, OSError):
    """A saved agent cannot be read, or is for other spaces or other versions."""


class RunFolderError(SB3PruneError, FileExistsError):
    """A run or its results cannot be written to the given folder."""


class JobError(SB3PruneError, RuntimeError):
    """A job failed, or a saved result is damaged or of other settings."""


class MissingExtraError(SB3PruneError, ImportError):
    """Something needs a package that only an extra of sb3-prune installs."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed: "
            f"pip install 'sb3-prune[{extra}]'."
        )


class WorkerDiedError(JobError):
    """The process that carried out a job has died."""


class JobsFailedError(JobError):
    """Some of many jobs have failed; all others are finished.

    Attributes:
        failures: Name of each job that failed -> traceback, or what else is known.
        results: Name of each job that is finished -> its result.
    """

    def __init__(self, failures: Mapping[str, str], results: Mapping[str, Any]) -> None:
        reasons = [f"'{name}': {last_line(why)}" for name, why in failures.items()]
        more = len(reasons) - MOST_SHOWN
        hidden = [f"and {more} more, see failures"] if more > 0 else []
        listed = "\n  ".join([*reasons[:MOST_SHOWN], *hidden])
        super().__init__(
            f"{len(failures)} of {len(failures) + len(results)} jobs failed; the others"
            f" are finished. The next call tries these again:\n  {listed}"
        )
        self.failures, self.results = dict(failures), dict(results)


def last_line(text: str) -> str:
    """Return the last line of a traceback, which says what went wrong."""
    return text.strip().splitlines()[-1]


def shown(value: object) -> str:
    """Return a wrong value as text, for a message.

    Python refuses to write numbers of thousands of digits, and so would the message.
    """
    try:
        return repr(value)
    except ValueError:
        most = sys.get_int_max_str_digits()
        return f"a number of more than {most} digits ({type(value).__name__})"


def require_one_of(field: str, value: object, known: Iterable[str]) -> None:
    """Check that a configuration value is one of the known names.

    Raises:
        ConfigError: The value is not among the known names.
    """
    names = sorted(known)
    if value not in names:
        raise ConfigError(
            f"{field} must be one of {', '.join(names)}; got {shown(value)}."
        )


def require_at_least(field: str, value: int, least: int = 1) -> None:
    """Check that a configuration value is a whole number, not less than a limit.

    Raises:
        ConfigError: The value is no whole number, too small, or has more than 64 bits.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ConfigError(f"{field} must be a whole number, got {shown(value)}.")
    if value < least:
        raise ConfigError(f"{field} must be at least {least}, got {shown(int(value))}.")
    if value > sys.maxsize:
        raise ConfigError(
            f"{field} must be at most {sys.maxsize}, got {shown(int(value))}."
        )


def require_flag(field: str, value: object) -> None:
    """Check that a configuration value is True or False: most other values are true.

    Raises:
        ConfigError: It is neither.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{field} must be True or False, got {shown(value)}.")


def require_verbosity(value: int) -> None:
    """Check that the option ``verbose`` of a callback is a whole number, or a flag.

    Raises:
        ConfigError: It is neither, or negative.
    """
    if not isinstance(value, bool):
        require_at_least("verbose", value, 0)


def require_path(field: str, value: object) -> None:
    """Check that a configuration value is a path.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{field} must be a path, got {shown(value)}.")


def require_finite(field: str, value: object, least: float | None = 0.0) -> None:
    """Check that a configuration value is a finite number, not less than a limit.

    Args:
        field: Name of the value.
        value: The value.
        least: The limit; None if there is none.

    Raises:
        ConfigError: The value is no number, NaN, infinite, too large for a float, or
            too small.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (least is not None and number < least):
        limit = "" if least is None else f" and at least {least:g}"
        raise ConfigError(f"{field} must be finite{limit}, got {shown(value)}.")


def require_seed(field: str, value: int) -> None:
    """Check that a seed is one that NumPy takes.

    Raises:
        ConfigError: It is negative, or too large.
    """
    if not 0 <= value < 2**32:
        raise ConfigError(f"{field} must be in [0, 2**32), got {value}.")
