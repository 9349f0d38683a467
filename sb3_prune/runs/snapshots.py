"""Snapshots: the state of a model that SB3's zip does not contain.

There is one safetensors file each for the replay buffer, for the transitions from which
an OFEXiNet learns on-policy, for the statistics of ``VecNormalize`` and for the random
generators. Nothing is pickled.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import CheckpointError
from sb3_prune.networks.ofexinet import ofexinet_of
from sb3_prune.networks.transitions import Transitions
from sb3_prune.plugins.options import entry_of
from sb3_prune.recording.leaving import end_episode
from sb3_prune.recording.normalisation import frozen_statistics
from sb3_prune.runs.snapshot import Arrays, Snapshot, damage
from sb3_prune.surgery.flow.ports import by_key

REPLAY, TRANSITIONS, STATISTICS, RANDOM = (
    f"{name}.safetensors" for name in ("replay", "transitions", "statistics", "random")
)
"""Names of the files; files of parts that a model does not have are not written."""


def take(model: BaseAlgorithm) -> dict[str, Snapshot]:
    """Return the snapshots of a model by file name.

    Raises:
        CheckpointError: The replay buffer holds objects that are not arrays of numbers.
    """
    taken = {RANDOM: _random(model)}
    buffer, env = _buffer(model), model.get_vec_normalize_env()
    memory = _memory(model)
    if buffer is not None:
        taken[REPLAY] = Snapshot(arrays=_filled(buffer), values=_numbers(buffer))
    if memory is not None:
        taken[TRANSITIONS] = _transitions(memory)
    if env is not None:
        taken[STATISTICS] = _statistics(env)
    return taken


def restore(model: BaseAlgorithm, folder: Path) -> None:
    """Restore a model's snapshots; the random generators come last.

    Then the first episode of a normalised environment begins.

    Args:
        model: A model that was loaded from its zip, with its environment.
        folder: Folder of the snapshots' files.

    Raises:
        CheckpointError: A file is missing, damaged or does not fit.
    """
    with damage(folder / STATISTICS):
        _restore_statistics(model.get_vec_normalize_env(), folder / STATISTICS)
    buffer, memory = _buffer(model), _memory(model)
    if buffer is not None:
        with damage(folder / REPLAY):
            _restore_buffer(buffer, folder / REPLAY)
    if memory is not None:
        with damage(folder / TRANSITIONS):
            _restore_transitions(memory, folder / TRANSITIONS)
    with damage(folder / RANDOM):
        _restore_random(model, Snapshot.read(folder / RANDOM))
    _begin_normalised(model)


def _require_fit(path: Path, name: str, saved: object, here: object) -> None:
    if saved != here:
        raise CheckpointError(
            f"'{path}' does not fit the model: {name} was {saved}, the model has "
            f"{here}."
        )


# The replay buffer.


def _buffer(model: BaseAlgorithm) -> ReplayBuffer | None:
    return getattr(model, "replay_buffer", None)


def _filled(buffer: ReplayBuffer) -> Arrays:
    """Return a view of the filled part of every array, by name."""
    # One row more: a memory-optimised buffer stores the next observation there.
    rows = buffer.buffer_size if buffer.full else buffer.pos + 1
    filled = {}
    for name, array in _arrays(buffer):
        per_step = array.shape[:2] == (buffer.buffer_size, buffer.n_envs)
        filled[name] = array[:rows] if per_step else array
    return {name: array for name, array in filled.items() if _has_numbers(name, array)}


def _arrays(buffer: ReplayBuffer) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in vars(buffer).items():
        items = value.items() if isinstance(value, dict) else [("", value)]
        for key, item in items:
            path = f"{name}/{key}".rstrip("/")
            if isinstance(item, np.ndarray):
                yield path, item
            elif isinstance(item, torch.Tensor | list | set | deque):
                raise _unspeakable(path, type(item).__name__)


def _has_numbers(name: str, array: NDArray[Any]) -> bool:
    """Tell whether an array holds numbers; refuse arrays with objects in them."""
    if array.dtype != object:
        return True
    if any(array.flat):  # Allowed are only the empty dictionaries that HER stores.
        raise _unspeakable(name, "objects")
    return False


def _unspeakable(name: str, kind: str) -> CheckpointError:
    return CheckpointError(
        f"'{name}' of the replay buffer ({kind}) cannot be saved: expected arrays of "
        "numbers, dictionaries of such arrays, or numbers (for HER, pass "
        "copy_info_dict=False)."
    )


def _numbers(buffer: ReplayBuffer) -> dict[str, Any]:
    items = vars(buffer).items()
    return {name: v for name, v in items if isinstance(v, bool | int | float)}


def _restore_buffer(buffer: ReplayBuffer, path: Path) -> None:
    saved = Snapshot.read(path)
    for name in ("buffer_size", "n_envs"):
        _require_fit(path, name, saved.values.get(name), getattr(buffer, name))
    for name, here in _numbers(buffer).items():
        if name in saved.values:
            kind = bool if isinstance(here, bool) else int | float
            setattr(buffer, name, entry_of(saved.values, name, kind, f"'{path}'"))
    inside = 0 <= buffer.pos < buffer.buffer_size
    _require_fit(path, "the position inside", inside, True)
    views = _filled(buffer)
    _require_fit(path, "its content", sorted(saved.arrays), sorted(views))
    for name, view in views.items():
        _require_fit(path, name, _form(saved.arrays[name]), _form(view))
        view[...] = saved.arrays[name]
    if buffer.size():
        end_episode(buffer)


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


# The transitions from which an OFEXiNet learns on-policy.


def _memory(model: BaseAlgorithm) -> Transitions | None:
    net = ofexinet_of(model.policy)
    on_policy = isinstance(model, OnPolicyAlgorithm)
    return net.memory if on_policy and net is not None else None


def _transitions(memory: Transitions) -> Snapshot:
    state = memory.state_dict()
    return Snapshot(arrays={"raw_pairs": state.pop("raw_pairs")}, values=state)


def _restore_transitions(memory: Transitions, path: Path) -> None:
    saved = Snapshot.read(path)
    state = {**saved.arrays, **saved.values}
    _require_fit(path, "its content", sorted(state), sorted(memory.state_dict()))
    memory.load_state_dict(state)


# Statistics of a normalised environment.


def _running(env: VecNormalize) -> dict[str, RunningMeanStd]:
    found: dict[str, RunningMeanStd] = {"rewards": env.ret_rms}
    if env.norm_obs:
        seen = by_key(env.obs_rms).items()
        found |= {f"observations/{key}": value for key, value in seen}
    return found


def _statistics(env: VecNormalize) -> Snapshot:
    running = _running(env).items()
    arrays: Arrays = {f"{name}/mean": np.asarray(r.mean) for name, r in running}
    arrays |= {f"{name}/var": np.asarray(r.var) for name, r in running}
    counts = {name: float(r.count) for name, r in running}
    return Snapshot(arrays=arrays, values=counts)


def _restore_statistics(env: VecNormalize | None, path: Path) -> None:
    _require_fit(path, "VecNormalize", path.is_file(), env is not None)
    if env is None:
        return
    saved, running = Snapshot.read(path), _running(env)
    _require_fit(path, "the normalised data", sorted(saved.values), sorted(running))
    for name, rms in running.items():
        mean, var = saved.arrays[f"{name}/mean"], saved.arrays[f"{name}/var"]
        for array, here in ((mean, rms.mean), (var, rms.var)):
            _require_fit(path, name, _form(array), _form(np.asarray(here)))
        rms.mean, rms.var = mean, var
        rms.count = entry_of(saved.values, name, float, f"'{path}'")


def _begin_normalised(model: Any) -> None:
    """Begin the first episode without counting its observation.

    ``learn`` would count it. Where an episode had just ended, the statistics have
    counted the beginning of the next one already.
    """
    env = model.get_vec_normalize_env()
    if env is None:
        return
    with frozen_statistics(model.env):
        model._last_obs = model.env.reset()
    model._last_episode_starts = np.ones(model.env.num_envs, dtype=bool)
    model._last_original_obs = env.get_original_obs()


# Random generators.


def _random(model: BaseAlgorithm) -> Snapshot:
    version, words, gauss = random.getstate()
    numpy: Any = np.random.get_state(legacy=True)
    kind, keys, *rest = numpy
    arrays: Arrays = {
        "python": np.array(words, np.int64),
        "numpy": keys,
        "torch": torch.get_rng_state().numpy(),
    }
    if model.device.type == "cuda":
        arrays["cuda"] = torch.cuda.get_rng_state(model.device).numpy()
    values = {
        "python": [version, gauss],
        "numpy": [kind, *rest],
        "action_space": model.action_space.np_random.bit_generator.state,
    }
    return Snapshot(arrays=arrays, values=values)


def _restore_random(model: BaseAlgorithm, saved: Snapshot) -> None:
    version, gauss = saved.values["python"]
    random.setstate((version, tuple(saved.arrays["python"].tolist()), gauss))
    kind, *rest = saved.values["numpy"]
    np.random.set_state((kind, saved.arrays["numpy"], *rest))
    torch.set_rng_state(torch.from_numpy(saved.arrays["torch"]))
    if model.device.type == "cuda" and "cuda" in saved.arrays:
        state = torch.from_numpy(saved.arrays["cuda"])
        torch.cuda.set_rng_state(state, model.device)
    bits: Any = model.action_space.np_random.bit_generator
    bits.state = saved.values["action_space"]
