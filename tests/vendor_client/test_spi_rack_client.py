"""The SPI rack's own client on the emulated rack, Qblox's over it, and the driver's bytes beside those of the client.

Needs `spirack` (0.2.12, which qblox-instruments 1.4.1 pins; what is used here is the same in 0.2.21).
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import spirack
from qblox_instruments import SpiRack as QbloxRack

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.spi_rack import SpiRack
from qctl.instruments.links.visa import VisaLink
from qctl.instruments.spi_rack import line as rack_line
from qctl.instruments.spi_rack.d5a import D5A
from qctl.instruments.spi_rack.s4g import S4G
from qctl.lab import CurrentOutput, Instrument, Output

MODULES = "2=d5a0:qblox-d5a,5=s4g0:qblox-s4g"
SPANS = {0: (0.0, 4.0), 1: (0.0, 8.0), 2: (-4.0, 4.0), 3: (-8.0, 8.0), 4: (-2.0, 2.0)}
WORDS = {0: "UNI_4V", 1: "UNI_8V", 2: "BI_4V", 3: "BI_8V", 4: "BI_2V"}
FAST = 1e6


@pytest.fixture
def path():
    command = [sys.executable, "-m", "qctl.hil.instruments", "--model", "spi-rack", "--name", "spi0"]
    process = subprocess.Popen([*command, "--modules", MODULES], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split("ASRL")[1].split("::")[0]
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def rack(path):
    found = spirack.SPI_rack(path, 1_000_000, 1)
    yield found
    found.close()


def test_controller_tells_what_the_client_reads(rack):
    assert rack.get_firmware_version().startswith("1.6 - ")
    plus, minus = rack.get_battery()
    assert plus == pytest.approx(6.02, abs=2e-3) and minus == pytest.approx(-6.05, abs=2e-3)
    assert rack.get_temperature() == 31.25


def test_rack_that_was_switched_on_is_locked_at_zero_until_the_client_unlocks_it(rack):
    module = spirack.D5a_module(rack, 2, reset_voltages=False)
    assert module.voltages == [0.0] * 16 and module.span == [0] * 16
    module.set_voltage(0, 1.0)
    assert module.get_settings(0) == [0.0, 0]
    rack.unlock()
    module.set_voltage(0, 1.0)
    assert module.get_settings(0) == [1.0, 0]
    rack.lock()
    module.set_voltage(0, 2.0)
    assert module.get_settings(0) == [1.0, 0]


@pytest.mark.parametrize("span", SPANS)
def test_every_voltage_reads_back_as_the_client_set_it(rack, span):
    rack.unlock()
    module = spirack.D5a_module(rack, 2)
    low, high = SPANS[span]
    step = (high - low) / 2**18
    for dac, volts in enumerate(np.linspace(low, high - step, 16)):
        module.change_span(dac, span)
        module.set_voltage(dac, volts)
        told = module.get_settings(dac)
        assert told == [pytest.approx(volts, abs=step / 2 * 1.001), span]


def test_span_that_is_updated_alone_moves_the_output_and_one_that_waits_does_not(rack):
    rack.unlock()
    module = spirack.D5a_module(rack, 2)
    module.set_voltage(7, 1.5)
    module.change_span(7, module.range_2V_bi)
    assert module.get_settings(7) == [1.5, 2]
    module.update(7)
    assert module.get_settings(7) == [0.75, 4]
    module.change_span_update(7, module.range_8V_bi)
    assert module.get_settings(7) == [3.0, 3]


def test_currents_come_out_where_the_client_put_them(rack):
    rack.unlock()
    module = spirack.S4g_module(rack, 5)
    for dac, amperes in enumerate((-0.02, -0.001, 0.003, 0.049)):
        module.set_current(dac, amperes)
        assert module.get_settings(dac) == [pytest.approx(amperes, abs=0.05 / 2**17), 2]
    module.change_span(1, module.range_min_bi)
    module.set_current(1, -0.0123)
    assert module.get_settings(1) == [pytest.approx(-0.0123, abs=0.05 / 2**18), 4]


def test_module_that_is_not_there_is_noticed_by_the_client(rack):
    with pytest.raises(ValueError, match="Span 255"):
        spirack.D5a_module(rack, 3)


def test_qblox_client_sets_ramps_and_switches_spans(path):
    rack = QbloxRack("judge", path)
    try:
        rack.add_spi_module(2, "D5a", "volts")
        rack.add_spi_module(5, "S4g", "amps", reset_currents=True)
        volts, amps = rack.volts.dac4, rack.amps.dac2
        assert rack.get_idn()["firmware"]["device"].startswith("1.6 - ")
        assert (volts.voltage(), volts.span()) == (0.0, "range_4V_uni")
        volts.span("range_4V_bi")
        volts.voltage(0.0)
        # It reads the span that is shown before it works the code out, so its own switch is right at 0 V alone.
        volts.span("range_2V_bi")
        assert (volts.voltage(), volts.span()) == (0.0, "range_2V_bi")
        volts.voltage(-0.5)
        with pytest.raises(ValueError, match="out of the range"):
            volts.span("range_4V_uni")
        amps.current(0.0125)
        assert amps.current() == pytest.approx(0.0125, abs=0.05 / 2**17) and amps.span() == "range_max_bi"
        amps.ramp_rate(1.0)
        amps.ramping_enabled(True)
        amps.current(-0.0125)
        amps._ramp_thread.join(10)
        assert amps.current() == pytest.approx(-0.0125, abs=0.05 / 2**17)
        amps.ramping_enabled(False)
        rack.set_dacs_zero()
        assert (volts.voltage(), amps.current()) == (0.0, 0.0)
    finally:
        rack.close()


# -- the driver's bytes beside the client's ------------------------------------------------------


class Wire:
    """Both ends of a rack's line in this process, and every byte that went to the rack."""

    def __init__(self):
        self.sent, self._due = [], bytearray()
        self._rack = SpiRack(EmulatorConfig("spi-rack", "spi0", modules=MODULES), NoPlant())

    def write(self, data):
        """Have the rack take bytes; answers wait."""
        self.sent.append(bytes(data))
        self._rack._got += data
        while size := self._rack._size():
            message = bytes(self._rack._got[:size])
            del self._rack._got[:size]
            self._due += self._rack._carried_out(message)
        return len(data)

    def take(self, n_bytes):
        """Return answered bytes."""
        taken = bytes(self._due[:n_bytes])
        del self._due[:n_bytes]
        return taken


