"""Hosted drivers that misbehave: what they return can be sent, what they raise has a name, no text hides a command."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments import registry
from qctl.instruments.hosted.driver import HostedInstrument
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule

RULES: dict[str, dict[str, Any]] = {
    "gate": {"words": ("open", "shut"), "safe": "shut"},
    "level": {"limits": (0.0, 1.0), "safe": 0.0},
    "word": {"safe": "31.6μA"},
}


def entry(kind: str = "Hostile") -> Instrument:
    parameter = {name: ParameterRule(name=name, **values) for name, values in RULES.items()}
    address = "TCPIP::127.0.0.1::9::SOCKET"
    return Instrument(name="bad0", model=f"qcodes:hostile_drivers.{kind}", address=address, parameter=parameter)


@pytest.fixture
def device(lab: Lab) -> Iterator[HostedInstrument]:
    found = registry.open_device(entry(), lab)
    assert isinstance(found, HostedInstrument)
    yield found
    found.close()


def sent(device: HostedInstrument) -> list[tuple[str, Any]]:
    found: Any = device.driver
    told: list[tuple[str, Any]] = found._instrument.sent
    return told


@pytest.mark.parametrize(("name", "value"), [("surrogate", "? V"), ("odd", 7), ("thing", None), ("nan", math.nan)])
def test_what_a_driver_returns_can_be_sent(device: HostedInstrument, name: str, value: Any) -> None:
    got = device.get(name)
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(got))
    if name == "thing":
        assert told.startswith("<object object at ")
    else:
        assert told == pytest.approx(value, nan_ok=True) if isinstance(value, float) else told == value


def test_value_that_holds_itself_is_refused(device: HostedInstrument) -> None:
    with pytest.raises(RefusedError, match="RecursionError"):
        device.get("loop")


def test_copy_of_the_host_that_a_driver_forks_ends(device: HostedInstrument) -> None:
    copy = device.get("fork")
    assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 1


def test_driver_that_leaves_the_program_refuses(lab: Lab, device: HostedInstrument) -> None:
    with pytest.raises(RefusedError, match=r"bad0: exit: its driver refused .SystemExit: 3"):
        device.get("exit")
    with pytest.raises(RefusedError, match=r"SystemExit: no licence"):
        registry.open_device(entry("Exits"), lab)


def test_module_that_fails_at_import_is_a_request_error(
    lab: Lab, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_driver.py").write_text("import sys\nsys.exit('no dongle')\n")
    monkeypatch.syspath_prepend(tmp_path)
    bad = msgspec.structs.replace(entry(), model="qcodes:broken_driver.Box")
    with pytest.raises(RequestError, match=r"instruments.bad0.model: .* can't be imported: SystemExit: no dongle"):
        registry.open_device(bad, lab)


@pytest.mark.parametrize("value", ["a\nOUTP ON", "a;OUTP ON", 'a"', "a\0", True, 1, None])
def test_free_text_can_not_hide_a_command(device: HostedInstrument, value: Any) -> None:
    with pytest.raises(LimitError, match="bad0: word = "):
        device.set("word", value)
    assert sent(device) == []


def test_safe_state_goes_on_where_one_value_is_refused(device: HostedInstrument) -> None:
    with pytest.raises(RefusedError, match="the gate is stuck"):
        device.safe()
    assert sent(device) == [("gate", "shut"), ("level", 0.0), ("word", "31.6μA")]


def test_text_of_the_safe_value_may_be_anything_that_lab_toml_says(device: HostedInstrument) -> None:
    device.set("word", "off")
    device.set("word", "31.6μA")
    assert [value for _, value in sent(device)] == ["off", "31.6μA"]
