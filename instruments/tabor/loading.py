"""What loads a program into a Tabor Proteus P2584M: segments of a pair of outputs, and tasks of each output.

Source: SQDToolz ``AWG_TaborP2584M`` (INSTrument:CHANnel, TRACe:DEFine, SELect and DATA, TASK:COMPoser with its fields,
FUNCtion:MODE TASK, TRIGger:SELect and STATe; outputs 1 and 2, 3 and 4 share a memory), Tabor's examples
(FREQuency:RASTer, OUTPut). SOURce:VOLTage and its OFFSet are from general knowledge. Nobody here has sent it to a box.
"""

from __future__ import annotations

from qctl.instruments.messages import Message
from qctl.instruments.tabor.body import TaskBody
from qctl.program.device_program import DeviceProgram

__all__ = ["messages"]

_TRIGGER = "TRG1"


def messages(program: DeviceProgram) -> list[Message]:
    """Return what loads a program into a box that holds nothing and waits at point 0."""
    body = TaskBody.from_bytes(program.body)
    number = {digest: k for k, digest in enumerate(program.blobs, 1)}
    sent = [Message(f":FREQ:RAST {body.clock_hz!r}")]
    for pair in sorted({(n - 1) // 2 for n in body.channels}):
        mine = [n for n in body.channels if (n - 1) // 2 == pair]
        sent += [Message(f":INST:CHAN {mine[0]}"), Message(":TRAC:DEL:ALL")]
        used = dict.fromkeys(step.waveforms[n] for n in mine for steps in body.points for step in steps)
        for digest in used:
            words, k = program.blobs[digest], number[digest]
            sent += [Message(f":TRAC:DEF {k}, {len(words)}"), Message(f":TRAC:SEL {k}")]
            sent.append(Message(":TRAC:DATA ", words.astype("<u2").tobytes(), f"outputs{pair}.segment{k}.bin"))
    for n, channel in body.channels.items():
        sent += [Message(f":INST:CHAN {n}"), Message(f":TASK:COMP:LENG {sum(map(len, body.points))}")]
        at = 1
        for steps in body.points:
            first = at
            for step in steps:
                last = at - first == len(steps) - 1
                sent += [
                    Message(f":TASK:COMP:SEL {at}"),
                    Message(":TASK:COMP:TYPE SING"),
                    Message(f":TASK:COMP:LOOP {step.n_loops}"),
                    Message(f":TASK:COMP:SEGM {number[step.waveforms[n]]}"),
                    Message(f":TASK:COMP:NEXT1 {first if last else at + 1}"),
                    Message(f":TASK:COMP:ENAB {_TRIGGER if at == first else 'NONE'}"),
                ]
                at += 1
        sent += [
            Message(":TASK:COMP:WRIT"),
            Message(f":SOUR:VOLT {channel.amplitude_vpp!r}"),
            Message(f":SOUR:VOLT:OFFS {channel.offset_v!r}"),
            Message(":FUNC:MODE TASK"),
            Message(f":TRIG:SEL {_TRIGGER}"),
            Message(":TRIG:STAT ON"),
            Message(":OUTP ON"),
        ]
    return sent
