"""The emulated SPI rack, by bytes typed from its vendor's client: lock, double buffers, and what reaches the plant."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import serial
from recording_plant import RecordingPlant

from qctl.errors import RequestError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.spi_rack import SpiRack

MODULES = "2=d5a0:qblox-d5a,5=s4g0:qblox-s4g"
# Module 2, chip 1 (outputs 3 and 4), clock divided by 6 and by 8; the second DAC of a chip has address 2.
CHOOSE, CHOOSE_TO_READ = bytes.fromhex("63120006"), bytes.fromhex("63120008")


class Desk:
    """A rack in this process."""

    def __init__(self, modules: str = MODULES) -> None:
        self.plant = RecordingPlant()
        self.rack = SpiRack(EmulatorConfig("spi-rack", "spi0", "7", modules=modules), self.plant)
        self.answers: list[bytes] = []
        self.rack.send = self.answers.append
        self.loop = asyncio.new_event_loop()

    def say(self, *messages: bytes | str) -> bytes:
        """Send messages, and return what is answered."""
        return self.loop.run_until_complete(self._say(*messages))

    async def _say(self, *messages: bytes | str) -> bytes:
        self.answers.clear()
        for one in messages:
            self.rack.receive(bytes.fromhex(one) if isinstance(one, str) else one)
        while self.rack._telling is not None:
            await asyncio.sleep(0)
        return b"".join(self.answers)

    def levels(self) -> list[tuple[Any, ...]]:
        """Return what the plant was told of outputs: number, volts on the line, and module."""
        return [(call[1], call[2], call[4]) for call in self.plant.calls if call[0] == "level"]


@pytest.fixture
def desk() -> Iterator[Desk]:
    found = Desk()
    yield found
    found.loop.close()


def test_output_moves_with_span_and_code_at_once(desk: Desk) -> None:
    # Span 2 of the second DAC waits, code 163840 updates: 1 V in ±4 V.
    desk.say(b"u", CHOOSE, b"w" + bytes.fromhex("22000200"))
    assert desk.levels() == []
    desk.say(b"w" + bytes.fromhex("72a00000"))
    assert desk.levels() == [(4, 1.0, "d5a0")]
    assert desk.say(CHOOSE_TO_READ, b"r" + bytes.fromhex("d2000000")) == bytes.fromhex("00a00000")
    assert desk.say(b"r" + bytes.fromhex("c2000000")) == bytes.fromhex("00000200")


def test_span_that_is_updated_alone_moves_the_output(desk: Desk) -> None:
    desk.say(b"u", CHOOSE, b"w\x22\x00\x02\x00", b"w" + bytes.fromhex("72a00000"))
    desk.say(b"w" + bytes.fromhex("62000300"))
    assert desk.levels()[-1] == (4, 2.0, "d5a0")


def test_code_that_waits_is_told_and_not_shown(desk: Desk) -> None:
    desk.say(b"u", CHOOSE, b"w" + bytes.fromhex("32ace240"))
    assert desk.say(CHOOSE_TO_READ, b"r" + bytes.fromhex("b2000000")) == bytes.fromhex("00ace240")
    assert desk.say(b"r" + bytes.fromhex("d2000000")) == bytes(4) and desk.levels() == []
    desk.say(b"w" + bytes.fromhex("42000000"))
    assert desk.levels() == [(4, pytest.approx(177033 * 4 / 2**18), "d5a0")]


def test_milliampere_does_on_the_line_what_a_volt_does(desk: Desk) -> None:
    # The first output of an S4g is the second DAC of chip 3; ±50 mA, 131072 + 5243 codes are 2 mA.
    desk.say(b"u", "63350006", b"w\x22\x00\x02\x00", b"w" + bytes.fromhex("72851ec0"))
    assert desk.levels() == [(1, pytest.approx(2.0, abs=2e-4), "s4g0")]


def test_rack_is_locked_after_power_on_and_keeps_what_it_shows_when_locked(desk: Desk) -> None:
    word = b"w" + bytes.fromhex("70400000")
    desk.say("63020006", word)
    assert desk.levels() == [] and desk.rack.counters["locked_writes"] == 1
    desk.say(b"u", word)
    assert desk.levels() == [(1, 1.0, "d5a0")]
    desk.say(b"l", b"w" + bytes.fromhex("70800000"))
    assert desk.say("63020008", b"r" + bytes.fromhex("d0000000")) == bytes.fromhex("00400000")


def test_power_cycle_takes_every_output_to_zero_and_locks(desk: Desk) -> None:
    desk.say(b"u", "63020006", b"w" + bytes.fromhex("70400000"))
    desk.loop.run_until_complete(desk.rack.power_cycle())
    told = desk.levels()[1:]
    assert len(told) == 20 and {volts for _, volts, _ in told} == {0.0} and desk.rack.locked


def test_controller_tells_firmware_battery_and_temperature(desk: Desk) -> None:
    assert desk.say(b"v").startswith(b"1.6 - ") and desk.answers[0].endswith(b"\n")
    _, high, low = desk.say("63000054", b"r" + bytes.fromhex("01e000"))
    assert 2.171 * 3.3 * (high << 8 | low) / 4096 == pytest.approx(6.02, abs=2e-3)
    assert desk.say("63100054", b"r\x00\x00") == (1000).to_bytes(2, "big")


def test_bytes_that_are_no_message_and_cut_ones_disturb_nothing(desk: Desk) -> None:
    desk.say(b"u*IDN?\n", CHOOSE, b"w\x72")
    desk.rack._heard_s = 0.0  # long ago
    assert desk.say(CHOOSE_TO_READ, b"r" + bytes.fromhex("d2000000")) == bytes(4)
    assert desk.levels() == [] and desk.rack.counters["strange_bytes"] == 6
    assert desk.say(CHOOSE_TO_READ[:2], CHOOSE_TO_READ[2:], b"r\xd2\x00", b"\x00\x00") == bytes(4)


def test_nothing_answers_where_no_module_is(desk: Desk) -> None:
    assert desk.say("63030008", b"r" + bytes.fromhex("d0000000")) == b"\xff" * 4


@pytest.mark.parametrize("modules", ["2=a:qblox-qcm", "0=a:qblox-d5a", "16=a:qblox-d5a", "2=a:qblox-d5a,2=b:qblox-s4g"])
def test_modules_that_can_not_be_are_refused(modules: str) -> None:
    with pytest.raises(RequestError, match="no module of an SPI rack at a number of its own"):
        Desk(modules)


def test_pyserial_talks_to_it_as_a_process() -> None:
    command = [sys.executable, "-m", "qctl.hil.instruments", "--model", "spi-rack", "--name", "spi0"]
    process = subprocess.Popen([*command, "--modules", MODULES], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        path = process.stdout.readline().split("ASRL")[1].split("::")[0]
        with serial.Serial(path, 1_000_000, timeout=5) as port:
            port.write(b"v")
            assert port.readline().startswith(b"1.6")
            for message in (b"u", CHOOSE, b"w\x22\x00\x02\x00", b"w" + bytes.fromhex("72a00000"), CHOOSE_TO_READ):
                port.write(message)
            port.write(b"r" + bytes.fromhex("d2000000"))
            assert port.read(4) == bytes.fromhex("00a00000")
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()
