"""What loads a program into an AWG5200 or AWG70000A: `.wfmx` files, and a sequence whose steps wait for a trigger.

Source: QCoDeS ``AWG70000A.py`` (MMEMory:DATA and OPEN, CLOCk:SRATe, SOURce:VOLTage, DAC:RESolution, CASSet:SEQuence,
OUTPut, AWGControl:RUN, SOURCE1:JUMP:FORCE), tektronix/tm_devices (SLISt:SEQuence:NEW and STEP: TASSet:WAVeform, RCOunt,
WINPut, GOTO). Nobody here has sent it to a box.
"""

from __future__ import annotations

from qctl.instruments.messages import Message
from qctl.instruments.tektronix_files.body import FileBody
from qctl.instruments.tektronix_files.wfmx import wfmx
from qctl.program.device_program import DeviceProgram

__all__ = ["messages"]

_SEQUENCE = "qctl"


def messages(program: DeviceProgram) -> list[Message]:
    """Return what loads a program into a box that holds nothing and waits at point 0.

    Any other point is reached by ``SOURce1:JUMP:FORCe`` and the number of its first step, from 1.
    """
    body = FileBody.from_bytes(program.body)
    sent = [Message("INST:MODE AWG"), Message(f"CLOC:SRAT {body.clock_hz!r}")]
    for digest, samples in program.blobs.items():
        file = f"q{digest}.wfmx"
        sent += [Message(f'MMEM:DATA "{file}",', wfmx(samples), file), Message(f'MMEM:OPEN "{file}"')]
    n_steps = sum(map(len, body.points))
    sent.append(Message(f'SLIS:SEQ:NEW "{_SEQUENCE}",{n_steps},{max(body.channels)}'))
    at = 1
    for steps in body.points:
        first = at
        for step in steps:
            name = f"SLIS:SEQ:STEP{at}"
            sent += [Message(f'{name}:TASS{n}:WAV "{_SEQUENCE}","q{step.waveforms[n]}"') for n in body.channels]
            sent.append(Message(f'{name}:RCO "{_SEQUENCE}",{step.n_loops}'))
            sent.append(Message(f'{name}:WINP "{_SEQUENCE}",{"ATR" if at == first else "OFF"}'))
            at += 1
        sent.append(Message(f'SLIS:SEQ:STEP{at - 1}:GOTO "{_SEQUENCE}",{first}'))
    for n, channel in body.channels.items():
        sent += [
            Message(f"SOUR{n}:DAC:RES {body.bits}"),
            Message(f"SOUR{n}:VOLT {channel.amplitude_vpp!r}"),
            Message(f'SOUR{n}:CASS:SEQ "{_SEQUENCE}",{n}'),
        ]
        if channel.offset_v:
            sent.append(Message(f"SOUR{n}:VOLT:LEV:IMM:OFFS {channel.offset_v!r}"))
        sent.append(Message(f"OUTP{n}:STAT 1"))
    return [*sent, Message("AWGC:RUN")]
