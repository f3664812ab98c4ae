"""One lab with a generator of each family in the place of another one, and what it must play by another reckoning."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.instruments.registry import capability_of, lowering_of
from qctl.instruments.steps import StepsBody
from qctl.lab import load_lab
from qctl.program.timeline import Shots

LAB = load_lab(Path(__file__).parent / "transmon5.toml")
SHOTS = Shots(100, False, 2e-4)


class Box(NamedTuple):
    """A model as the tests use it, typed from vendors' papers and not from the code: clock, range, bits, lengths."""

    model: str
    clock_hz: float
    vpp: float
    bits: int
    least: int
    multiple: int


BOXES = {
    box.model: box
    for box in (
        Box("keysight-33500b", 250e6, 1.0, 16, 8, 1),
        Box("keysight-33600a", 1e9, 1.0, 16, 32, 1),
        Box("tektronix-awg5200", 2.5e9, 0.7, 16, 2400, 1),
        Box("tektronix-awg70000a", 25e9, 0.5, 10, 2400, 1),
        Box("tabor-p2584m", 2e9, 1.0, 16, 1024, 32),
        Box("keysight-m8190a", 8e9, 0.6, 14, 240, 48),
        Box("keysight-m8190a-12bit", 12e9, 0.6, 12, 320, 64),
    )
}


def lab_with(box, clock_hz=None, **changes):
    """Return the lab with the box as awg2, its first output on q1.flux, and as awg0 on q0.drive."""
    instruments, ports = dict(LAB.instruments), {}
    for name, numbers in (("awg2", (1,)), ("awg0", (1, 2))):
        old = instruments[name]
        output = {n: msgspec.structs.replace(old.output[n], amplitude_vpp=box.vpp) for n in numbers}
        instruments[name] = msgspec.structs.replace(
            old, model=box.model, clock_hz=clock_hz or box.clock_hz, output=output, event=None, **changes
        )
    for name, port in LAB.ports.items():
        if name == "q1.flux":
            port = msgspec.structs.replace(port, output=msgspec.structs.replace(port.output, output=1))
        elif port.outputs and port.outputs[0].instrument in ("awg0", "awg2") and name != "q0.drive":
            continue
        ports[name] = port
    return msgspec.structs.replace(LAB, instruments=instruments, ports=ports)


def lowered(program, lab, name="awg2"):
    """Return the program of one generator, and its body."""
    instrument = lab.instruments[name]
    module = lowering_of(instrument.model)
    made = module.lower(compile_program(program, lab).timeline.straights(), instrument, lab, SHOTS)
    return made, body_of(made)


def body_of(made):
    """Return the body of a program, whatever its family."""
    if not made.body:
        return None
    fields = msgspec.msgpack.decode(made.body, strict=False)
    kept = {key: fields[key] for key in ("clock_hz", "channels", "points")}
    return msgspec.convert(kept, StepsBody, strict=False)


def played(made, body, box, n, point=0):
    """Return what output n plays at a point, all loops unrolled, in volts: the box's number format read here anew."""
    volts = []
    for step in body.points[point]:
        words = made.blobs[step.waveforms[n]]
        if words.dtype == np.float32:
            full = words.astype(np.float64)
        elif words.dtype == np.int16:
            full = (words.astype(np.int64) >> (16 - box.bits)) / (2 ** (box.bits - 1) - 1)
        else:
            full = (words.astype(np.int64) - 2 ** (box.bits - 1)) / (2 ** (box.bits - 1) - 1)
        volts.append(np.tile(full * box.vpp / 2, step.n_loops))
    return np.concatenate(volts)


def constant(n_samples, clock_hz, amp=0.1):
    """Return a flux pulse of so many samples of a clock."""
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.samples(np.full(n_samples, amp), clock_hz))
    return p


def limits(box):
    """Return the box's table."""
    return capability_of(box.model)
