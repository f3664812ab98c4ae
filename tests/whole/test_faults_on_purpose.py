"""Each fault on a wire or in a box is noticed, said in words and got over in time, and disturbs no other instrument."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from probe import probed, same

import qctl
from qctl.errors import DeviceError, QctlError, RefusedError, ScheduleError

X = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
ASKED = {"lo_drive": "power_dbm", "trig0": "n_fired"}
RECOVERED_S = 20.0


@contextmanager
def alone(lab: Any, name: str) -> Iterator[int]:
    """Judge that nothing inside disturbs any other instrument, and that this one is up again soon after.

    Its value is how often this one's link was lost before.
    """
    lab.all_up()
    before = {one["name"]: one["n_lost"] for one in lab.client.instrument_rows()}
    yield before[name]
    begin_s = time.monotonic()
    lab.clear()
    lab.all_up()
    spent_s = time.monotonic() - begin_s
    print(f"recovered {spent_s:.1f} s after the fault was cleared")
    assert spent_s < RECOVERED_S
    after = {one["name"]: one["n_lost"] for one in lab.client.instrument_rows()}
    assert {other for other in before if after[other] != before[other]} <= {name}, "another link was lost"
    assert lab.client.instruments[name].get(ASKED[name]) is not None


def noticed(lab: Any, name: str, n_lost: int, longest_s: float = 15.0) -> str:
    """Return what is said of an instrument under a fault: to a call, or of its link where a sign of life met it.

    A sign of life may meet it at once: `n_lost` is from before the fault was set.
    """
    end_s = time.monotonic() + longest_s
    while time.monotonic() < end_s:
        begin_s = time.monotonic()
        try:
            lab.client.instruments[name].get(ASKED[name])
        except DeviceError as error:
            assert name in error.message
            print(f"noticed in {time.monotonic() - begin_s:.1f} s: {error.message}")
            return error.message
        if lab.row(name)["n_lost"] > n_lost:
            return str(lab.row(name)["last_error"])
    raise AssertionError(f"{name} answers all the same")


WORDS = (
    "no answer in time", "connection", "does not answer", "can't be opened", "answers as", "no reply to",
    "the message ended", "forgotten the session", "is degraded", "is down", "is reconnecting",
)  # fmt: skip
SOON = [("brown_out", "lo_drive", "40")]
MORE = [
    ("half_open", "lo_drive", ""), ("lost", "trig0", "0.5"),
    ("half_open", "trig0", ""), ("stalled", "lo_drive", ""), ("stalled", "trig0", ""), ("torn", "lo_drive", "0.2"),
    ("throttle", "lo_drive", "0.5"), ("flipped", "lo_drive", "0.5"), ("flipped", "trig0", "0.2"),
    ("lost", "lo_drive", "0.3"),
    ("doubled", "trig0", "0.5"), ("reordered", "trig0", "0.9"), ("brown_out", "trig0", "40"), ("silence", "trig0", ""),
    ("reset_at", "trig0", "STATUS"), ("power_cycle", "lo_drive", "1.0"), ("cut", "lo_drive", "2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "name", "value"), [*SOON, *(pytest.param(*one, marks=pytest.mark.full) for one in MORE)]
)
def test_fault_of_a_wire_is_noticed_by_name_and_got_over(small: Any, fault: str, name: str, value: str) -> None:
    with alone(small, name) as n_lost:
        small.fault(fault, name, value)
        said = noticed(small, name, n_lost)
        assert any(words in said for words in WORDS), said


@pytest.mark.parametrize(
    "fault", ["flipped", *(pytest.param(one, marks=pytest.mark.full) for one in ("lost", "doubled", "reordered"))]
)
def test_rare_damage_on_the_controllers_line_is_mended_by_its_packets(small: Any, fault: str) -> None:
    with alone(small, "trig0"):
        small.fault(fault, "trig0", "0.002")
        for _ in range(30):
            assert small.client.instruments["trig0"].get("state") == 0
        assert small.row("trig0")["link"] == "up"


def test_settings_that_a_reset_took_are_told_by_name(small: Any) -> None:
    source = small.client.instruments["lo_drive"]
    source.set("power_dbm", -7.0)
    with alone(small, "lo_drive") as n_lost:
        small.fault("power_cycle", "lo_drive", "0.5")
        noticed(small, "lo_drive", n_lost)
        small.all_up()
        (lost,) = [one for one in small.row("lo_drive")["settings"] if one["parameter"] == "power_dbm"]
        assert lost["set"] == -7.0
        assert lost["found"] != -7.0
        assert source.get("power_dbm") == lost["found"], "it was set again by itself"
        shown = small.online("instruments", "list").stdout
        assert f"power_dbm = {lost['found']} since reconnecting, set was -7.0" in shown
    source.set("power_dbm", -7.0)
    assert not [one for one in small.row("lo_drive")["settings"] if one["parameter"] == "power_dbm"]


@pytest.mark.full
def test_command_at_which_the_box_is_reset_is_not_sent_again(small: Any) -> None:
    source = small.client.instruments["lo_drive"]
    source.set("power_dbm", -6.0)
    with alone(small, "lo_drive"):
        small.fault("reset_at", "lo_drive", "POW")
        with pytest.raises(DeviceError, match="lo_drive"):
            source.set("power_dbm", -5.0)
        small.all_up()
        assert source.get("power_dbm") not in (-5.0, -6.0)


def _cancelled(small: Any) -> None:
    """Cancel a run of minutes while it plays: the trigger is stopped, and outputs become safe."""
    job = small.client.run(X, shots=900_000)
    next(iter(small.client.events(f"progress.{job.id}", timeout_s=20)))
    job.cancel()
    with pytest.raises(QctlError):
        job.result(30)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["HELLO", "SET_REFERENCE", "ASK", "LOAD", "FIRE", "STATUS", "STOP", "SAFE"])
def test_reset_at_each_request_costs_the_run_at_most(small: Any, kind: str) -> None:
    whole = probed(small)
    with alone(small, "trig0") as n_lost:
        small.fault("reset_at", "trig0", kind)
        if kind in ("HELLO", "SET_REFERENCE", "ASK"):  # what a new session asks
            small.fault("power_cycle", "trig0", "0.1")
        end_s = time.monotonic() + 30
        while small.row("trig0")["n_lost"] == n_lost:
            assert time.monotonic() < end_s, "it was never reset"
            try:
                if kind in ("STOP", "SAFE"):
                    _cancelled(small)
                else:
                    assert same(whole, probed(small)), "a wrong result"
            except (DeviceError, ScheduleError) as error:
                assert "trig0" in error.message, error.message
    assert same(whole, probed(small))


def test_port_that_comes_back_under_another_name_is_found(small: Any) -> None:
    with alone(small, "trig0") as n_lost:
        before = small.row("trig0")["address"]
        small.fault("renamed", "trig0", "0.5")
        noticed(small, "trig0", n_lost)
        small.all_up()
        after = small.row("trig0")["address"]
        assert after != before
        assert Path(after.removeprefix("ASRL").removesuffix("::INSTR")).name.startswith("trig0.port")
    os.kill(small.host(), signal.SIGKILL)  # the next host looks for the one that this one found
    small.until(lambda: small.link("trig0") != "up", "the host's end is told")
    small.all_up()
    assert small.row("trig0")["address"] == after


@pytest.mark.full
def test_firmware_that_changes_is_refused_until_somebody_says_that_it_is_meant(small: Any) -> None:
    def restarted() -> None:
        small.fault("power_cycle", "lo_drive", "0.3")
        small.until(lambda: "answers as" in small.row("lo_drive")["why"], "the other firmware is noticed")
        assert small.link("lo_drive") != "up"
        small.client.instruments["lo_drive"].call("reconnect")
        small.until(lambda: small.link("lo_drive") == "up", "the new one is taken")

    with alone(small, "lo_drive"):
        small.fault("firmware", "lo_drive", "0.1")
        restarted()
        small.hil("fault", "clear", "firmware")
        restarted()


@pytest.mark.full
def test_version_of_the_protocol_that_does_not_fit_is_refused_with_both(small: Any) -> None:
    with alone(small, "trig0"):
        small.fault("protocol", "trig0", "2")
        small.fault("power_cycle", "trig0", "0.3")
        small.until(lambda: "speaks the firmware protocol 2 to 2" in small.row("trig0")["why"], "it is said")
        assert "update the older of the two" in small.row("trig0")["why"]


@pytest.mark.parametrize("name", ["awg0", pytest.param("trig0", marks=pytest.mark.full)])
def test_box_without_memory_refuses_the_run_in_its_own_words(small: Any, name: str) -> None:
    unheard = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])  # what a box holds already needs no memory
    unheard.play("q0.drive", qctl.gaussian(44e-9, amp=0.0123))
    unheard.barrier()
    unheard.measure("q0", "q0")
    probed(small)
    small.fault("full_buffer", name)
    with pytest.raises(QctlError, match="Out of memory" if name == "awg0" else "memory is full") as caught:
        small.client.run(unheard, shots=10).result(30)
    assert isinstance(caught.value, RefusedError)
    assert caught.value.details["instrument"] == name
    assert small.row(name)["link"] == "up"
    small.clear()
    probed(small)
