"""Hyperparameters: the values that arguments of SB3's algorithms may have."""

from __future__ import annotations

import math
import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np

from sb3_prune.exceptions import ConfigError

LARGEST = sys.float_info.max
"""Largest finite number."""


class _Rule(Protocol):
    """What a value must be; ``str`` says it."""

    def accepts(self, value: Any) -> bool:
        """Tell whether a value is allowed."""


@dataclass(frozen=True, kw_only=True)
class _Number:
    """A number in a range, or one of a few other values."""

    low: float = 0
    high: float = LARGEST
    above: bool = False
    """Whether the number must be above ``low``."""
    whole: bool = False
    others: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        if isinstance(value, bool | np.bool_):
            return False
        if not isinstance(value, Integral if self.whole else Real):
            return value in self.others
        # NumPy would round the limits to its own precision.
        value = value if isinstance(value, int) else float(value)
        begins = value > self.low if self.above else value >= self.low
        return (begins and value <= self.high) or value in self.others

    def __str__(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        start = "above" if self.above else "of at least"
        end = "" if self.high >= LARGEST else f" and at most {self.high}"
        low = "" if self.low == -LARGEST else f" {start} {self.low}{end}"
        return " or ".join([noun + low, *map(repr, self.others)])


@dataclass(frozen=True)
class _Test:
    """Any test, in words."""

    words: str
    accepts: Callable[[Any], bool]

    def __str__(self) -> str:
        return self.words


def _is_frequency(value: Any) -> bool:
    count, *units = value if isinstance(value, tuple) and value else (value,)
    known = [[], ["step"], ["episode"]]
    return COUNT.accepts(count) and [getattr(u, "value", u) for u in units] in known


def _is_entropy(value: Any) -> bool:
    start, _, number = str(value).partition("auto_")
    if isinstance(value, str) and number and not start:
        try:
            return 0 < float(number) <= LARGEST
        except ValueError:
            return False
    return _Number(others=("auto",)).accepts(value)


COUNT = _Number(low=1, high=2**31 - 1, whole=True)
UNITS = _Number(low=1, high=2**16, whole=True)
_FROM_0 = _Number(high=2**31 - 1, whole=True)
_OR_OFF = _Number(low=1, high=2**31 - 1, whole=True, others=(-1,))
_ABOVE_0 = _Number(above=True)
_LIMIT = _Number(above=True, high=math.inf)
_AT_LEAST_0 = _Number()
_SHARE = _Number(high=1)
_SOME = _Number(high=1, above=True)
_FLAG = _Test("true or false", lambda value: isinstance(value, bool | np.bool_))
_MAPPING = _Test("a JSON object", lambda value: isinstance(value, Mapping))

RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(("batch_size", "buffer_size", "n_steps", "n_epochs"), COUNT),
    **dict.fromkeys(("target_update_interval", "policy_delay"), COUNT),
    **dict.fromkeys(("stats_window_size", "cg_max_steps", "n_critic_updates"), COUNT),
    **dict.fromkeys(("line_search_max_iter", "sub_sampling_factor"), COUNT),
    **dict.fromkeys(("learning_starts", "top_quantiles_to_drop_per_net"), _FROM_0),
    **dict.fromkeys(("gradient_steps", "sde_sample_freq"), _OR_OFF),
    **dict.fromkeys(("gamma", "gae_lambda"), _SHARE),
    **dict.fromkeys(("exploration_initial_eps", "exploration_final_eps"), _SHARE),
    **dict.fromkeys(("tau", "exploration_fraction"), _SOME),
    "line_search_shrinking_factor": _SOME,
    **dict.fromkeys(("clip_range", "clip_range_vf", "target_kl"), _ABOVE_0),
    **dict.fromkeys(("rms_prop_eps", "epsilon"), _ABOVE_0),
    # Infinity: do not clip.
    **dict.fromkeys(("max_grad_norm", "clip_obs", "clip_reward"), _LIMIT),
    **dict.fromkeys(("vf_coef", "cg_damping"), _AT_LEAST_0),
    **dict.fromkeys(("target_policy_noise", "target_noise_clip"), _AT_LEAST_0),
    "ent_coef": _Test("a number of at least 0, 'auto' or 'auto_NUMBER'", _is_entropy),
    "target_entropy": _Number(low=-LARGEST, others=("auto",)),
    "train_freq": _Test('a whole number above 0 or [5, "step"]', _is_frequency),
    **dict.fromkeys(("use_sde", "use_sde_at_warmup", "normalize_advantage"), _FLAG),
    **dict.fromkeys(("use_rms_prop", "optimize_memory_usage"), _FLAG),
    **dict.fromkeys(("policy_kwargs", "replay_buffer_kwargs"), _MAPPING),
    "rollout_buffer_kwargs": _MAPPING,
    "decomposition": _Test(
        "'sum' or 'independent'", {"sum", "independent"}.__contains__
    ),
}
"""Argument of an algorithm -> what its value must be."""


def check_values(
    values: Mapping[str, Any], defaults: Mapping[str, Any], where: str
) -> None:
    """Check the values of arguments of an algorithm.

    None is allowed where it is the default.

    Args:
        values: Values by the name of the argument; other names are not looked at.
        defaults: Default of every argument of the algorithm.
        where: Where the values are from, for error messages.

    Raises:
        ConfigError: A value is out of range, or no finite number.
    """
    for name, value in values.items():
        if name not in defaults or (value is None and defaults[name] is None):
            continue
        rule = RULES.get(name)
        if name == "ent_coef" and not isinstance(defaults[name], str):
            rule = _AT_LEAST_0  # Only algorithms whose default is "auto" learn it.
        if rule is not None and not (callable(value) or rule.accepts(value)):
            raise ConfigError(
                f"{where}: {name} must be {rule}, got {reprlib.repr(value)}."
            )
