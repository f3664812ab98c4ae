"""Modbus as a port: every kind of register both ways, refusals, silent units; pymodbus against hil's unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulators import Emulator

from qctl.errors import RequestError
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.modbus_port import ModbusPort
from qctl.instruments.links.modbus_words import Register, parse_register
from qctl.instruments.links.visa_port import PortClosedError


@pytest.fixture(params=["chiller", "chiller-tcp"], scope="module")
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a chiller, and return where it is."""
    unit = Emulator(request.param, "unit", Path(tmp_path_factory.mktemp("unit")))
    yield unit.address
    unit.stop()


def asked(port: ModbusPort, text: str) -> str:
    port.send((text.encode() + b"\n",), 1.0)
    return port.line(4096, 1.0).decode().strip()


@pytest.fixture
def port(address: str) -> Iterator[ModbusPort]:
    found = ModbusPort(address, 1.0, 17, "big", SerialLine())
    yield found
    found.close()


def test_registers_and_bits_are_set_and_asked_for(port: ModbusPort) -> None:
    assert asked(port, "identification") == "Cool Water Ltd,CW-40 B010001,2.7"
    assert asked(port, "holding 0 int16 / 10 = 25.5") == "OK"
    assert asked(port, "holding 0 int16 / 10") == "25.5"
    assert asked(port, "holding 0") == "255"
    assert (asked(port, "coil 0 = 1"), asked(port, "coil 0")) == ("OK", "1")
    assert (asked(port, "input 1 int16"), asked(port, "input 1"), asked(port, "discrete 0")) == ("-5", "65531", "0")
    assert asked(port, "input 2 float32") == "7.25"


def test_two_registers_are_written_in_one_request(port: ModbusPort, address: str) -> None:
    assert asked(port, "holding 0 uint32 = 13107201") == "OK"  # 200, 1
    assert (asked(port, "holding 0"), asked(port, "holding 1")) == ("200", "1")
    swapped = ModbusPort(address, 1.0, 17, "little", SerialLine()) if address.startswith("TCPIP") else None
    if swapped is not None:
        assert asked(swapped, "holding 0 uint32") == str(1 << 16 | 200)
        swapped.close()


def test_a_refusal_is_told_in_modbus_words(port: ModbusPort) -> None:
    assert asked(port, "holding 9") == "ERR 2 illegal data address"
    assert asked(port, "holding 0 = 9999") == "ERR 3 illegal data value"
    assert (
        asked(port, "holding nine") == "ERR 'holding nine' is no register, such as 'holding 10 int16 / 10' or 'coil 0'"
    )
    assert asked(port, "holding 0 = warm") == "ERR 'warm' is no number"
    assert asked(port, "holding 0 = 65536") == "ERR 65536 is not in [0, 65535], as holding 0 uint16 holds them"
    assert asked(port, "holding 0 int16 / 10 = nan").startswith("ERR nan is not in [-3276.8, 3276.7]")
    assert asked(port, "coil 0 = 2") == "ERR 2 is not in [0, 1], as coil 0 holds them"


def test_a_unit_of_another_number_is_silent(address: str) -> None:
    port = ModbusPort(address, 0.1, 18, "big", SerialLine())
    with pytest.raises(TimeoutError):
        asked(port, "holding 0")
    port.close()


def test_nothing_there_and_no_line_are_told() -> None:
    with pytest.raises(PortClosedError, match="can't be opened"):
        ModbusPort("ASRL/dev/qctl-none::INSTR", 0.1, 1, "big", SerialLine())
    with pytest.raises(RequestError, match="neither a serial line nor a socket"):
        ModbusPort("GPIB0::8::INSTR", 0.1, 1, "big", SerialLine())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("holding 70000", "over 65535"),
        ("coil 1 int16", "one bit"),
        ("holding 1 int8", "int8 is not one of"),
        ("holding 1 int16 / 0", r"not in \[1e-9, 1e9\]"),
        ("holding 1 int16 / e", r"not in \[1e-9, 1e9\]"),
        ("register 1", "is no register"),
        ("", "is no register"),
    ],
)
def test_words_that_are_no_register_are_refused(text: str, words: str) -> None:
    found: Any = parse_register(text)
    assert isinstance(found, str)
    assert re.search(words, found)


@pytest.mark.parametrize(
    "text", ["holding 10 int16 / 10", "coil 0", "input 2 float32", "holding 1 uint16", "discrete 9"]
)
def test_words_come_back_as_they_were(text: str) -> None:
    found = parse_register(text)
    assert isinstance(found, Register)
    assert str(found) == text


def test_bounds_are_what_fits() -> None:
    assert parse_register("holding 0 int16 / 10").bounds == (-3276.8, 3276.7)  # type: ignore[union-attr]
    assert parse_register("holding 0 uint32").bounds == (0, 4294967295)  # type: ignore[union-attr]


def test_numbers_of_32_bits_are_told_with_all_their_digits() -> None:
    for text, raw, told in (
        ("holding 0 uint32 / 10", 4294967295, "429496729.5"),
        ("holding 0 int32 / 1000", -2147483647, "-2147483.647"),
        ("holding 0 uint32", 4294967294, "4294967294"),
        ("input 2 float32", 7.25, "7.25"),
    ):
        found = parse_register(text)
        assert isinstance(found, Register)
        assert found.shown(raw) == told


def test_the_second_register_of_a_value_must_be_there() -> None:
    assert str(parse_register("holding 65534 uint32")) == "holding 65534 uint32"
    for text in ("holding 65535 uint32", "input 65535 float32"):
        found = parse_register(text)
        assert isinstance(found, str)
        assert "takes two registers, and there is none behind 65535" in found