class ClientRack(spirack.SPI_rack):
    """The vendor's rack over a wire of ours."""

    def __init__(self, wire):
        self.wire, self.active_module, self.active_chip, self.active_speed = wire, None, None, None
        self._tlock = spirack.spi_rack.NoLock()

    def write(self, data):
        return self.wire.write(data)

    def read(self, size=1):
        return self.wire.take(size)

    def __del__(self):
        pass


class DriverPort:
    """The driver's port over the same kind of wire."""

    wire = None

    def __init__(self, *_):
        self.wire = DriverPort.wire

    def send(self, parts, timeout_s):
        for part in parts:
            self.wire.write(part)

    def receive(self, n_bytes, timeout_s):
        return self.wire.take(n_bytes)

    def line(self, max_bytes, timeout_s):
        return self.wire.take(max_bytes)

    def listen(self, timeout_s):
        return b""

    def unread(self):
        return b""

    def close(self):
        pass


@pytest.fixture
def wires(monkeypatch):
    """Return the client's wire with its rack, and the driver's."""
    monkeypatch.setattr(rack_line, "VisaPort", DriverPort)
    DriverPort.wire = Wire()
    client = ClientRack(Wire())
    client.unlock()
    return client, DriverPort.wire


def opened(declaration, **entry):
    """Return a driver over its wire."""
    address = "ASRL/dev/null::INSTR"
    instrument = Instrument(name="spi", address=address, timeout_s=1.0, **entry)
    port = lambda address, timeout_s: declaration.open_port(instrument, address, timeout_s)  # noqa: E731
    link = VisaLink("spi", address, 1.0, open_port=port, dialect=declaration.dialect)
    link.open()
    device = declaration.over(link, instrument)
    device.prepare()
    return device


