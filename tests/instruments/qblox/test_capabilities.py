"""Lowering to Qblox modules keeps to the capability table: a program at each limit, and a refusal by name beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.instruments.capability import limit, replaced
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import QbloxBody, Sequencer
from qctl.lab import Lab, Mixer, load_lab, parse_lab

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
RF = (EXAMPLES / "qblox_rf2.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def rf() -> Lab:
    return parse_lab(RF)


@pytest.fixture(scope="module")
def baseband() -> Lab:
    return load_lab(EXAMPLES / "qblox2.toml")


def sequencers(program: Any, lab: Lab) -> dict[str, Sequencer]:
    ready = qctl.compile(program, lab, shots=2)
    return {
        one.port: one
        for x in ready.programs
        if x.model != "qblox-cluster"
        for one in QbloxBody.from_bytes(x.body).sequencers
    }


def driven(amplitude_v: float = 0.1) -> Any:
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    p.play("q0.drive", qctl.constant(20e-9, amplitude_v))
    p.measure("q0", "q0")
    return p


def changed(lab: Lab, name: str, **changes: Any) -> Lab:
    """Return a lab in which an instrument has other entries; ``output=...`` changes its output 1."""
    box = lab.instruments[name]
    for kind in ("output", "input"):
        if kind in changes:
            table = getattr(box, kind)
            changes[kind] = {**table, 1: msgspec.structs.replace(table[1], **changes[kind])}
    box = msgspec.structs.replace(box, **changes)
    return msgspec.structs.replace(lab, instruments={**lab.instruments, name: box})


def test_one_connector_carries_i_and_q_of_its_sequencer_around_its_own_lo(rf: Lab) -> None:
    made = sequencers(driven(), rf)
    drive, readout = made["q0.drive"], made["q0.readout"]
    assert (drive.outputs, drive.inputs, drive.modulated, len(drive.waveforms)) == ((1,), (), True, 2)
    assert (drive.lo_hz, drive.attenuation_db, drive.input_attenuation_db) == (4.9e9, 4.0, None)
    assert (readout.lo_hz, readout.attenuation_db, readout.input_attenuation_db) == (6.95e9, 10.0, 2.0)
    assert f"set_freq {round((4.70e9 - 4.9e9) * 4):>11}" in drive.program
    assert f"set_freq {round((7.0e9 - 6.95e9) * 4):>11}" in readout.program
    gain = round(0.1 / (0.4 * np.sqrt(0.5)) * can.FULL_SCALE**2 / (can.FULL_SCALE - 1))
    assert f"set_awg_gain {gain:>6},{gain:>6}" in drive.program


def test_amplitude_at_the_connector_is_what_lab_toml_says_of_full_scale(rf: Lab) -> None:
    top_v = 0.4 * np.sqrt(0.5)
    sequencers(driven(top_v * 32_766 / 32_768), rf)
    with pytest.raises(CompileError, match=r"pulse on q0\.drive: 0\.284 V is over what rf0 reaches, 0\.282843 V"):
        sequencers(driven(0.284), rf)


@pytest.mark.parametrize("sign", [1, -1])
def test_pulse_at_full_scale_is_played_by_the_largest_gain(baseband: Lab, sign: int) -> None:
    p = qctl.Program(["q1.flux"])
    p.play("q1.flux", qctl.constant(20e-9, sign * 2.5))
    gain = sign * (can.FULL_SCALE - 1)
    assert f"set_awg_gain {gain:>6},{gain:>6}" in sequencers(p, baseband)["q1.flux"].program
    p.play("q1.flux", qctl.constant(20e-9, sign * 2.5001))
    with pytest.raises(CompileError, match=r"2\.5001 V is over what qcm1 reaches, 2\.5 V"):
        sequencers(p, baseband)


@pytest.mark.parametrize(
    ("name", "model", "output", "path", "good", "bad"),
    [
        ("rf0", "qblox-qcm-rf", "lo_hz", "lo_hz", 2e9, 2e9 - 1),
        ("rf0", "qblox-qcm-rf", "lo_hz", "lo_hz", 18e9, 18e9 + 1),
        ("rf0", "qblox-qcm-rf", "attenuation_db", "attenuation_db", 60.0, 62.0),
        ("rf0", "qblox-qcm-rf", "attenuation_db", "attenuation_db", 4.0, 5.0),
        ("rf0", "qblox-qrc", "lo_hz", "lo_hz", 4.9e9, 4.95e9),
        ("rf0", "qblox-qrc", "lo_hz", "lo_hz", 10.1e9, 10.2e9),
        ("rf0", "qblox-qrc", "attenuation_db", "attenuation_db", 4.5, 4.25),
    ],
)
def test_lo_and_attenuation_are_those_of_the_module(
    rf: Lab, name: str, model: str, output: str, path: str, good: float, bad: float
) -> None:
    from qctl.instruments.checker import check_number

    check_number(can.TABLES[model], f"settings.{path}", good)
    lab = changed(rf, name, model=model, output={output: bad})
    two = msgspec.structs.replace(lab.instruments[name].output[2], lo_hz=4.9e9)
    box = msgspec.structs.replace(lab.instruments[name], output={**lab.instruments[name].output, 2: two})
    lab = msgspec.structs.replace(lab, instruments={**lab.instruments, name: box})
    p = qctl.Program(["q0.drive"])
    p.set_frequency("q0.drive", bad + 1e8 if output == "lo_hz" else 4.8e9)
    p.play("q0.drive", qctl.constant(20e-9, 0.1))
    with pytest.raises(CompileError, match=rf"rf0 output 1: {output} = .* a {model} .*: (keep|take)"):
        sequencers(p, lab)


def test_what_a_module_with_mixers_inside_can_not_be_wired_to_is_refused(rf: Lab, baseband: Lab) -> None:
    near_zero = qctl.Program(["q0.drive"])
    near_zero.set_frequency("q0.drive", 1e8)
    near_zero.play("q0.drive", qctl.constant(20e-9, 0.1))
    with pytest.raises(CompileError, match="rf0: output 1 has no lo_hz"):
        sequencers(near_zero, changed(rf, "rf0", output={"lo_hz": None}))
    wired = msgspec.structs.replace(rf.ports["q1.readout"], output=None)
    far = msgspec.structs.replace(wired, output=msgspec.structs.replace(rf.ports["q0.readout"].output, output=2))
    qrc = changed(rf, "qrm0", model="qblox-qrc", output={"lo_hz": 6.9e9})
    box = qrc.instruments["qrm0"]
    box = msgspec.structs.replace(box, output={**box.output, 2: msgspec.structs.replace(box.output[1], number=2)})
    qrc = msgspec.structs.replace(
        qrc, instruments={**qrc.instruments, "qrm0": box}, ports={**qrc.ports, "q1.readout": far}
    )
    p = qctl.Program(["q1.readout"], ["q1"], ["q1"])
    p.measure("q1", "q1")
    with pytest.raises(CompileError, match="input 1 is mixed with the LO of output 1, and its port plays on output 2"):
        sequencers(p, qrc)
    skewed = msgspec.structs.replace(rf.ports["q0.drive"], mixer=Mixer(gain=1.02))
    other = changed(rf, "rf0", model="qblox-qrc", output={"lo_hz": 4.9e9})
    other = msgspec.structs.replace(other, ports={**other.ports, "q0.drive": skewed})
    with pytest.raises(CompileError, match=r"port q0\.drive has a mixer to correct, and a qblox-qrc has no correction"):
        sequencers(driven(), other)
    with pytest.raises(CompileError, match="two connectors of a qblox-qcm-rf, whose mixers are inside"):
        sequencers(driven(), changed(baseband, "qcm0", model="qblox-qcm-rf"))
    with pytest.raises(CompileError, match="lo_hz and attenuation_db are for modules with mixers"):
        sequencers(driven(), changed(baseband, "qcm0", output={"lo_hz": 4.9e9}))
    with pytest.raises(CompileError, match=r"amplitude_vpp = 0\.8 is not the 5 V"):
        sequencers(near_zero, changed(rf, "rf0", model="qblox-qcm", output={"lo_hz": None, "attenuation_db": None}))


def twice(distance_s: float, capture: bool) -> Any:
    """Return two pulses, or captures, whose starts are so far apart."""
    p = qctl.Program(["q0.readout"])
    for k in range(2):
        if capture:
            p.capture("q0.readout", None, into=f"m{k}", duration_s=4e-9)
            p.delay("q0.readout", distance_s - 4e-9)
        else:
            p.play("q0.readout", qctl.constant(1e-9, 0.01))
            p.delay("q0.readout", distance_s - 1e-9)
    return p


@pytest.mark.parametrize("name", ["real-time", "acquisitions"])
def test_kernel_keeps_the_gaps_of_the_table(baseband: Lab, name: str) -> None:
    least = limit(can.TABLES["qblox-qrm"], f"gaps.{name}.ticks").least
    capture = name == "acquisitions"
    sequencers(twice(least * 1e-9, capture), baseband)
    with pytest.raises(CompileError, match=f"less than {least} ns after the"):
        sequencers(twice((least - 1) * 1e-9, capture), baseband)


def test_memories_over_the_table_are_reported_and_cut(baseband: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    p = qctl.Program(["q0.drive"])
    for k in range(3):
        p.play("q0.drive", qctl.constant((20 + k) * 1e-9, 0.1))
        p.delay("q0.drive", 100e-9)
    sequencers(p, baseband)
    for path, most, words, remedy in (
        ("waveforms.samples", 125, "126 waveform samples", "shorten the waveforms"),
        ("instructions.count", 10, "instructions", "use loops and sweeps"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(can.TABLES, "qblox-qcm", replaced(can.TABLES["qblox-qcm"], path, high=most))
            with pytest.raises(CompileError, match=f"one shot needs .*{words} of qcm0 .* which has {most}.*: {remedy}"):
                sequencers(p, baseband)


def test_more_ports_than_sequencers_are_refused_by_name(baseband: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    c = qctl.Circuit(2)
    c.sx(0)
    c.sx(1)
    assert len(sequencers(c, baseband)) == 2  # what is kept of this lab must not outlive the table that it was made by
    monkeypatch.setitem(can.TABLES, "qblox-qcm", replaced(can.TABLES["qblox-qcm"], "sequencers", high=1))
    with pytest.raises(CompileError, match=r"qcm0 for q0\.drive, q1\.drive: sequencers = 2 is over 1.*move a port"):
        sequencers(c, baseband)
