"""What loads a program into a Keysight 33500B or 33600A: arbitrary waveforms as DAC words, a sequence for each point.

Source: pymeasure ``Agilent33500`` (DATA:VOLatile:CLEar, DATA:ARBitrary:DAC, FUNCtion:ARBitrary and its FILTer, ADVance
and SRATe), QCoDeS ``Keysight_33xxx`` (VOLTage, VOLTage:OFFSet, TRIGger:SOURce, SLOPe, OUTPut), Keysight Trueform Series
Operating and Service Guide as public programs for 33512B and 33622A show it (FORMat:BORDer SWAPped with a block of
int16, DATA:SEQuence with its play controls onceWaitTrig, once and repeat).
"""

from __future__ import annotations

import numpy as np

from qctl.instruments.keysight_generators.body import ArbBody
from qctl.instruments.messages import Message
from qctl.program.device_program import DeviceProgram

__all__ = ["arb_name", "messages"]

_IDLE = "idle"
_NAME_DIGITS = 11
"""Of a digest: names of waveforms have at most twelve characters."""


def arb_name(digest: str) -> str:
    """Return the name of a waveform in the box, by content."""
    return f"q{digest[:_NAME_DIGITS]}"


def messages(program: DeviceProgram) -> list[Message]:
    """Return what loads a program into a box that holds nothing, selects point 0 and waits for triggers.

    Any other point is selected by ``SOURce<n>:FUNCtion:ARBitrary "p<k>"`` on each output.
    """
    body = ArbBody.from_bytes(program.body)
    sent = [Message("FORM:BORD SWAP")]
    for n, channel in body.channels.items():
        source = f"SOUR{n}"
        sent.append(Message(f"{source}:DATA:VOL:CLE"))
        used = dict.fromkeys(step.waveforms[n] for steps in body.points for step in steps)
        idle = np.zeros(body.idle_samples, "<i2")
        arbs = {_IDLE: idle} | {arb_name(digest): program.blobs[digest] for digest in used}
        for name, words in arbs.items():
            block = words.astype("<i2").tobytes()
            sent.append(Message(f"{source}:DATA:ARB:DAC {name},", block, f"output{n}.{name}.bin"))
        for k, steps in enumerate(body.points):
            rows = [f'"p{k}"', f'"{_IDLE}",0,onceWaitTrig,maintain,4']
            rows += [
                f'"{arb_name(step.waveforms[n])}",'
                + (f"{step.n_loops},repeat" if step.n_loops > 1 else "0,once")
                + ",maintain,4"
                for step in steps
            ]
            sent.append(Message(f"{source}:DATA:SEQ ", ",".join(rows).encode(), f"output{n}.p{k}.seq.txt"))
        sent += [
            Message(f"{source}:FUNC ARB"),
            Message(f'{source}:FUNC:ARB "p0"'),
            Message(f"{source}:FUNC:ARB:FILT {body.filter}"),
            Message(f"{source}:FUNC:ARB:ADV SRAT"),
            Message(f"{source}:FUNC:ARB:SRAT {body.clock_hz!r}"),
            Message(f"{source}:VOLT {channel.amplitude_vpp!r}"),
            Message(f"{source}:VOLT:OFFS {channel.offset_v!r}"),
            Message(f"TRIG{n}:SOUR EXT"),
            Message(f"TRIG{n}:SLOP POS"),
        ]
    return sent + [Message(f"OUTP{n} ON") for n in body.channels]
