"""What the broker may answer from its cache."""

from __future__ import annotations

import pytest

from qctl import wire
from qctl.server.values import Values

GET = wire.Get("lo0", "power_dbm")


@pytest.mark.parametrize("request_", [wire.Call("lo0", "preset"), wire.Raw("lo0", "POW 3")])
def test_value_that_was_asked_before_a_call_is_not_known_after_it(request_: wire.Call | wire.Raw) -> None:
    values = Values()
    values.put("lo1", "power_dbm", 1.0, 5.0)
    values.forget("lo0")  # the call is passed on, behind a `get`
    assert not list(values.learn(GET, wire.Reading(-7.0, 6.0), 6.0))
    assert not list(values.learn(request_, wire.Reading(None, 7.0), 7.0))
    assert values.get("lo0", "power_dbm") is None
    assert values.get("lo1", "power_dbm") == (1.0, 5.0)


def test_value_of_a_set_that_failed_is_not_known() -> None:
    values = Values()
    request = wire.Set({"lo0": {"power_dbm": 3.0}})
    assert list(values.learn(request, wire.Done(), 1.0)) == [("lo0", "power_dbm", 3.0)]
    assert values.get("lo0", "power_dbm") == (3.0, 1.0)
    assert not list(values.learn(request, wire.Error("device", "no"), 2.0))
    assert values.get("lo0", "power_dbm") is None
