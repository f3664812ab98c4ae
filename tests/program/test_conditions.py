"""Conditions: tables over captures, joined, inverted and renumbered as a loop over all states says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import InternalError
from qctl.program.conditions import Condition, always


@st.composite
def conditions(draw):
    captures = sorted(draw(st.sets(st.integers(0, 5), max_size=3)))
    return Condition(tuple(captures), draw(st.integers(0, (1 << (1 << len(captures))) - 1)))


def states():
    return [dict(enumerate(row)) for row in product((0, 1), repeat=6)]


@given(conditions(), conditions())
def test_joined_and_inverted_conditions_hold_as_both_say(one, other):
    both, neither = one & other, ~one
    for found in states():
        assert both.holds(found) == (one.holds(found) and other.holds(found))
        assert neither.holds(found) == (not one.holds(found))


@given(conditions())
def test_reduced_condition_asks_only_what_matters(one):
    short = one.reduced()
    assert all(short.holds(found) == one.holds(found) for found in states())
    for j, capture in enumerate(short.captures):
        assert any(short.holds(found) != short.holds(found | {capture: 1 - found[capture]}) for found in states()), j


@given(conditions(), st.permutations(range(6)))
def test_renumbered_condition_asks_the_same_captures(one, order):
    new = one.renumbered(dict(enumerate(order)))
    for found in states():
        assert new.holds({order[k]: state for k, state in found.items()}) == one.holds(found)


def test_condition_says_itself_in_words():
    assert Condition((0,), 0b10).text(["c[0]"]) == "c[0] is 1"
    assert Condition((0, 1), 0b0110).text(["a", "b"]) == "a is 1 and b is 0 or a is 0 and b is 1"
    assert Condition((0, 1, 2), 0b10010110).text("abc") == (
        "a is 1 and b is 0 and c is 0 or a is 0 and b is 1 and c is 0 or a is 0 and b is 0 and c is 1 "
        "or a is 1 and b is 1 and c is 1"
    )
    assert (always().text([]), (~always()).text([])) == ("always", "never")


@pytest.mark.parametrize(("captures", "table"), [((1, 0), 1), ((0, 0), 1), ((0,), 4), ((0,), -1)])
def test_tables_that_are_none_are_refused(captures, table):
    with pytest.raises(InternalError, match="not"):
        Condition(captures, table)


def test_many_shots_are_told_at_once():
    when = Condition.of((1, 4, 6), lambda s: s[1] + s[4] * s[6] == 1)
    states = np.random.default_rng(1).integers(0, 2, (3, 50)).astype(np.uint8)
    expected = [when.holds(dict(zip((1, 4, 6), column, strict=True))) for column in states.T.tolist()]
    assert when.held(list(states)).tolist() == expected
    assert Condition((), 1).held([]).all()
