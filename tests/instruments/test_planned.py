"""Settings that depend on each other: all of a request are checked with what would hold then, before one is sent."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from qctl import wire
from qctl.errors import LimitError
from qctl.instruments import qdevil_qdac2
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.qdevil_qdac2 import QDAC2
from qctl.instruments.raw import speak
from qctl.instruments.tektronix_awg5014 import driver
from qctl.instruments.tektronix_awg5014.driver import TektronixAwg5014
from qctl.lab import Instrument, Output
from qctl.server.verbs import INSTRUMENT_VERBS

Named = Callable[..., Instrument]
Asks = Callable[[TektronixAwg5014, dict[str, float]], Any]
OK = ("SYST:ERR?", '0,"No error"')
HEADERS = {"output2_amplitude_vpp": ":SOUR2:VOLT", "output2_offset_v": ":SOUR2:VOLT:OFFS"}


def by_verb(device: TektronixAwg5014, values: dict[str, float]) -> None:
    request, thread = SimpleNamespace(values={"awg0": values}), SimpleNamespace(name="awg0")
    INSTRUMENT_VERBS[wire.Set](request, thread, [])(device)  # type: ignore[arg-type]


def by_raw(device: TektronixAwg5014, values: dict[str, float]) -> None:
    text = ";".join(f"{HEADERS[name]} {value}" for name, value in values.items())
    assert speak(device, device.instrument, text, driver.COMMANDS) is None


def held(amplitude_vpp: str, offset_v: str) -> list[Any]:
    return [("SOUR2:VOLT?", amplitude_vpp), ("SOUR2:VOLT:OFFS?", offset_v)]


def amplitude(value: str, offset_v: str) -> list[Any]:
    return [("SOUR2:VOLT:OFFS?", offset_v), (f"SOUR2:VOLT {value}", None), OK, ("SOUR2:VOLT?", value)]


def offset(value: str, amplitude_vpp: str) -> list[Any]:
    return [("SOUR2:VOLT?", amplitude_vpp), (f"SOUR2:VOLT:OFFS {value}", None), OK, ("SOUR2:VOLT:OFFS?", value)]


@pytest.fixture(params=[by_verb, by_raw])
def asks(request: pytest.FixtureRequest) -> Asks:
    found: Asks = request.param
    return found


@pytest.fixture(params=[1, -1], ids=["amplitude first", "offset first"])
def pair(request: pytest.FixtureRequest) -> Callable[[float, float], dict[str, float]]:
    def values(amplitude_vpp: float, offset_v: float) -> dict[str, float]:
        items = [("output2_amplitude_vpp", amplitude_vpp), ("output2_offset_v", offset_v)]
        return dict(items[:: request.param])

    return values


def test_pair_that_leaves_the_limits_together_is_refused_and_nothing_set(named: Named, asks: Asks, pair: Any) -> None:
    with TranscriptLink(held("1", "0")) as link, pytest.raises(LimitError, match=r"would reach -1.25 to 3.25 V"):
        asks(TektronixAwg5014(link, named("awg0")), pair(4.5, 1.0))


def test_pair_that_is_fine_together_is_set_in_the_order_that_is_fine(named: Named, asks: Asks, pair: Any) -> None:
    with TranscriptLink([*held("4", "0"), *amplitude("2", "0"), *offset("1", "2")]) as link:
        asks(TektronixAwg5014(link, named("awg0")), pair(2.0, 1.0))
    with TranscriptLink([*held("2", "1"), *offset("0", "2"), *amplitude("4", "0")]) as link:
        asks(TektronixAwg5014(link, named("awg0")), pair(4.0, 0.0))


def test_value_outside_limits_is_found_before_the_one_before_it_is_sent(named: Named, asks: Asks, pair: Any) -> None:
    with TranscriptLink([]) as link, pytest.raises(LimitError, match="outside"):
        asks(TektronixAwg5014(link, named("awg0")), pair(1.0, 2.26))


def test_query_between_two_settings_sees_a_state_that_is_checked(named: Named) -> None:
    awg0 = named("awg0")
    turns = [("SOUR2:VOLT?", "4")]
    with TranscriptLink(turns) as link, pytest.raises(LimitError, match="would reach -1 to 3 V"):
        text = "SOUR2:VOLT:OFFS 1;*OPC?;:SOUR2:VOLT 2"
        speak(TektronixAwg5014(link, awg0), awg0, text, driver.COMMANDS)


def test_later_run_is_checked_with_what_the_first_will_have_set(named: Named) -> None:
    awg0 = named("awg0")
    with TranscriptLink([("SOUR2:VOLT:OFFS?", "0")]) as link, pytest.raises(LimitError, match="would reach"):
        text = "SOUR2:VOLT 4.5;*OPC?;:SOUR2:VOLT:OFFS 1"
        speak(TektronixAwg5014(link, awg0), awg0, text, driver.COMMANDS)


@pytest.mark.parametrize("between", ["", "*OPC?;"])
def test_list_that_is_too_fast_is_refused_before_it_is_sent(named: Named, between: str) -> None:
    one = {1: Output(number=1, limits_v=(-1.0, 1.0), slew_v_per_s=0.1, safe_v=0.25)}
    dc0 = named("dc0", output=one)
    text = f"SOUR1:LIST:VOLT 0,0.5;DWEL 1;:SOUR1:VOLT:MODE LIST;{between}:SOUR1:DC:INIT"
    with TranscriptLink([]) as link, pytest.raises(LimitError, match=r"steps of 0.5 V in 1 s are over 0.1 V/s"):
        speak(QDAC2.over(link, dc0), dc0, text, qdevil_qdac2.COMMANDS)
