"""Sessions and leases as pure state."""

from __future__ import annotations

import pytest

from qctl.errors import LeaseError, RequestError
from qctl.server.access import ALL, Access, owner_of


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


def test_idle_sessions_are_forgotten_unless_they_hold_a_lease() -> None:
    access = Access()
    ann, bob = access.greet(b"a", "ann", "", 0.0), access.greet(b"b", "bob", "", 0.0)
    access.take(ann, ["lo0"], 3600.0, False, 0.0)
    access.session(b"b", 1800.0)
    assert access.forget_idle(3700.0) == 0
    assert access.forget_idle(3710.0) == 0
    assert access.session(b"b", 3720.0) is bob
    assert access.forget_idle(9000.0) == 1
    assert access.session(b"a", 9001.0) is ann
    assert access.greet(b"b", "bob", bob.token, 9002.0) is not bob


def test_a_flood_of_clients_is_bounded_and_those_with_leases_stay() -> None:
    access = Access()
    ann = access.greet(b"ann", "ann", "", 0.0)
    access.take(ann, ["lo0"], 3600.0, False, 0.0)
    for number in range(30_000):
        access.session(b"%d" % number, float(number) * 1e-3)
        access.forget_idle(float(number) * 1e-3)
    assert len(access._by_token) <= 10_001 and len(access._by_identity) <= 10_001
    assert access.session(b"ann", 31.0) is ann


def test_what_the_holder_sets_is_kept_until_the_lease_ends() -> None:
    access = Access()
    ann, bob = access.greet(b"a", "ann", ""), access.greet(b"b", "bob", "")
    assert not access.keep(ann, "lo0", ["frequency_hz"])
    access.take(ann, ["lo0", "lo1"], 5.0, False, 0.0)
    assert access.keep(ann, "lo0", ["frequency_hz"])
    assert not access.keep(ann, "lo0", ["frequency_hz"])
    assert access.keep(ann, "lo1", [ALL])
    assert access.kept() == {"lo0": ("frequency_hz",), "lo1": (ALL,)}
    access.take(bob, ["lo1"], 5.0, True, 0.0)
    access.give_back(ann, ["lo0"])
    assert access.kept() == {}


def test_owner_is_the_user_and_the_machine() -> None:
    assert owner_of("ann@pc:4711-12") == owner_of("ann@pc:4712-13") == "ann@pc"
    assert owner_of("client-3") == "client-3"
    assert owner_of("") == ""
