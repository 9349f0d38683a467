"""Outputs: what an agent says about actions that it has not had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import torch

from sb3_prune.exceptions import (
    ConfigError,
    TransplantError,
    require_at_least,
    require_finite,
    require_one_of,
)
from sb3_prune.networks.perceptrons import Role
from sb3_prune.transplanting.heads import Head
from sb3_prune.transplanting.ids import Sources, split

FOR = {Role.Q_VALUES: ("pessimistic",), Role.POLICY: ("rare", "uniform")}
"""Rules for values alone, or for logits of discrete actions alone; the first of each is
the default. Switches have no share of one among all, so uniform says nothing there."""
PROBABILITY = 0.05
"""Mean probability of all new actions together where none is given."""
Rule = Literal["mean", "copy", "pessimistic", "zero", "fresh", "rare", "uniform"]


@dataclass(frozen=True, kw_only=True)
class NewActions:
    """A rule for the outputs of new actions.

    Raises:
        ConfigError: A value is outside its range.
    """

    rule: Rule | None = None
    """The mean of all old actions (mean); the action ``of`` (copy); a value below all
    that old actions have on sample states (pessimistic); zeros; weights as they are
    drawn for a new network (fresh); or logits by which, on average over sample states,
    all new actions together have the probability ``probability`` (rare), or each has
    the share of one among all actions (uniform, not for switches). By default
    pessimistic for values, rare for the logits of a policy, those of switches included,
    and zero for continuous actions."""
    of: int | None = None
    """With the rule copy: index of the old action that is copied, by default 0."""
    probability: float | None = None
    """With the rule rare: mean probability of all new actions together, by default
    0.05; of switches, that any new one is on."""

    def __post_init__(self) -> None:
        if self.rule is not None:
            require_one_of("rule", self.rule, get_args(Rule))
        require_at_least("of", self.copied, 0)
        require_finite("probability", self.share)
        if not 0 < self.share < 1:
            raise ConfigError(
                f"probability must be between 0 and 1, got {self.probability}."
            )
        if self.of is not None and self.rule != "copy":
            raise ConfigError(f"of = {self.of} needs rule = 'copy'.")
        if self.probability is not None and self.rule not in (None, "rare"):
            raise ConfigError(f"probability needs rule = 'rare', got {self.rule!r}.")

    @property
    def copied(self) -> int:
        """The old action that is copied."""
        return 0 if self.of is None else self.of

    @property
    def share(self) -> float:
        """The mean probability of all new actions together."""
        return PROBABILITY if self.probability is None else self.probability

    def chosen(self, heads: list[Head], actions: Sources, branches: list[int]) -> str:
        """Return the rule that is used; nothing if there are no new actions.

        Args:
            heads: The output layers of the new agent.
            actions: Which old action each new one is.
            branches: Numbers of actions that are chosen from together.

        Raises:
            TransplantError: The rule does not fit the actions, or none is new.
        """
        if None not in actions:
            if self != NewActions():
                raise TransplantError(f"No action is new, so {self} says nothing.")
            return ""
        if self.rule == "copy":
            self._check_copied(actions, branches)
        discrete = branches or heads[0].switches
        fitting = FOR[heads[0].role] if discrete else ("zero",)
        if heads[0].switches:
            fitting = fitting[:1]
        alone = {rule for rules in FOR.values() for rule in rules}
        if self.rule in alone - set(fitting):
            raise TransplantError(
                f"rule = {self.rule!r} does not fit these actions; usual: "
                f"{fitting[0]!r}."
            )
        used = self.rule or fitting[0]
        _check_biases(heads, used)
        if self.probability is not None and used != "rare":
            raise TransplantError(f"probability says nothing with the rule {used!r}.")
        return used

    def _check_copied(self, actions: Sources, branches: list[int]) -> None:
        whole, *parts = [
            sorted({action for action in inside if action is not None})
            for inside in (actions, *split(actions, branches))
            if None in inside
        ]
        for stays in (whole, *filter(None, parts)):
            if self.copied not in stays:
                raise TransplantError(
                    f"of must be one of the actions {stays}: {self.copied}. Actions "
                    "are copied within their branch; the rule 'mean' needs no of."
                )


def _check_biases(heads: list[Head], used: str) -> None:
    names = [slot.attribute for head in heads for slot in head.slots]
    if used in ("pessimistic", "rare", "uniform") and "bias" not in names:
        raise TransplantError(
            f"The output layers have no biases, which rule = {used!r} needs."
        )


def new_branches(actions: Sources, branches: list[int], used: str) -> str:
    """Return a remark about branches that have no action of the old agent, if any.

    Args:
        actions: Which old action each new one is.
        branches: Numbers of actions that are chosen from together.
        used: The rule that is used.
    """
    parts = enumerate(split(actions, branches))
    new = [number for number, inside in parts if not any(a is not None for a in inside)]
    if not new or used == "fresh":
        return ""
    return f"The actions of the branches {new} are all new: their outputs begin at 0."


@torch.no_grad()
def fill(
    heads: list[Head],
    said: list[torch.Tensor | None],
    actions: Sources,
    branches: list[int],
    given: NewActions,
    used: str,
) -> None:
    """Write what new actions say into the output layers of the new agent.

    Args:
        heads: The output layers of the new agent.
        said: What the same layers of the old agent say on sample states, (states,
            outputs); None for those that do not run, as in target networks.
        actions: Which old action each new one is.
        branches: Numbers of the new actions that are chosen from together; none for
            continuous actions or switches.
        given: The rule.
        used: The rule that :meth:`NewActions.chosen` has returned.
    """
    online = next((outputs for outputs in said if outputs is not None), None)
    for head, outputs in zip(heads, said, strict=True) if used else ():
        heard = online if outputs is None else outputs
        for repeat in range(head.repeats):
            part = None if heard is None else _repeated(heard, head.repeats, repeat)
            start = repeat * len(actions)
            for inside in split(actions, branches):
                _fill(head, part, inside, start, given, used)
                start += len(inside)


def _repeated(outputs: torch.Tensor, repeats: int, repeat: int) -> torch.Tensor:
    """Return what is said about all actions for one quantile."""
    return outputs.chunk(repeats, 1)[repeat]


def _fill(
    head: Head,
    outputs: torch.Tensor | None,
    actions: Sources,
    start: int,
    given: NewActions,
    used: str,
) -> None:
    """Fill the rows of the new actions of one branch."""
    known = {a: start + i for i, a in enumerate(actions) if a is not None}
    added = [start + i for i, source in enumerate(actions) if source is None]
    stays = [start + i for i, source in enumerate(actions) if source is not None]
    if not added:
        return
    bias = _constant(head, outputs, actions, given, used)
    for slot, entry in product(head.slots, range(head.block)):
        new, old = head.places(added, entry), head.places(stays, entry)
        rows = slot.tensor.movedim(slot.axis, 0)
        last = entry == head.block - 1  # The others are those of being off.
        if slot.attribute == "log_std" and old:
            rows[new] = rows[old].mean(0)
        elif used == "copy" and old:
            (copied,) = head.places([known[given.copied]], entry)
            rows[new] = rows[copied].clone()
        elif used == "mean" and old:
            rows[new] = rows[old].mean(0)
        elif used != "fresh":
            rows[new] = bias if slot.attribute == "bias" and last else 0.0


def _constant(
    head: Head,
    outputs: torch.Tensor | None,
    actions: Sources,
    given: NewActions,
    used: str,
) -> float:
    """Return the bias of the new actions of one branch."""
    if head.switches:
        return _switched(actions.count(None), given.share) if used == "rare" else 0.0
    known = [source for source in actions if source is not None]
    if outputs is None or not known or used in ("mean", "zero"):
        return 0.0
    old = outputs[:, known].double()
    if used == "pessimistic":
        return float(old.min() - old.std())
    count = len(actions) - len(known)
    share = given.share if used == "rare" else count / len(actions)
    return _logit(old, count, share)


def _switched(count: int, probability: float) -> float:
    """Return the logit of each of some new switches, of which any is on by chance."""
    off = (1 - probability) ** (1 / count)
    return math.log((1 - off) / off)


def _logit(old: torch.Tensor, count: int, probability: float) -> float:
    """Return the logit with which ``count`` new actions have a mean probability."""
    total = old.logsumexp(1)
    low, high = float(total.min()) - 50.0, float(total.max()) + 50.0
    for _ in range(100):
        middle = (low + high) / 2
        ours = torch.tensor(count, dtype=old.dtype).log() + middle
        mean = float(torch.sigmoid(ours - total).mean())
        low, high = (middle, high) if mean < probability else (low, middle)
    return (low + high) / 2
