"""Drift: how far the outputs of an agent moved when it was carried over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.flow.forwards import sample_inputs
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.heads import find_heads
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.planning import TransplantPlan
from sb3_prune.transplanting.states import listen


def drift(
    new: BaseAlgorithm,
    plan: TransplantPlan,
    states: Any,
    said: Sequence[torch.Tensor | None],
) -> float:
    """Return the largest move of an output for an old action, relative to all outputs.

    Args:
        new: The new agent.
        plan: What has become of the old one.
        states: Observations of the old agent, as its policy gets them.
        said: What its output layers have said, (states, outputs) each; None for those
            that do not run.
    """
    heads = find_heads(new.policy, len(plan.actions))
    now = listen(new.policy, heads, moved_states(new, plan.observations, states))
    found = 0.0
    for head, before, after in zip(plan.heads, said, now, strict=True):
        if before is None or after is None:
            continue
        old = before.shape[1] // (head.repeats * head.block)
        pairs = [
            (place, source)
            for place, source in enumerate(head.sources(plan.actions, old))
            if source is not None
        ]
        places, sources = (list(each) for each in zip(*pairs, strict=True))
        far = (before[:, sources] - after[:, places]).abs().max()
        found = max(found, float(far / before.abs().max().clamp_min(1e-12)))
    return found


def moved_states(new: BaseAlgorithm, seen: ObservationMap, states: Any) -> Any:
    """Return states of the old agent as the new one gets them; what is new is drawn.

    Args:
        new: The new agent.
        seen: Which new observation is which old one.
        states: Tensors (states, ...), by key if they are a dictionary.
    """
    if seen.is_same:
        return states
    drawn = sample_inputs(new.policy, count_observations(states)).observations
    given = {key: each.cpu().numpy() for key, each in by_key(states).items()}
    onto = {key: each.cpu().numpy() for key, each in by_key(drawn).items()}
    found = by_key(seen.mapped(given, onto if isinstance(drawn, dict) else onto[""]))
    tensors = {k: torch.as_tensor(found[k]).to(t) for k, t in by_key(drawn).items()}
    return tensors if isinstance(drawn, dict) else tensors[""]
