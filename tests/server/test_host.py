"""Instrument hosts: one instrument's failure is a DeviceError that names it; the others go on; links come back."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from qctl.client import connect
from qctl.device import Device
from qctl.errors import DeviceError, DeviceTimeoutError, InternalError, LeaseError, RefusedError
from qctl.lab import load_lab
from qctl.server.instrument import InstrumentThread

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"
PATIENCE_S = 100.0
"""How long a job may take on a busy machine; what is wrong is seen by what comes, not by when."""
pytestmark = pytest.mark.timeout(300)


def fast_lab(tmp_path, timeout_s: float = 0.2):
    """Return a lab.toml with short time-outs."""
    from fake_server import LAB

    text = re.sub(r"^timeout_s = .*\n", "", LAB.read_text(), flags=re.M)
    text = re.sub(r"^(\[instruments\.\w+\])$", rf"\1\ntimeout_s = {timeout_s}", text, flags=re.M)
    path = tmp_path / "lab.toml"
    path.write_text(text)
    return path


def wait_for_link(lab, name: str, state: str) -> None:
    until = time.monotonic() + 60
    while next(row for row in lab.instrument_rows() if row["name"] == name)["link"] != state:
        assert time.monotonic() < until, f"{name} is not {state}"


def test_time_out_names_the_instrument_and_the_link_comes_back(server, lab) -> None:
    lo = lab.instruments["lo_drive"]
    events = lab.events("link.lo_drive", timeout_s=10)
    lo.call("break_at", "timeout", "get power")
    with pytest.raises(DeviceTimeoutError, match="lo_drive") as caught:
        lo.get("power_dbm")
    assert caught.value.details["instrument"] == "lo_drive"
    states = []
    for event in events:
        states.append(event.body["state"])
        if states[-1] == "up":
            break
    assert states[0] == "degraded" and states[-1] == "up"
    assert lo.get("power_dbm") == 0.0
    assert lo.call("history")[0] == "safe"


def test_others_go_on_while_one_hangs(start, tmp_path) -> None:
    server = start(lab=fast_lab(tmp_path))
    with connect(server.address) as lab, connect(server.address) as other:
        lab.instruments["lo_drive"].call("break_at", "hang", "get power")
        caught: list[BaseException] = []

        def hang() -> None:
            try:
                lab.instruments["lo_drive"].get("power_dbm")
            except DeviceError as error:
                caught.append(error)

        thread = threading.Thread(target=hang)
        begin = time.monotonic()
        thread.start()
        assert other.instruments["lo_readout"].get("power_dbm") == 0.0
        assert other.instruments["dig0"].call("history") == []
        thread.join(20)
        assert time.monotonic() - begin < 5
        assert isinstance(caught[0], DeviceTimeoutError) and "lo_drive" in caught[0].message
        wait_for_link(other, "lo_drive", "up")
        assert other.instruments["lo_drive"].get("power_dbm") == 0.0


def test_link_that_breaks_in_silence_is_noticed_and_settings_are_made_again(start) -> None:
    server = start()
    with connect(server.address) as lab:
        lab.run(json.dumps({}), shots=10).result(PATIENCE_S)
        events = lab.events("link.lo_drive", timeout_s=10)
        lab.instruments["lo_drive"].call("break_at", "error", "identify")
        assert [next(events).body["state"] for _ in range(3)] == ["degraded", "reconnecting", "up"]
        assert lab.instruments["lo_drive"].get("output_on") is False
        lab.run(json.dumps({}), shots=10).result(PATIENCE_S)
        assert lab.instruments["lo_drive"].get("output_on") is True


def test_carrier_that_is_lost_during_a_run_spoils_it(lab) -> None:
    lab.instruments["lo_drive"].call("break_at", "error", "get power")
    job = lab.run(json.dumps({"n_points": 500, "block_s": 0.02}), shots=10)
    for event in lab.events(f"progress.{job.id}", timeout_s=20):
        if event.body["batch_points"] > 0:
            break
    with pytest.raises(DeviceError, match="lo_drive is on fire"):
        lab.instruments["lo_drive"].get("power_dbm")
    with pytest.raises(DeviceError, match="lo_drive lost its link") as caught:
        job.result(PATIENCE_S)
    assert caught.value.details["instrument"] == "lo_drive"
    wait_for_link(lab, "lo_drive", "up")


def test_bug_in_a_driver_is_an_internal_error_with_its_name(lab) -> None:
    lab.instruments["lo_drive"].call("break_at", "bug", "get power")
    with pytest.raises(InternalError, match="lo_drive: its driver failed"):
        lab.instruments["lo_drive"].get("power_dbm")
    assert lab.instruments["lo_drive"].get("power_dbm") == 0.0


@pytest.mark.parametrize(("name", "where"), [("dig0", "read"), ("awg0", "load"), ("trig0", "fire"), ("awg1", "start")])
def test_failure_in_a_run_names_the_instrument_and_stops_the_others(lab, name: str, where: str) -> None:
    wait_for_link(lab, name, "up")
    lab.instruments[name].call("break_at", "error", where)
    with pytest.raises(DeviceError, match=f"{name} is on fire") as caught:
        lab.run(json.dumps({"n_points": 3}), shots=10).result(PATIENCE_S)
    assert caught.value.details["instrument"] == name
    assert lab.instruments["trig0" if name != "trig0" else "dig0"].call("history")[-1] == "stop"
    wait_for_link(lab, name, "up")
    assert lab.run(json.dumps({}), shots=10).result(PATIENCE_S).counts == {"0": 5, "1": 5}


@pytest.mark.parametrize("where", ["load", "start"])
def test_instrument_that_refuses_a_run_is_believed_to_hold_nothing(lab, where: str) -> None:
    program = json.dumps({"waveform_samples": 100 + len(where)})
    sent = [lab.run(program, shots=10).result(PATIENCE_S).content["uploaded_bytes"]["awg0"] for _ in range(2)]
    assert sent[0] > sent[1] == 0
    lab.instruments["awg0"].call("break_at", "refuse", where)
    with pytest.raises(RefusedError, match="awg0 refused"):
        lab.run(program, shots=10).result(PATIENCE_S)
    assert lab.run(program, shots=10).result(PATIENCE_S).content["uploaded_bytes"]["awg0"] == sent[0]


def test_finished_points_of_a_failed_run_are_kept_and_marked(lab) -> None:
    lab.instruments["awg0"].call("break_at", "error", "select 2")
    job = lab.run(json.dumps({"n_points": 5}), shots=10)
    with pytest.raises(DeviceError, match="awg0"):
        job.result(PATIENCE_S)
    result = job.result(20, partial=True)
    assert result.partial and result.state == "failed"
    assert result.content["points_done"] == 2
    assert [sum(counts.values()) for counts in result.counts] == [10, 10, 0, 0, 0]
    wait_for_link(lab, "awg0", "up")


def test_setting_what_plays_is_refused(lab) -> None:
    job = lab.run(json.dumps({"block_s": 1.0}), shots=10)
    until = time.monotonic() + 60
    while "fire" not in lab.instruments["trig0"].snapshot()["name"] and job.state not in ("uploading", "playing"):
        assert time.monotonic() < until
    with pytest.raises(LeaseError, match="awg0 plays run"):
        for _ in range(100):
            lab.instruments["awg0"].set("power_dbm", 1.0)
    with pytest.raises(LeaseError, match="lo_drive is set for run"):
        lab.instruments["lo_drive"].set("power_dbm", 1.0)
    assert lab.instruments["lo_drive"].call("identify")
    assert job.result(PATIENCE_S).counts == {"0": 5, "1": 5}


def test_crash_of_a_host_is_a_device_error_and_it_is_started_again(start) -> None:
    server = start()
    with connect(server.address) as lab:
        lab.instruments["dig0"].call("break_at", "crash", "read")
        with pytest.raises(DeviceError, match=r"dig0.* ended; it is started again") as caught:  # nobody waited in vain
            lab.run(json.dumps({"n_points": 3}), shots=10).result(PATIENCE_S)
        assert "dig0" in caught.value.details["instruments"]
        wait_for_link(lab, "dig0", "up")
        assert lab.instruments["dig0"].call("history")[0] == "safe"
        assert lab.run(json.dumps({}), shots=10).result(PATIENCE_S).counts == {"0": 5, "1": 5}


def test_killed_host_answers_everybody_who_waits(start) -> None:
    server = start()
    with connect(server.address) as lab:
        job = lab.run(json.dumps({"block_s": 30.0}), shots=10)
        until = time.monotonic() + 60
        while job.state not in ("uploading", "playing"):
            assert time.monotonic() < until
        for pid in server.children():
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes() and _is_host(pid):
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(DeviceError, match="group rack"):
            job.result(PATIENCE_S)
        assert lab.ping() < 1.0


def _is_host(pid: int) -> bool:
    """Say whether a process has the socket of a host open: it has a thread named after an instrument."""
    return len(os.listdir(f"/proc/{pid}/task")) > 10


def test_instrument_that_is_down_says_why_and_its_name_once() -> None:
    def open_device() -> Device:
        raise DeviceTimeoutError("lo_drive: no answer in time", instrument="lo_drive")

    instrument = load_lab(LAB).instruments["lo_drive"]
    thread = InstrumentThread(instrument, open_device, lambda *_: None)
    try:
        assert thread.tried.wait(10)
        assert re.fullmatch("lo_drive is (down|reconnecting): no answer in time", thread.down().message)
    finally:
        thread.close()
        thread.join(10)
