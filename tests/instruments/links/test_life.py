"""A link's life, whatever happens to it: it is up only after it was opened, and pauses grow and have an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import InternalError
from qctl.instruments.links.life import Happening, LinkLife, LinkState, Patience

HAPPENINGS = st.lists(st.tuples(st.sampled_from(Happening), st.floats(0, 100)), max_size=40)


@given(HAPPENINGS, st.integers(0, 3))
def test_link_is_up_only_after_it_was_opened_and_never_after_it_was_closed(
    happenings: list[tuple[Happening, float]], tries: int
) -> None:
    life, now_s, closed = LinkLife(Patience(tries=tries)), 0.0, False
    for happening, step_s in happenings:
        before, now_s = life.state, now_s + step_s
        try:
            changed = life.take(happening, now_s, "broken" if happening in ("lost", "failed") else "")
        except InternalError:
            assert life.state is before
            continue
        closed = closed or happening is Happening.CLOSED
        assert changed is (life.state is not before)
        assert (life.state is LinkState.CLOSED) is closed
        if life.state is LinkState.UP:
            assert happening is Happening.OPENED
            assert (life.why, life.n_retries, life.try_s) == ("", 0, None)
        if changed:
            assert life.since_s == now_s
        if life.state in (LinkState.DEGRADED, LinkState.DOWN):
            assert (life.try_s is None) is life.given_up
            assert life.why == "broken" or not life.n_lost
        assert life.n_opened <= sum(one is Happening.OPENED for one, _ in happenings)


@given(st.floats(0.01, 1), st.floats(1, 100), st.floats(0, 0.5), st.integers(1, 300), st.integers())
def test_pauses_grow_to_the_longest_one(first_s: float, longest_s: float, jitter: float, n: int, seed: int) -> None:
    life = LinkLife(Patience(first_s, longest_s, jitter), seed)
    for k in range(n):
        life.take(Happening.TRY, 0.0)
        life.take(Happening.FAILED, 0.0, "nobody there")
        meant_s = min(first_s * 2.0 ** min(k, 60), longest_s)
        assert life.try_s is not None
        assert meant_s * (1 - jitter) * 0.999 <= life.try_s <= meant_s * (1 + jitter) * 1.001
    assert life.n_retries == n


def test_link_that_was_lost_is_tried_at_once() -> None:
    life = LinkLife()
    life.take(Happening.TRY, 0.0)
    life.take(Happening.OPENED, 1.0)
    assert life.take(Happening.LOST, 5.0, "no answer in time")
    assert (life.state, life.try_s, life.n_lost, life.why) == (LinkState.DEGRADED, 5.0, 1, "no answer in time")
    life.take(Happening.TRY, 5.0)
    assert life.state is LinkState.RECONNECTING
    life.take(Happening.OPENED, 6.0)
    assert (life.state, life.why, life.last_error, life.n_opened) == (LinkState.UP, "", "no answer in time", 2)


def test_link_is_given_up_after_so_many_tries_until_somebody_knocks() -> None:
    life = LinkLife(Patience(tries=3))
    for _ in range(3):
        assert not life.given_up
        life.take(Happening.TRY, 0.0)
        life.take(Happening.FAILED, 0.0, "nobody there")
    assert life.given_up
    assert life.try_s is None
    life.knock(9.0)
    assert (life.try_s, life.n_retries) == (9.0, 0)


def test_sign_of_life_is_due_when_nothing_was_heard_for_so_long() -> None:
    life = LinkLife(Patience(heartbeat_s=2.0))
    life.take(Happening.TRY, 0.0)
    life.take(Happening.OPENED, 10.0)
    assert life.beat_due_s() == 12.0
    life.heard(11.5)
    assert life.beat_due_s() == 13.5


def test_what_can_not_happen_is_a_bug() -> None:
    life = LinkLife()
    with pytest.raises(InternalError, match="a link that is opening can't be lost"):
        life.take(Happening.LOST, 0.0, "why")
