"""Links and drivers against emulated instruments with faults on the wire, over a raw socket and over HiSLIP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.instruments.confirm import confirm
from qctl.instruments.links.life import LinkState
from qctl.instruments.links.visa import VisaLink, open_visa_link

MODELS = ["tektronix-awg5014c", "keysight-infiniium-s"]


@pytest.fixture(params=MODELS)
def pair(request: pytest.FixtureRequest, emulated: Callable[[str, str], Any]) -> Any:
    box = emulated(request.param, request.param[:3])
    box.ask(faults={})
    link = open_visa_link("box0", box.address, 0.4, ("", ""))
    yield box, link
    box.ask(faults={})
    link.close()


def usable(box: Any, link: VisaLink) -> None:
    box.ask(faults={})
    for k in range(5):
        assert link.query("*IDN?").split(",")[2] == "B010001"
        link.write(f"*ESE {k}")
        assert link.query("*ESE?") == str(k)
    assert link.state is LinkState.UP


@pytest.mark.parametrize("fault", [{"drop": 1}, {"silence": True}, {"late_reply": 0.8}])
def test_missing_reply_is_a_time_out_and_the_link_recovers(pair: Any, fault: dict[str, Any]) -> None:
    box, link = pair
    if "silence" in fault and link.identity.startswith("KEYSIGHT"):
        fault = {"drop": 1}
    box.ask(faults=fault)
    with pytest.raises(DeviceTimeoutError, match="box0"):
        link.query("*ESE?")
    usable(box, link)
    assert link.generation == 2


@pytest.mark.parametrize("n_bytes", [0, 1, 3])
def test_cut_reply_is_a_device_error_and_the_link_recovers(pair: Any, n_bytes: int) -> None:
    box, link = pair
    box.ask(faults={"cut": n_bytes})
    with pytest.raises(DeviceError, match="box0"):
        link.query("*IDN?")
    usable(box, link)


def test_wrong_reply_is_a_device_error_where_a_number_is_due(pair: Any) -> None:
    box, link = pair
    box.ask(faults={"wrong_reply": "HELLO"})
    with pytest.raises(DeviceError, match="box0 answered 'HELLO' where an error code was due"):
        confirm(link, "a setting")
    usable(box, link)


def test_power_cycle_is_a_device_error_and_the_link_recovers(pair: Any) -> None:
    box, link = pair
    link.write("*ESE 7")
    assert link.query("*ESE?") == "7"
    box.ask(faults={"power_cycle": 0})
    with pytest.raises(DeviceError):
        for _ in range(10_000):
            link.query("*ESE?")
    for _ in range(1_000_000):
        try:
            assert link.query("*ESE?") == "0"
            break
        except DeviceError:
            continue
    usable(box, link)
