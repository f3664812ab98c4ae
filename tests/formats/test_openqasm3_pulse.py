"""Calibrations in OpenPulse, checked by hand: no other reader of them is known to be right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qctl.errors import ParseError
from qctl.formats.openqasm3 import read_openqasm3
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.tables import BlockKind, CaptureMode

FRAMES = """OPENQASM 3.0;
include "stdgates.inc";
defcalgrammar "openpulse";
const float f01 = 4.7e9;
cal {
  port q0_drive;
  port d1;
  frame drive = newframe(q0_drive, f01, 0.0);
  frame readout = newframe(d1, 7.02e9, pi / 2);
}
"""


def ops(body: Body, first: int = 0, end: int | None = None) -> list[str]:
    """Return the opcodes' names of a range."""
    return [Op(int(op)).name.lower() for op in body.instructions["op"][first:end]]


def test_ports_and_frames_are_symbols() -> None:
    """``q0_drive`` is the lab's ``q0.drive``; a pragma says others."""
    body = read_openqasm3("pragma qctl port d1 q0.readout\n" + FRAMES.split("\n", 1)[1]).body
    assert [(s.name, s.parent) for s in body.ports] == [
        ("q0.drive", ""),
        ("q0.readout", ""),
        ("drive", "q0.drive"),
        ("readout", "q0.readout"),
    ]
    assert ops(body) == ["set_frequency", "set_frequency", "set_phase"]
    assert [body.operand_value(i) for i in range(3)] == [4.7e9, 7.02e9, math.pi / 2]


def test_defcals_are_calibration_blocks() -> None:
    """Of a gate, of a gate with an angle, of one angle alone, of measure and of reset."""
    body = read_openqasm3(
        FRAMES
        + """
        cal { waveform pi_2 = drag(0.15, 20ns, 5ns, 0.36ns); waveform box_ = constant(0.05, 1us);
              waveform ones = constant(1.0, 1us); }
        defcal sx $0 { play(drive, pi_2); }
        defcal rz(angle[32] theta) $0 { shift_phase(drive, -theta); }
        defcal rx(pi / 2) $0 { set_frequency(drive, f01 + 1e6); delay[4ns] drive; play(drive, pi_2); barrier drive; }
        defcal measure $0 -> bit { play(readout, box_); return capture_v2(readout, ones); }
        defcal reset $0 { bit done = capture_v2(readout, ones); if (done) { play(drive, pi_2); play(drive, pi_2); } }
        bit c; sx $0; c = measure $0;"""
    ).body
    cals = [block for block in body.blocks if block.kind is BlockKind.CAL]
    assert [(block.name, block.qubits, block.params) for block in cals] == [
        ("sx", (0,), ()),
        ("rz", (0,), ("theta",)),
        ("rx", (0,), (math.pi / 2,)),
        ("measure", (0,), ()),
        ("reset", (0,), ()),
    ]
    assert [ops(body, block.first + 1, block.end) for block in cals] == [
        ["play"],
        ["shift_phase"],
        ["set_frequency", "delay", "play", "barrier"],
        ["play", "capture"],
        ["capture", "begin", "play", "play", "end"],
    ]
    shift = body.operand_value(cals[1].first + 1)
    assert shift.evaluate({"theta": 0.25}) == -0.25  # type: ignore[union-attr]
    drag, box = body.waveforms
    assert (drag.kind, drag.params) == ("drag", (2e-8, 5e-9, 3.6e-10))
    assert (box.kind, box.params) == ("constant", (1e-6,))
    assert body.operand_value(cals[0].first + 1) == 0.15
    assert [(capture.mode, capture.weights) for capture in body.captures] == [(CaptureMode.BIT, 1)] * 2
    assert ops(body)[-2:] == ["sx", "measure"]


def test_a_calibrated_gate_needs_no_include() -> None:
    """A defcal is what the gate means; others stay unknown."""
    head = "OPENQASM 3.0; cal { port d; frame f = newframe(d, 5e9, 0.0); }"
    head += "defcal rzz(angle t) $0, $1 { shift_phase(f, t); } "
    assert read_openqasm3(head + "rzz(0.5) $0, $1;").body.gate(4)[:3] == (Op.RZZ, (0, 1), (0.5,))
    with pytest.raises(ParseError, match="'h' is not defined"):
        read_openqasm3(head + "h $0;")


