"""What q1simulator plays of a Qblox run, after the vendor's assembler has taken every sequencer's program."""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from heard import Heard, Line, stretches
from qblox import RENDERED_NS, Played, assemble

from qctl.instruments.qblox.body import QbloxBody, sequence_of

__all__ = ["hear", "take"]

KINDS = {"qblox-qcm": "QCM", "qblox-qrm": "QRM", "qblox-qcm-rf": "QCM-RF", "qblox-qrm-rf": "QRM-RF",
         "qblox-qrc": "QRM-RF"}  # fmt: skip
NS = Fraction(1, 10**9)
LEAD_NS = 4
"""Behind wait_sync, before time zero of the first point (docs/qblox.md)."""
_names = (f"table{k}" for k in count())


def hear(ready: Any, lab: Any, folder: Path) -> Heard:
    """Return what every sequencer of every batch plays and when it acquires."""
    heard = Heard(taken=["Qblox's assembler"])
    for batch in ready.lowered.batches:
        for program in batch.programs:
            if program.model not in KINDS:
                continue
            body = QbloxBody.from_bytes(program.body)
            for one in body.sequencers:
                assemble(one.program, folder)
                _sequencer(heard, one, program, body, batch, lab)
    return heard


def take(ready: Any, folder: Path) -> str:
    """Let the assembler take every sequencer's program; return what can be said of that."""
    for program in ready.programs:
        if program.model in KINDS:
            for one in QbloxBody.from_bytes(program.body).sequencers:
                assemble(one.program, folder)
    return "the assembler takes it; its branches are not played here"


def _sequencer(heard: Heard, one: Any, program: Any, body: Any, batch: Any, lab: Any) -> None:
    period = body.period_ns
    assert period * body.n_points <= RENDERED_NS
    played = Played(
        KINDS[program.model], sequence_of(one, program.blobs), one.modulated, one.integration_ns, next(_names)
    )
    loose = "NCO" if one.modulated else "gain, whose product is cut off"
    lsb_v = bits = 0
    if one.outputs:
        lsb_v = lab.instruments[program.instrument].output[one.outputs[0]].amplitude_vpp / 2 / 2**15
        bits = 12 if "qrm" in program.model else 16
        i, q = played.samples
        # The simulator cuts off, towards zero, what the NCO gives between two steps: a number stands for their middle.
        sound = (i + np.sign(i) / 2) + 1j * (q + np.sign(q) / 2) if one.modulated else i
        for p in range(body.n_points):
            own = sound[p * period : (p + 1) * period]
            found = list(stretches(own, -LEAD_NS * NS, Fraction(10**9)))
            heard.lines.append(
                Line((one.port,), batch.first_point + p, Fraction(10**9), lsb_v, bits, found, NS, None, 1,
                     one.modulated, loose)
            )  # fmt: skip
    if one.inputs:
        for start, length in played.windows:
            p, at = divmod(start, period)
            if p < body.n_points:
                heard.windows.append((one.port, batch.first_point + p, (at - LEAD_NS) * NS, length * NS, NS))
