"""Sessions and leases as pure state."""

from __future__ import annotations

import pytest

from qctl.errors import LeaseError, RequestError
from qctl.server.access import Access


def test_lease_ends_without_a_sign_of_life() -> None:
    access = Access()
    ann = access.greet(b"a", "ann", "")
    assert access.take(ann, ["lo0"], 5.0, False, now_s=100.0) == 105.0
    assert access.expire(104.0) == []
    access.session(b"a", 104.0)
    assert access.expire(108.0) == []
    assert access.expire(109.5) == [("lo0", ann.name)]
    assert access.held() == {}


def test_leases_are_all_or_none() -> None:
    access = Access()
    ann, bob = access.greet(b"a", "ann", ""), access.greet(b"b", "bob", "")
    access.take(ann, ["lo0"], 5.0, False, 0.0)
    with pytest.raises(LeaseError, match="lo0 is held by ann-1"):
        access.take(bob, ["lo1", "lo0"], 5.0, False, 0.0)
    assert access.held() == {"lo0": ann.name}
    access.take(bob, ["lo1", "lo0"], 5.0, True, 0.0)
    assert set(access.held().values()) == {bob.name}
    with pytest.raises(LeaseError):
        access.check(ann, "lo0")


def test_session_is_resumed_by_its_token_only() -> None:
    access = Access()
    ann = access.greet(b"a", "ann", "")
    access.take(ann, ["lo0"], 5.0, False, 0.0)
    assert access.greet(b"new socket", "ann", ann.token) is ann
    assert access.greet(b"c", "ann", "guess") is not ann
    assert access.give_back(ann, []) == ["lo0"]


@pytest.mark.parametrize("ttl_s", [0.0, -1.0, float("nan"), 1e9])
def test_time_to_live_is_bounded(ttl_s: float) -> None:
    access = Access()
    with pytest.raises(RequestError, match="ttl_s"):
        access.take(access.greet(b"a", "ann", ""), ["lo0"], ttl_s, False, 0.0)
