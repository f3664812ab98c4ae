"""The driver of QICK boards against an emulated one, and against servers that are none or answer badly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import qctl
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RefusedError, RequestError, VersionError
from qctl.hil.instruments.qick.soccfg import board_config
from qctl.instruments.qick.driver import open_driver
from qctl.lab import Lab

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from emulators import Emulator
from qick_server import board_server, lab_at, odd_board

EVIL = """
import os
class Evil:
    def __reduce__(self):
        return os.system, (f"touch {os.path.dirname(__file__)}/ran",)
"""


@pytest.fixture(scope="module", params=["qick-tproc-v2", "qick-tproc-v1"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with board_server(tmp_path_factory.mktemp("qick"), model) as found:
        yield found


@pytest.fixture(scope="module")
def lab(model: str, server: Emulator) -> Lab:
    return lab_at(server.address, model=model)


@pytest.fixture(scope="module")
def box(lab: Lab) -> Iterator[Any]:
    found = open_driver(lab.instruments["board0"], lab)
    yield found
    found.close()


def rabi(lab: Lab, heights_v: Any, shots: int = 40, averaged: bool = True) -> Any:
    """Return the program of a board that plays pulses of these heights."""
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.asarray(heights_v), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    (program,) = qctl.compile(p, lab, shots=shots, averaged=averaged).programs
    return program


def played(box: Any) -> Any:
    """Return what a loaded program measures."""
    box.start()
    box.fire()
    until_s = time.monotonic() + 20
    while not box.finished():
        assert time.monotonic() < until_s
    (values,) = box.integrated().values()
    return values


@pytest.mark.parametrize("averaged", [True, False])
def test_results_come_as_records_and_columns(box: Any, lab: Lab, averaged: bool) -> None:
    box.load(rabi(lab, [0.05, 0.1, 0.2], averaged=averaged))
    values = played(box)
    assert values.shape == ((1, 3) if averaged else (40, 3))
    # The plant of nothing gives 0.1 V everywhere: what is left of it at 20 MHz off the tone, and 1 mV of noise.
    assert np.isfinite(values).all() and np.abs(values).max() < 0.05


def test_repeated_run_uploads_nothing_and_a_changed_amplitude_the_memory_of_what_differs(
    box: Any, lab: Lab, server: Emulator, model: str
) -> None:
    memory, n_bytes = ("wmem", 160) if model == "qick-tproc-v2" else ("dmem", 12)
    box.forget()
    assert box.load(rabi(lab, [0.05, 0.1, 0.2])) > 0
    before = server.counters()
    assert box.load(rabi(lab, [0.05, 0.1, 0.2])) == 0
    assert server.counters() == before
    assert box.load(rabi(lab, [0.05, 0.1, 0.21])) == n_bytes
    after = server.counters()
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changed == {f"{memory}_loads": 1, f"{memory}_bytes": n_bytes}
    played(box)


def test_another_number_of_shots_is_another_program_with_the_same_envelopes(
    box: Any, lab: Lab, server: Emulator
) -> None:
    box.load(rabi(lab, [0.05, 0.1]))
    before = server.counters()
    box.load(rabi(lab, [0.05, 0.1], shots=41))
    after = server.counters()
    assert after["programs"] == before["programs"] + 1 and after["waveforms"] == before["waveforms"]


def test_what_it_says_of_itself(box: Any) -> None:
    assert box.identify() == "QICK,EMULATED,,0.2.436"
    assert box.get("clocks_locked") is True and box.get("n_shots") >= 0
    with pytest.raises(RequestError, match="clocks_locked can't be set"):
        box.set("clocks_locked", True)
    with pytest.raises(RequestError, match="no parameter 'power_dbm'"):
        box.get("power_dbm")


def test_lost_clock_is_seen(box: Any, server: Emulator) -> None:
    server.faults(unlocked=True)
    try:
        assert box.locked() is False
    finally:
        server.faults()
    assert box.locked() is True


def test_safe_state_forgets_the_program(box: Any, lab: Lab) -> None:
    box.load(rabi(lab, [0.1]))
    box.safe()
    with pytest.raises(RequestError, match="no program is loaded"):
        box.start()
    assert box.load(rabi(lab, [0.1])) > 0
    played(box)


def test_outputs_stay_inside_their_limits(box: Any, lab: Lab, server: Emulator) -> None:
    program = rabi(lab, [0.1, 0.9])
    output = msgspec.structs.replace(box.instrument.output[1], limits_v=(-0.5, 0.5))
    instrument = box.instrument
    before = server.counters()
    try:
        box.instrument = msgspec.structs.replace(instrument, output={**instrument.output, 1: output})
        with pytest.raises(LimitError, match=r"board0: output 1 would reach 0\.8999 V, outside \[-0\.5, 0\.5\] V"):
            box.load(program)
    finally:
        box.instrument = instrument
    assert server.counters() == before


def test_the_board_s_words_are_in_the_error(box: Any) -> None:
    with pytest.raises(
        RefusedError, match="board0: the board says at set_nyquist: RuntimeError: nqz must be 1 or 2, got 7"
    ):
        box.link.call("set_nyquist", 0, 7)
    with pytest.raises(RefusedError, match="none of a board's calls"):
        box.link.call("__class__")
    with pytest.raises(RefusedError, match="none of a board's calls"):
        box.link.call("eval", "1")


def test_pickles_are_off_unless_the_lab_says_otherwise(lab: Lab) -> None:
    closed = msgspec.structs.replace(lab.instruments["board0"], allow_pickle=False)
    with pytest.raises(RequestError, match=r"pickles, which can run code.*instruments\.board0\.allow_pickle = true"):
        open_driver(closed, lab)


def test_board_that_is_not_the_compiled_one_is_refused_by_the_key(server: Emulator, model: str) -> None:
    config = board_config(model)
    config["gens"][2]["fs_mult"] = 80
    other = lab_at(server.address, board=config, model=model)
    with pytest.raises(VersionError, match=r"gens\[2\]\.fs_mult is 78, and 80 in instruments\.board0\.board"):
        open_driver(other.instruments["board0"], other)


def test_firmware_out_of_range_is_refused(tmp_path: Path) -> None:
    deed = (
        "from qctl.hil.instruments.qick.soccfg import board_config; return board_config() | {'sw_version': '0.2.100'}"
    )
    with odd_board(deed, tmp_path) as address:
        lab = lab_at(address)
        with pytest.raises(VersionError, match=r"qick-v2 has firmware 0\.2\.100, .* from 0\.2\.367 on.*update it"):
            open_driver(lab.instruments["board0"], lab)


def test_answer_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(EVIL)
    with odd_board("from evil import Evil; return Evil()", tmp_path) as address:
        lab = lab_at(address)
        with pytest.raises(RefusedError, match=r"an answer has a (posix|os)\.system in it, which is not taken"):
            open_driver(lab.instruments["board0"], lab)
    assert not (tmp_path / "ran").exists()


def test_board_that_hangs_is_given_up_and_its_client_ended(tmp_path: Path) -> None:
    with odd_board("time.sleep(60)", tmp_path) as address:
        lab = lab_at(address, timeout_s=0.3)
        begin_s = time.monotonic()
        with pytest.raises(DeviceTimeoutError, match=r"board0: the board has not answered get_cfg within 0\.3 s"):
            open_driver(lab.instruments["board0"], lab)
        assert time.monotonic() - begin_s < 10


def test_nobody_at_the_address_is_an_error_by_name() -> None:
    lab = lab_at("qick://127.0.0.1:9/myqick", timeout_s=1.0)
    with pytest.raises(DeviceError, match=r"board0: qick://127\.0\.0\.1:9/myqick can't be opened"):
        open_driver(lab.instruments["board0"], lab)


def test_board_that_dies_is_an_error_by_name(tmp_path: Path) -> None:
    with board_server(tmp_path) as server:
        lab = lab_at(server.address)
        box = open_driver(lab.instruments["board0"], lab)
        server.stop()
        with pytest.raises(DeviceError, match="board0: the board is gone at clocks_locked"):
            box.locked()
        assert box.link.process.poll() is not None
        with pytest.raises(DeviceError, match="board0"):
            box.locked()


def test_client_s_process_can_write_no_file_and_start_nothing(box: Any) -> None:
    status = Path(f"/proc/{box.link.process.pid}/status").read_text()
    limits = Path(f"/proc/{box.link.process.pid}/limits").read_text()
    assert "NoNewPrivs:\t1" in status
    assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max file size")] == ["0"]
