"""What loads a program into a Keysight M8190A: segments of words, and a sequence of the table for each point.

Source: qudi's driver of the M819X family (TRACe:DEFine and DATA, STABle:DATA with its seven fields and the control bits
of a sequence's first and last entry, STABle:SEQuence:SELect, INITiate:CONTinuous and GATE, FREQuency:RASTer, VOLTage
and its OFFSet), BlackChirp's driver of the M8190A (TRACe:DWIDth). FUNCtion:MODE STSequence is from general knowledge.
Nobody here has sent it to a box.
"""

from __future__ import annotations

from qctl.instruments.keysight_generators.body import SegmentBody
from qctl.instruments.messages import Message
from qctl.program.device_program import DeviceProgram

__all__ = ["messages"]

_FIRST, _LAST = 1 << 28, 1 << 30
"""Bits of an entry's control word: it begins a sequence, it ends one."""
_WHOLE = (0, 0xFFFFFFFF)
"""Offsets in a segment: all of it."""
_WIDTHS = {12: "WSPeed", 14: "WPRecision"}


def messages(program: DeviceProgram) -> list[Message]:
    """Return what loads a program into a box that holds nothing, selects point 0 and waits for triggers.

    Any other point is selected by ``:STABle<n>:SEQuence:SELect`` and the index of its first entry.
    """
    body = SegmentBody.from_bytes(program.body)
    sent = [Message(":ABOR"), Message(":FORM:BORD SWAP"), Message(f":FREQ:RAST {body.clock_hz!r}")]
    for n, channel in body.channels.items():
        sent += [Message(f":TRAC{n}:DWID {_WIDTHS[body.bits]}"), Message(f":TRAC{n}:DEL:ALL")]
        used = list(dict.fromkeys(step.waveforms[n] for steps in body.points for step in steps))
        number = {digest: k for k, digest in enumerate(used, 1)}
        for digest, k in number.items():
            words = program.blobs[digest]
            sent.append(Message(f":TRAC{n}:DEF {k},{len(words)},0"))
            sent.append(Message(f":TRAC{n}:DATA {k},0,", words.astype("<i2").tobytes(), f"output{n}.segment{k}.bin"))
        entry = 0
        for steps in body.points:
            for k, step in enumerate(steps):
                control = (_FIRST if k == 0 else 0) | (_LAST if k == len(steps) - 1 else 0)
                fields = (entry, control, 1, step.n_loops, number[step.waveforms[n]], *_WHOLE)
                sent.append(Message(f":STAB{n}:DATA {','.join(map(str, fields))}"))
                entry += 1
        sent += [
            Message(f":FUNC{n}:MODE STS"),
            Message(f":STAB{n}:SEQ:SEL 0"),
            Message(f":VOLT{n} {channel.amplitude_vpp!r}"),
            Message(f":VOLT{n}:OFFS {channel.offset_v!r}"),
            Message(f":INIT:CONT{n}:STAT OFF"),
            Message(f":INIT:GATE{n}:STAT OFF"),
        ]
    return [*sent, *(Message(f":OUTP{n} ON") for n in body.channels), Message(":INIT:IMM")]
