"""The connectors of a Qblox module: which of them which sequencer may use, and their LOs and attenuators."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number
from qctl.instruments.qblox import capabilities as can
from qctl.lab import Instrument

__all__ = ["check_connectors", "numbers_of", "rf_settings", "switch_of"]


def check_connectors(
    instrument: Instrument, table: Capability, outputs: tuple[int, ...], inputs: tuple[int, ...]
) -> None:
    """Refuse connectors that the module does not have, or that one sequencer can't feed together.

    Raises
    ------
    CompileError
        Naming the connector and what there is.
    """
    name = instrument.name
    for numbers, kind in ((outputs, "output"), (inputs, "input")):
        if numbers and kind not in table.channels:
            raise CompileError(f"{name}: {kind} {max(numbers)}, and a {table.model} has none", instrument=name)
        for number in numbers:
            check_number(table, f"channels.{kind}.number", number, f"{name} {kind} {number}")
    if instrument.model in can.RF:
        if len(outputs) > 1 or len(inputs) > 1:
            raise CompileError(
                f"{name}: i and q on two connectors of a {table.model}, whose mixers are inside: give the "
                "port `output` and `acquire`",
                instrument=name,
            )
        if outputs and inputs and outputs != inputs:
            raise CompileError(
                f"{name}: input {inputs[0]} is mixed with the LO of output {inputs[0]}, and its port plays on output "
                f"{outputs[0]}",
                instrument=name,
            )
        return
    if len(outputs) == 2 and outputs not in ((1, 2), (3, 4)):
        raise CompileError(f"{name}: I and Q on outputs {outputs[0]} and {outputs[1]}, not on 1 and 2 or 3 and 4")
    full_vpp = 2 * limit(table, "channels.output.amplitude").limits.high
    for number in outputs:
        given = instrument.output[number].amplitude_vpp
        if given != full_vpp:
            raise CompileError(
                f"{name}: output {number} amplitude_vpp = {given} is not the {full_vpp:g} V of a {table.model}"
            )


def rf_settings(
    instrument: Instrument, table: Capability, outputs: tuple[int, ...], inputs: tuple[int, ...]
) -> tuple[float | None, float | None, float | None]:
    """Return LO frequency in Hz, attenuation of the output and of the input in dB; None for modules without.

    Raises
    ------
    CompileError
        If lab.toml gives an LO to a module without, none to one that needs it, or a value that it can't take.
    """
    name = instrument.name
    connectors = [instrument.output[n] for n in outputs]
    if instrument.model not in can.RF:
        if any(one.lo_hz is not None or one.attenuation_db is not None for one in connectors):
            raise CompileError(f"{name}: lo_hz and attenuation_db are for modules with mixers, not for a {table.model}")
        return None, None, None
    lo_hz = attenuation_db = input_db = None
    for one in connectors:
        lo_hz, attenuation_db = one.lo_hz, one.attenuation_db
        for key, given in (("lo_hz", lo_hz), ("attenuation_db", attenuation_db)):
            if given is None:
                raise CompileError(
                    f"{name}: output {one.number} has no {key} in lab.toml; nothing that can warm a fridge has a "
                    "default",
                    instrument=name,
                )
        assert lo_hz is not None and attenuation_db is not None
        check_number(table, "settings.lo_hz", lo_hz, f"{name} output {one.number}")
        check_number(table, "settings.attenuation_db", attenuation_db, f"{name} output {one.number}")
    for number in inputs:
        input_db = instrument.input[number].attenuation_db or 0.0
        check_number(table, "settings.input_attenuation_db", input_db, f"{name} input {number}")
    return lo_hz, attenuation_db, input_db


def numbers_of(model: str, wired: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[int] | None:
    """Return a sequencer for each pair of outputs and inputs, each another one; None if they can't all have one.

    Where sequencers reach different connectors, those that reach fewest are given away first, and one that was given
    away moves on to another if that helps.
    """
    reach = can.REACH.get(model)
    if reach is None:
        return list(range(len(wired)))
    able = [
        [k for k, one in enumerate(reach) if one.outputs.issuperset(outputs) and one.inputs.issuperset(inputs)]
        for outputs, inputs in wired
    ]
    for choice in able:
        choice.sort(key=lambda k: (len(reach[k].inputs), k))
    held: dict[int, int] = {}

    def place(line: int, tried: set[int]) -> bool:
        free = next((k for k in able[line] if k not in held), None)
        if free is None:
            free = next((k for k in able[line] if k not in tried and place(held[k], tried.union(able[line]))), None)
        if free is not None:
            held[free] = line
        return free is not None

    if not all(place(line, set()) for line in range(len(wired))):
        return None
    return sorted(held, key=lambda k: held[k])


def switch_of(model: str, outputs: tuple[int, ...]) -> int:
    """Return the markers that open the switch of an RF output; 0 where a module has none.

    Source: qblox-scheduler 1.0.1, ``default_markers`` of QCM-RF and QRM-RF; a QRC has none there.
    """
    bits = {"qblox-qcm-rf": outputs, "qblox-qrm-rf": tuple(number + 1 for number in outputs)}.get(model, ())
    return sum(1 << bit - 1 for bit in bits)
