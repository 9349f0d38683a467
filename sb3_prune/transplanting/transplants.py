"""Transplant: a trained agent in other spaces, or with wider or narrower networks."""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.exceptions import TransplantError, require_at_least
from sb3_prune.policies.applying import apply
from sb3_prune.surgery import wire
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.resizing import resize_change
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.carrying import carry
from sb3_prune.transplanting.drift import drift
from sb3_prune.transplanting.folding import InputRules, fold
from sb3_prune.transplanting.heads import count_actions, find_heads
from sb3_prune.transplanting.matching import first_of
from sb3_prune.transplanting.memories import carry_memories
from sb3_prune.transplanting.noises import carry_noise
from sb3_prune.transplanting.normalising import carry_statistics, same_statistics
from sb3_prune.transplanting.outputs import NewActions, fill
from sb3_prune.transplanting.pairs import find_pair
from sb3_prune.transplanting.planning import plan_changes
from sb3_prune.transplanting.playing import played_inputs
from sb3_prune.transplanting.refitting import fit_heads
from sb3_prune.transplanting.remarks import remarks_on, warn_of_odd
from sb3_prune.transplanting.reporting import TransplantReport
from sb3_prune.transplanting.states import PLAYED, listen, sample_states

Model = TypeVar("Model", bound=BaseAlgorithm)


def transplant(
    old: Model,
    *,
    env: Any,
    observations: Any = None,
    actions: Any = None,
    net_arch: Any = None,
    inputs: InputRules | None = None,
    new_actions: NewActions | None = None,
    vecnormalize: Any = None,
    replay_buffer: Any = None,
    observed: Inputs | None = None,
    play: int = 0,
    algorithm: type[Model] | None = None,
    seed: int | None = None,
) -> Model:
    """Carry a trained agent into other spaces, or into wider or narrower networks.

    The new agent is an ordinary model of the same algorithm and policy class, with the
    hyperparameters of the old one, ready for ``learn()``. It acts as the old one does:
    new observations and new units are not read yet, new actions follow a rule. States
    of optimisers and statistics of ``VecNormalize`` come along, and so does a replay
    buffer if no sensor is new. If it stays behind, ``num_timesteps`` starts
    at 0, so that ``learning_starts`` counts from now.

    Args:
        old: The trained agent; it stays as it is.
        env: The environment of the new agent, or a vectorised one; with
            ``VecNormalize`` if the old agent's had it.
        observations: Which new observation is which old one: ``{"old": [names], "new":
            [names]}``, or for each new index the old index or None. For a dictionary
            such maps by key; for an image also ``{"channels": map, "height": map,
            "width": map}``. Not needed if they are of the same kind and size.
        actions: The same for actions: the choices of Discrete, the choices of all
            branches of MultiDiscrete one after another, the dimensions of Box.
        net_arch: Widths of the new agent, as in ``policy_kwargs``; by default those
            that the old one has now.
        inputs: Rules for observations that are gone or occur twice.
        new_actions: Rule for the outputs of actions that are new.
        vecnormalize: The ``VecNormalize`` of the old agent, if its environment is not
            there: itself, or its file. Files are unpickled: load only those you trust.
        replay_buffer: The replay buffer of the old agent, which a zip does not hold:
            itself, or its file.
        observed: Sample states, on which rules, fits and the report rest:
            ``sb3_prune.recording.play_inputs(old, its_env)``, say. By default recent
            observations of the old agent, if it has any.
        play: Steps of random actions in ``env`` to get sample states, even if there are
            recent observations. With 0, they are drawn from the space if there are
            fewer than 20 recent ones.
        algorithm: Class of the new agent, with the same networks: MaskablePPO for an
            agent of PPO, say. It has its own defaults for hyperparameters that the old
            agent lacks.
        seed: Seed of the new weights and of the environment.

    Raises:
        TransplantError: The spaces or networks cannot be mapped, or a size differs
            without a map.
        CheckpointError: A file is missing or broken.
    """
    new, _ = transplant_with_report(
        old,
        env=env,
        net_arch=net_arch,
        seed=seed,
        algorithm=algorithm,
        observations=observations,
        actions=actions,
        inputs=inputs,
        new_actions=new_actions,
        vecnormalize=vecnormalize,
        replay_buffer=replay_buffer,
        observed=observed,
        play=play,
    )
    return new