def test_each_waveform_is_its_envelope() -> None:
    """Constant, Gaussian, DRAG with beta in dt, sine, samples, scaled and turned ones."""
    body = read_openqasm3(
        FRAMES
        + """
        pragma qctl dt_s 1/1000000000
        cal {
          waveform w = gaussian(0.2, 16ns, 4ns);
          play(drive, constant(0.1, 8ns));
          play(drive, w);
          play(drive, drag(0.3, 160dt, 40dt, 0.5));
          play(drive, sine(0.4, 1us, 5e6, 0.1));
          waveform s = {0.1, 0.2 + 0.3im, -0.4im};
          play(drive, s);
          play(drive, scale(w, 0.5));
          play(drive, phase_shift(w, pi));
          play(drive, gaussian(0.3 + 0.4im, 16ns, 4ns));
        }"""
    ).body
    kinds = [(wave.kind, wave.params) for wave in body.waveforms]
    assert kinds == [
        ("constant", (8e-9,)),
        ("gaussian", (1.6e-8, 4e-9)),
        ("drag", (1.6e-7, 4e-8, 5e-10)),
        ("sine", (1e-6, 5e6, 0.1)),
        ("samples", ()),
    ]
    np.testing.assert_array_equal(body.waveforms[4].samples, [0.1, 0.2 + 0.3j, -0.4j])
    assert body.waveforms[4].rate_hz == 1_000_000_000
    plays = [i for i in range(len(body)) if body.instructions[i]["op"] == Op.PLAY]
    assert [body.operand_value(i) for i in plays] == [0.1, 0.2, 0.3, 0.4, None, 0.1, 0.2, 0.5]
    assert ops(body)[-6:] == ["shift_phase", "play", "shift_phase"] * 2
    assert body.operand_value(len(body) - 3) == pytest.approx(math.atan2(0.4, 0.3))


def test_captures_go_into_slots() -> None:
    """By what they return and where it goes."""
    body = read_openqasm3(
        FRAMES
        + """
        bit[2] c;
        cal {
          waveform weights = constant(1.0, 1us);
          capture(readout, 1us);
          complex[float[64]] iq = capture_v1(readout, weights);
          waveform raw = capture_v3(readout, 2us);
          c[1] = capture_v2(readout, weights);
          bit b = capture(readout, 1us);
        }
        if (c[1]) x $0;"""
    ).body
    assert [(c.slot, c.mode, c.duration_s, c.weights, c.bit) for c in body.captures] == [
        ("m", CaptureMode.IQ, 1e-6, -1, -1),
        ("iq", CaptureMode.IQ, None, 0, -1),
        ("raw", CaptureMode.RAW, 2e-6, -1, -1),
        ("c[1]", CaptureMode.BIT, None, 0, 1),
        ("b", CaptureMode.BIT, 1e-6, -1, 2),
    ]


def test_pulses_stand_in_loops_and_branches() -> None:
    """A loop over an amplitude is unrolled, a loop of alike rounds is a block."""
    body = read_openqasm3(
        FRAMES
        + """
        input float amp; input duration wait;
        cal {
          for int i in [1:3] { play(drive, constant(i * 0.1, 8ns)); }
          for int i in [1:9] { delay[wait] drive; shift_frequency(drive, 1e6); set_phase(drive, 0.5); }
          play(drive, gaussian(amp, 16ns, 4ns));
        }"""
    ).body
    assert ops(body)[3:] == [
        *["play"] * 3,
        "begin",
        *["delay", "shift_frequency", "set_phase"],
        "end",
        "play",
    ]
    assert body.parameters == ("wait", "amp")
    assert body.blocks[0].count == 9


REFUSED = {
    "cal { play(drive, 1.0); }": (7, "expected play"),
    "cal { play(nothing, constant(1.0, 1ns)); }": (12, "'nothing' is not defined"),
    "cal { waveform w = gaussian_square(0.1, 1us, 1us, 1us); }": (20, "gaussian_square"),
    "cal { frame g = drive; }": (7, "newframe"),
    "cal { x $0; }": (7, "quantum gate is not supported here"),
    "play(drive, 1.0);": (1, "not supported here"),
    "defcal x q { }": (1, "any qubit"),
    "defcal cx $0 { }": (1, "2 qubits and 0 angles, not 1 and 0"),
    "defcal unknown $0 { }": (1, "'unknown'"),
    "defcal x $0 { return 1; }": (15, "return"),
    "defcal x $0 -> bit { }": (1, "returns a value"),
    'defcalgrammar "other";': (1, "other"),
    "cal { play(drive, constant(1.0, 1ns) }": (38, "not OpenQASM 3"),
    "cal { port p; } cal { port p; }": (23, "already defined"),
    "cal { extern sech(float, duration) -> waveform; }": (7, "'sech'"),
    "cal { float g = get_phase(drive); }": (17, "'get_phase'"),
    "cal { play(drive, constant(1.0, -1ns)); }": (19, "below 0"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_supported_is_refused_by_name(text: str) -> None:
    """Columns count from the file's line, inside a calibration too."""
    column, message = REFUSED[text]
    with pytest.raises(ParseError, match=message) as caught:
        read_openqasm3(FRAMES + text)
    assert (caught.value.line, caught.value.column) == (FRAMES.count("\n") + 1, column)