@pytest.mark.parametrize("span", SPANS)
def test_driver_writes_the_bytes_that_the_client_writes_for_voltages(wires, span):
    rack, wire = wires
    low, high = SPANS[span]
    outputs = {n: Output(number=n, limits_v=(low, high), slew_v_per_s=FAST, safe_v=0.0) for n in range(1, 17)}
    device = opened(D5A, model="qblox-d5a", module=2, output=outputs)
    module = spirack.D5a_module(rack, 2, reset_voltages=False)
    try:
        for dac, volts in enumerate(np.random.default_rng(span).uniform(low, high, 16)):
            if device.get(f"output{dac + 1}_span") != WORDS[span]:
                device.set(f"output{dac + 1}_span", WORDS[span])
            module.change_span(dac, span)
            module.set_voltage(dac, device.get(f"output{dac + 1}_present_v"))
            module.get_settings(dac)
            del rack.wire.sent[:], wire.sent[:]
            module.get_settings(dac)  # so does the driver: it goes on from what is there
            module.set_voltage(dac, float(volts))
            module.get_settings(dac)
            device.set(f"output{dac + 1}_voltage_v", float(volts))
            assert wire.sent == rack.wire.sent
            assert device.get(f"output{dac + 1}_present_v") == module.voltages[dac]
    finally:
        device.close()


def test_driver_writes_span_and_code_as_the_client_does_for_a_switch(wires):
    rack, wire = wires
    outputs = {9: Output(number=9, limits_v=(-1.0, 1.0), slew_v_per_s=FAST, safe_v=0.0)}
    device = opened(D5A, model="qblox-d5a", module=2, output=outputs)
    module = spirack.D5a_module(rack, 2, reset_voltages=False)
    try:
        device.set("output9_voltage_v", 0.625)
        module.change_span(8, module.range_2V_bi)
        module.set_voltage(8, 0.625)
        module.get_settings(8)
        for span in (2, 3, 4):
            del rack.wire.sent[:], wire.sent[:]
            module.get_settings(8)
            module.change_span(8, span)
            module.set_voltage(8, 0.625)
            module.get_settings(8)
            device.set("output9_span", WORDS[span])
            assert wire.sent == rack.wire.sent
    finally:
        device.close()


def test_driver_writes_the_bytes_that_the_client_writes_for_currents(wires):
    rack, wire = wires
    limits = {"range_a": 0.05, "limits_a": (-0.04, 0.04), "slew_a_per_s": FAST, "safe_a": 0.0}
    device = opened(
        S4G, model="qblox-s4g", module=5, current={n: CurrentOutput(number=n, **limits) for n in range(1, 5)}
    )
    module = spirack.S4g_module(rack, 5, reset_currents=False)
    step = 0.05 / 2**17
    try:
        for dac, code in enumerate((60_000, 131_073, 200_000, 131_071)):
            assert device.get(f"output{dac + 1}_span") == "BI"
            module.change_span(dac, module.range_max_bi)
            module.set_current(dac, 0.0)
            module.get_settings(dac)
            del rack.wire.sent[:], wire.sent[:]
            amperes = (code + 0.25) * step - 0.05  # the client takes the code below, the driver the nearest
            module.get_settings(dac)
            module.set_current(dac, amperes)
            module.get_settings(dac)
            device.set(f"output{dac + 1}_current_a", amperes)
            assert wire.sent == rack.wire.sent
    finally:
        device.close()


def test_driver_asks_the_controller_with_the_bytes_of_the_client(wires):
    rack, wire = wires
    device = opened(D5A, model="qblox-d5a", module=2)
    try:
        for ask, name in ((rack.get_temperature, "controller_c"), (rack.get_battery, "battery_plus_v")):
            del rack.wire.sent[:], wire.sent[:]
            told = ask()
            found = device.get(name)
            if name == "battery_plus_v":
                assert [found, device.get("battery_minus_v")] == pytest.approx(told, rel=1e-12)
            else:
                assert found == told
            assert wire.sent == rack.wire.sent
    finally:
        device.close()
