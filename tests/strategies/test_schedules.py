"""Tests for schedules.py."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies.schedules import (
    SCHEDULES,
    Cubic,
    Linear,
    OneShot,
    Periodic,
    Schedule,
)

shares = st.floats(0, 1, allow_subnormal=False)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    initial, final = sorted([draw(st.floats(0, 0.999)), draw(st.floats(0, 0.999))])
    begin, end = sorted([draw(shares), draw(shares)])
    return draw(st.sampled_from(sorted(SCHEDULES.items())))[1](
        initial=initial,
        final=final,
        begin=begin,
        end=end,
        steps=draw(st.integers(1, 50)),
    )


@given(schedules(), st.lists(st.floats(-0.5, 1.5), min_size=2))
def test_sparsity_never_falls(schedule: Schedule, times: list[float]) -> None:
    values = [schedule.sparsity(t) for t in sorted(times)]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(values))


@given(schedules(), st.floats(-0.5, 1.5))
def test_sparsity_stays_between_initial_and_final(
    schedule: Schedule, time: float
) -> None:
    assert schedule.initial <= schedule.sparsity(time) <= schedule.final


@given(schedules(), st.floats(0, 1))
def test_sparsity_is_constant_outside(schedule: Schedule, share: float) -> None:
    before = schedule.begin * share
    if before < schedule.begin:
        assert schedule.sparsity(before) == schedule.initial
        assert schedule.event(before) == 0
    after = schedule.end + share
    assert schedule.sparsity(after) == schedule.final
    assert schedule.sparsity(schedule.end) == schedule.final


@given(schedules())
def test_sparsity_has_at_most_one_value_per_event(schedule: Schedule) -> None:
    times = [i / 997 for i in range(998)]
    pairs = {(schedule.event(t), schedule.sparsity(t)) for t in times}
    assert len(pairs) == len({event for event, _ in pairs}) <= schedule.steps + 2
    assert {event for event, _ in pairs} <= set(range(schedule.steps + 2))


@pytest.mark.parametrize("steps", [1, 3, 7, 20, 33])
@pytest.mark.parametrize(("begin", "end"), [(0.2, 0.8), (0.1, 0.7), (0.0, 1.0)])
def test_every_event_falls_on_its_time(steps: int, begin: float, end: float) -> None:
    schedule = Linear(begin=begin, end=end, steps=steps)
    times = [begin + k * (end - begin) / steps for k in range(steps + 1)]
    assert [schedule.event(t) for t in times] == list(range(1, steps + 2))


def test_cubic_by_hand() -> None:
    schedule = Cubic(initial=0.0, final=0.8, begin=0.0, end=1.0, steps=4)
    expected = [0.0, 0.8 * 37 / 64, 0.8 * 7 / 8, 0.8 * 63 / 64, 0.8]
    found = [schedule.sparsity(k / 4) for k in range(5)]
    assert found == pytest.approx(expected)
    assert schedule.sparsity(0.49) == pytest.approx(expected[1])


def test_linear_by_hand() -> None:
    schedule = Linear(initial=0.1, final=0.5, begin=0.5, end=0.9, steps=2)
    found = [schedule.sparsity(t) for t in (0.49, 0.5, 0.7, 0.9)]
    assert found == pytest.approx([0.1, 0.1, 0.3, 0.5])


def test_periodic_removes_the_same_share_of_what_is_left() -> None:
    schedule = Periodic(initial=0.2, final=0.9, begin=0.0, end=1.0, steps=5)
    left = [1 - schedule.sparsity(k / 5) for k in range(6)]
    ratios = [b / a for a, b in itertools.pairwise(left)]
    assert ratios == pytest.approx([math.pow(0.1 / 0.8, 1 / 5)] * 5)


def test_one_shot_is_done_at_once() -> None:
    schedule = OneShot(final=0.7, begin=0.3)
    assert [schedule.sparsity(t) for t in (0.0, 0.29, 0.3, 1.0)] == [0, 0, 0.7, 0.7]
    assert {schedule.event(t / 100) for t in range(101)} == {0, 21}


def test_begin_may_be_the_end() -> None:
    schedule = Cubic(begin=0.5, end=0.5)
    assert schedule.sparsity(0.5) == 0.8
    assert schedule.sparsity(0.4999) == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"final": 1.0}, r"final sparsity must be in \[0.0, 1\).*got 1.0"),
        ({"initial": 0.9}, r"final sparsity must be in \[0.9, 1\).*got 0.8"),
        ({"initial": -0.1}, r"initial sparsity must be in \[0, 1\), got -0.1"),
        ({"final": math.nan}, "final sparsity must be .* got nan"),
        ({"begin": 0.9}, r"begin must be in \[0, 0.8\].*got 0.9"),
        ({"begin": -0.1}, "begin must be .* got -0.1"),
        ({"begin": math.nan}, "begin must be .* got nan"),
        ({"end": 1.2}, "ends after training.*got 1.2"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
    ],
)
def test_bad_values_are_refused(values: dict[str, float], message: str) -> None:
    for schedule in SCHEDULES.values():
        with pytest.raises(ConfigError, match=message):
            schedule(**values)  # type: ignore[arg-type]
