"""PyVISA over a server: an unchanged script, PyVISA's own calls, limits, leases, time-outs and binary blocks."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa

import qctl
from qctl.errors import LeaseError, LimitError, NotAllowedError, RequestError

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "plain_pyvisa.py"


ALL = {
    "lo_drive": "SOUR:POW?;:SOUR:FREQ?;:OUTP?",
    "dc0": "SOUR1:VOLT?;:SOUR1:VOLT:MODE?;:SOUR1:LIST:VOLT?",
    "awg0": "SOUR1:VOLT?;:SOUR1:VOLT:OFFS?",
}


@pytest.fixture
def rm(bench: Any) -> Iterator[Any]:
    with qctl.visa_manager(bench.server) as manager:
        yield manager


def run(script: str, address: str, folder: Path) -> str:
    file = folder / "script.py"
    file.write_text(script)
    done = subprocess.run([sys.executable, str(file), address], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_script_needs_one_changed_line(bench: Any, tmp_path: Path) -> None:
    address, script = bench.boxes["lo_drive"].address, SCRIPT.read_text()
    old, new = 'rm = pyvisa.ResourceManager("@py")', f'import qctl; rm = qctl.visa_manager("{bench.server}")'
    assert script.count(old) == 1
    alone = run(script, address, tmp_path)
    over_server = run(script.replace(old, new), address, tmp_path)
    assert over_server == alone
    assert "[4900000000.0, 5000000000.0, 5100000000.0]" in alone
    assert "Rohde&Schwarz,SGS100A" in alone and re.search(r'0,"No error"', alone)


def test_manager_and_resource_are_pyvisas_own(bench: Any, rm: Any) -> None:
    assert isinstance(rm, pyvisa.ResourceManager)
    addresses = {name: box.address for name, box in bench.boxes.items()}
    assert set(rm.list_resources()) == set(addresses.values())
    assert set(rm.list_resources("?*::SOCKET")) == {addresses["dc0"], addresses["awg0"]}
    assert rm.resource_info("dc0").alias == "dc0"
    with rm.open_resource("dc0") as dc, rm.open_resource(addresses["lo_drive"]) as lo:
        assert isinstance(dc, pyvisa.resources.TCPIPSocket)
        assert isinstance(lo, pyvisa.resources.TCPIPInstrument)
        assert {one.resource_name for one in rm.list_opened_resources()} == {addresses["dc0"], addresses["lo_drive"]}
    assert rm.list_opened_resources() == []
    with pytest.raises(pyvisa.errors.InvalidSession):
        lo.query("*IDN?")
    with pytest.raises(RequestError, match="lo_drive"):
        rm.open_resource("TCPIP::127.0.0.1::1::SOCKET")


def test_terminations_are_the_scripts_choice(rm: Any) -> None:
    with rm.open_resource("dc0") as dc:
        assert dc.query("*IDN?").endswith("\n")
        dc.read_termination = dc.write_termination = "\n"
        assert dc.query("*IDN?").startswith("QDevil")
        dc.write("*IDN?")
        assert dc.read_bytes(4) == b"QDev"
        assert dc.read_raw().startswith(b"il")
        dc.timeout = None
        assert dc.timeout == float("inf")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lo_drive", "SOUR:POW 11"),
        ("lo_drive", ":source:power:level:immediate:amplitude 2e1"),
        ("lo_drive", "SOUR:POW\t11"),
        ("lo_drive", "SOUR:POW MAX"),
        ("lo_drive", "OUTP ON;:SOUR:POW 11"),
        ("lo_drive", "SOUR:FREQ 5GHZ;POW 11"),
        ("dc0", "SOUR1:VOLT 1.5"),
        ("dc0", "SOUR1:LIST:VOLT 0,1.5"),
        ("awg0", "SOUR1:VOLT 1.5"),
        ("awg0", "AWGC:STOP;:SOUR1:VOLT 1.5"),
        ("awg0", "AWGC:STOP\nSOUR1:VOLT 1.5"),
    ],
)
def test_value_outside_limits_is_never_sent(bench: Any, rm: Any, name: str, text: str) -> None:
    direct = pyvisa.ResourceManager("@py")
    with (
        rm.open_resource(name) as instrument,
        direct.open_resource(bench.boxes[name].address, read_termination="\n") as box,
    ):
        before = box.query(ALL[name])
        with pytest.raises(LimitError):
            instrument.write(text)
        assert box.query(ALL[name]) == before


@pytest.mark.parametrize("text", ["*RST", "SOUR:POW:MODE CW", "SOUR:FREQ 5GHZ;:*RST", "MEM:NOTHING?"])
def test_text_that_is_not_declared_is_refused(rm: Any, text: str) -> None:
    with rm.open_resource("lo_drive") as lo, pytest.raises(NotAllowedError, match="allow_raw"):
        lo.write(text)


def test_compound_message_goes_on_where_the_header_before_stopped(rm: Any) -> None:
    with rm.open_resource("lo_drive", read_termination="\n") as lo:
        lo.write("SOUR:FREQ 5.2 GHz;POW -12.5;:OUTP 1")
        assert lo.query("SOUR:FREQ?;POW?;:OUTP?").split(";")[2] == "1"
        assert lo.query_ascii_values("SOUR:FREQ?;POW?", separator=";") == [5.2e9, -12.5]


def test_lists_go_out_and_come_back(rm: Any) -> None:
    with rm.open_resource("dc0") as dc:
        dc.write_ascii_values("SOUR1:LIST:VOLT ", [0, 0.25, -0.5], converter="g")
        assert dc.query_ascii_values("SOUR1:LIST:VOLT?") == [0, 0.25, -0.5]
        assert np.allclose(dc.query_ascii_values("SOUR1:LIST:VOLT?", container=np.array), [0, 0.25, -0.5])


def test_blocks_go_through_where_raw_text_is_allowed(rm: Any) -> None:
    words = np.arange(256, dtype=np.uint16) << 2
    with rm.open_resource("awg0") as awg:
        awg.write('WLIS:WAV:NEW "ramp",256,INT')
        awg.write_binary_values('WLIS:WAV:DATA "ramp",', words, datatype="H")
        got = awg.query_binary_values('WLIS:WAV:DATA? "ramp"', datatype="H", container=np.array)
        awg.write('WLIS:WAV:DEL "ramp"')
    assert np.array_equal(got, words)


def test_records_come_back_over_hislip(rm: Any) -> None:
    with rm.open_resource("dig0", read_termination="\n") as scope:
        assert scope.query(":WAV:FORM?") == "BYTE"
        for text in (":ACQ:POIN 1000", ":WAV:FORM WORD", ":WAV:BYT LSBF", ":DIG CHAN1"):
            scope.write(text)
        assert len(scope.query_binary_values(":WAV:DATA?", datatype="h")) == 1000


def test_managers_of_one_address_are_one_until_closed(bench: Any) -> None:
    first = qctl.visa_manager(bench.server)
    assert qctl.visa_manager(bench.server) is first
    first.close()
    with qctl.visa_manager(bench.server) as again:
        assert again is not first
        assert again.open_resource("lo_drive").query("*OPC?") == "1\n"


def test_text_that_the_instrument_refuses_is_told_in_its_words(rm: Any) -> None:
    with rm.open_resource("awg0") as awg, pytest.raises(qctl.errors.RefusedError, match="-113"):
        awg.write("NO:SUCH:COMMAND 1")


def test_instrument_that_somebody_else_leases_is_not_touched(bench: Any, rm: Any) -> None:
    with qctl.connect(bench.server) as other, rm.open_resource("lo_drive") as lo:
        other.lease(["lo_drive"])
        with pytest.raises(LeaseError):
            lo.write("SOUR:POW -15")
        other.release("lo_drive")
        lo.lock_excl()
        with pytest.raises(LeaseError):
            other.instruments["lo_drive"].set("power_dbm", -16.0)
        lo.unlock()
        other.instruments["lo_drive"].set("power_dbm", -16.0)
        assert lo.query_ascii_values("SOUR:POW?") == [-16.0]


def test_nothing_to_read_is_a_time_out(rm: Any) -> None:
    with rm.open_resource("dc0") as dc, pytest.raises(pyvisa.errors.VisaIOError) as caught:
        dc.read()
    assert caught.value.error_code == pyvisa.constants.StatusCode.error_timeout


def test_silent_instrument_is_pyvisas_time_out(bench: Any, rm: Any) -> None:
    box = bench.boxes["dc0"]
    with rm.open_resource("dc0") as dc:
        dc.timeout = 500
        box.signal(signal.SIGSTOP)
        try:
            with pytest.raises(pyvisa.errors.VisaIOError) as caught:
                dc.query("SOUR1:VOLT?")
        finally:
            box.signal(signal.SIGCONT)
    assert caught.value.error_code == pyvisa.constants.StatusCode.error_timeout
