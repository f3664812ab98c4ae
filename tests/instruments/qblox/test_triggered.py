"""Modules whose cluster is triggered from outside: what they are sent, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest
from built_in_lab import lab_of

import qctl
from qctl.errors import CompileError
from qctl.hil.instruments.qblox.assembly import assemble
from qctl.instruments.qblox.body import QbloxBody
from qctl.instruments.qblox.capabilities import TABLES
from qctl.instruments.qblox_cluster.body import ClusterBody
from qctl.lab import Lab


@pytest.fixture(scope="module")
def mixed() -> Lab:
    """Return the rack of mixed parts."""
    return lab_of("open-architecture-scope")


def rabi(n_points: int) -> Any:
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(0.0, 0.1, n_points), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.0))
        p.barrier()
        p.measure("q0", "q0")
    return p


def of(ready: Any, name: str) -> Any:
    return next(program for program in ready.programs if program.instrument == name)


def test_each_point_waits_for_as_many_triggers_as_it_has_shots(mixed: Lab) -> None:
    ready = qctl.compile(rabi(3), mixed, shots=70)
    body = QbloxBody.from_bytes(of(ready, "qcm0").body)
    assert body.triggered and body.n_points == 3
    (one,) = body.sequencers
    lines = one.program.splitlines()
    assert lines[:4] == ["wait_sync 4", "move 70,R0", "t0: wait_trigger 15,4", "reset_ph"] and lines[-1] == "stop"
    assert [line for line in lines if line.startswith("loop R0")] == [f"loop R0,@t{k}" for k in range(3)]
    row = next(row for row in of(ready, "qcm0").usage if row.resource == "instructions")
    assert len(assemble(one.program, 2)) == len(lines) == row.used
    assert ClusterBody.from_bytes(of(ready, "cluster0").body).trigger_address == 15


def test_rack_that_its_cluster_starts_is_lowered_as_ever() -> None:
    ready = qctl.compile(rabi(3), lab_of("qblox2"), shots=70)
    body = QbloxBody.from_bytes(of(ready, "qcm0").body)
    assert not body.triggered and "wait_trigger" not in body.sequencers[0].program
    assert ClusterBody.from_bytes(of(ready, "cluster0").body).trigger_address == 0


def test_all_boxes_share_the_time_zero_of_the_last_one(mixed: Lab) -> None:
    from qctl.compiler.wires import leads_of

    leads = leads_of(mixed.instruments_of("qpu0"))
    assert leads["qcm0"] == leads["cluster0"] == 0.0  # a module's delay is that of its chassis' trigger
    assert leads["awg0"] == pytest.approx(204e-9) and leads["dig0"] == pytest.approx(224e-9)


def test_points_are_cut_at_the_instructions_that_the_module_holds(mixed: Lab) -> None:
    most = next(x for x in qctl.compile(rabi(2), mixed, shots=2).programs if x.instrument == "qcm0").usage[0].allowed
    each = [of(qctl.compile(rabi(n), mixed, shots=2), "qcm0").usage[0].used for n in (2, 3)]
    fitting = 2 + (most - each[0]) // (each[1] - each[0])
    assert len(qctl.compile(rabi(fitting), mixed, shots=2).lowered.batches) == 1
    assert len(qctl.compile(rabi(fitting + 1), mixed, shots=2).lowered.batches) == 2
    assert "qblox-qcm" in TABLES


def led_rack() -> Lab:
    """Return a rack of Qblox alone whose cluster is triggered from outside."""
    lab = lab_of("qblox2")
    other = msgspec.structs.replace(lab.instruments["cluster0"], name="trig0", address="TCPIP::127.0.0.1::9::SOCKET")
    wired = msgspec.structs.replace(
        lab.instruments["cluster0"], trigger=msgspec.structs.replace(lab.instruments["qcm0"].trigger, source="trig0")
    )
    return msgspec.structs.replace(lab, instruments={**lab.instruments, "cluster0": wired, "trig0": other})


def twice(n_points: int) -> Any:
    """Return a sweep of two captures a point, before another program of one."""
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0", "again"])
    with p.sweep("amp", np.linspace(0.0, 0.1, n_points), "V") as amp:
        p.measure("q0", "q0")
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.0))
        p.barrier()
        p.measure("q0", "again")
    return p


@pytest.mark.parametrize("averaged", [False, True])
def test_captures_behind_a_trigger_go_to_bins_point_by_point(averaged: bool) -> None:
    ready = qctl.compile([twice(2), rabi(3)], led_rack(), shots=7, averaged=averaged)
    body = QbloxBody.from_bytes(of(ready, "qrm0").body)
    (one,) = body.sequencers
    assert body.triggered and one.point_captures == (() if averaged else (2, 2, 1, 1, 1))
    lines = one.program.splitlines()
    acquired = [line for line in lines if line.startswith("acquire")]
    bins = [line.split(",")[1] for line in acquired]
    assert bins == (["0", "0", "1", "1", "2", "3", "4"] if averaged else ["R1"] * 7)
    assert [line for line in lines if line.startswith("loop R0")] == [f"loop R0,@t{k}" for k in range(5)]
    assert {each.n_bins for each in one.acquisitions.values()} == {5 if averaged else 7 * 7}
    row = next(row for row in of(ready, "qrm0").usage if row.resource == "instructions")
    assert len(assemble(one.program, 2)) == len(lines) == row.used


def test_plays_by_measured_bits_behind_a_trigger_are_refused_by_name() -> None:
    c = qctl.Circuit(1, 2)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
    c.measure(0, 1)
    with pytest.raises(CompileError, match=r"qcm0: a pulse on q0.drive is played by measured bits, and its cluster"):
        qctl.compile(c, led_rack(), shots=2)


def test_point_that_fills_the_period_would_miss_the_next_trigger(mixed: Lab) -> None:
    processor = mixed.processor("qpu0")

    def compiled(period_s: float) -> Any:
        changed = msgspec.structs.replace(processor, shot_period_s=period_s)
        return qctl.compile(rabi(1), msgspec.structs.replace(mixed, processors={"qpu0": changed}), shots=2)

    with pytest.raises(CompileError, match=r"lengthen shot_period_s in lab.toml") as caught:
        compiled(1e-7)
    length_ns = int(re.search(r"qcm0: a point takes (\d+) ns", str(caught.value))[1])  # type: ignore[index]
    compiled((length_ns + 200) * 1e-9)
    with pytest.raises(CompileError, match=f"triggers come every {length_ns + 199} ns"):
        compiled((length_ns + 199) * 1e-9)