def plan_transplant(old: BaseAlgorithm, *, env: Any, **given: Any) -> TransplantReport:
    """Return what :func:`transplant` would carry over, and how far outputs would move.

    Args:
        old: The trained agent.
        env: The environment of the new agent.
        **given: All other arguments of :func:`transplant`.

    Raises:
        TransplantError: The spaces or networks cannot be mapped.
    """
    shape = {key: given.pop(key, None) for key in ("net_arch", "seed", "algorithm")}
    new = _built(old, env, *shape.values())
    carry_noise(old, new, given.get("actions"))
    with same_statistics(new):
        return transplant_into(new, old, **given)


def transplant_with_report(
    old: Model,
    *,
    env: Any,
    net_arch: Any = None,
    seed: int | None = None,
    algorithm: type[Model] | None = None,
    **given: Any,
) -> tuple[Model, TransplantReport]:
    """Return the new agent of :func:`transplant` and its report.

    Args:
        old: The trained agent.
        env: The environment of the new agent.
        net_arch: Widths of the new agent.
        seed: Seed of the new weights and of the environment.
        algorithm: Class of the new agent.
        **given: All other arguments of :func:`transplant`.

    Raises:
        TransplantError: The spaces or networks cannot be mapped.
    """
    new = cast("Model", _built(old, env, net_arch, seed, algorithm))
    carry_noise(old, new, given.get("actions"))
    return new, transplant_into(new, old, **given)


def transplant_into(
    new: BaseAlgorithm,
    old: BaseAlgorithm | BasePolicy,
    *,
    observations: Any = None,
    actions: Any = None,
    inputs: InputRules | None = None,
    new_actions: NewActions | None = None,
    vecnormalize: Any = None,
    replay_buffer: Any = None,
    observed: Inputs | None = None,
    play: int = 0,
) -> TransplantReport:
    """Fill an untrained agent, which you have built, with what another one has learnt.

    It may have other hyperparameters, other spaces and other widths than the old one,
    and be of another algorithm with the same networks.

    Args:
        new: The untrained agent.
        old: The trained agent, or a policy alone, as of behaviour cloning; it stays as
            it is.
        observations: See :func:`transplant`.
        actions: See :func:`transplant`.
        inputs: See :func:`transplant`.
        new_actions: See :func:`transplant`.
        vecnormalize: See :func:`transplant`.
        replay_buffer: See :func:`transplant`.
        observed: See :func:`transplant`.
        play: See :func:`transplant`.

    Raises:
        TransplantError: Algorithms, spaces or networks do not fit each other. The new
            agent is not changed.
    """
    require_at_least("play", play, 0)
    if play and observed is not None:
        raise TransplantError("Sample states are either given or played: not both.")
    pair = find_pair(
        new,
        old,
        observations=observations,
        actions=actions,
        inputs=inputs,
        new_actions=new_actions,
        vecnormalize=vecnormalize,
        replay_buffer=replay_buffer,
    )
    old, seen, rule = pair.old, pair.observations, pair.new_actions
    plan = plan_changes(old, new, seen, pair.actions, pair.inputs)
    heads = find_heads(new.policy, count_actions(new.action_space))
    if play:
        observed = played_inputs(old, new, seen, pair.actions, play)
    states, source = sample_states(old, observed)
    said = listen(old.policy, plan.heads, states)
    used = rule.chosen(heads, pair.actions, pair.branches)
    shifts = fold(old, seen, states) if pair.inputs.removed == "mean" else {}
    fits = fit_heads(old, plan.shallower, plan.changes, observed)
    carried = carry(old, new, plan, shifts, fits.tensors)
    carry_statistics(old, new, seen)
    left = carry_memories(old, new, seen, pair.actions)
    fill(heads, said, pair.actions, pair.branches, rule, used)
    moved = drift(new, plan, states, said)
    if not pair.counts_twice:
        warn_of_odd(moved, carried)
    return TransplantReport(
        tensors=carried,
        observations=seen.sources,
        actions=pair.actions,
        rule=used,
        moved=moved,
        states=PLAYED if play else source,
        fits=fits.errors,
        left=tuple(filter(None, remarks_on(pair, left, used))),
    )


def _built(
    old: BaseAlgorithm,
    env: Any,
    net_arch: Any,
    seed: int | None,
    algorithm: type[BaseAlgorithm] | None,
) -> BaseAlgorithm:
    """Build the new agent, with the widths that the old one has now or shall get."""
    given = copy.deepcopy(old.policy_kwargs)
    if net_arch is not None:
        given["net_arch"] = net_arch
    new = build(old, env, given, seed, algorithm)
    if net_arch is None:
        ours, theirs = wire(old).units(), wire(new).units()
        units = {n: ours.get(n, ours.get(first_of(n), k)) for n, k in theirs.items()}
        odd = {n: k for n, k in units.items() if theirs[n] != k}
        apply(new, {n: resize_change(theirs[n], k) for n, k in odd.items()})
    return new
