"""Which core or readout channel a connector of lab.toml belongs to, and whether it is set to what the box has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qctl.errors import CompileError
from qctl.instruments.zurich import sequencers as can
from qctl.lab import Instrument, Lab, Mixer, OutputRef, Port

__all__ = [
    "carrier_of_readout",
    "check_mixers",
    "check_outputs",
    "core_of_port",
    "outputs_of_readout",
    "readout_of_port",
]

_CLOSE = 0.01
_LO_STEP_HZ = 100e6
_LO_HZ = (1e9, 8.5e9)
_SYNTHESIZERS = {"zurich-shfsg": 2, "zurich-shfqc": 2}
"""Neighbours of SG channels that share the source of their carrier; laboneq, ``device_shfsg.py``."""


def _n_played(model: can.Model) -> int:
    return model.n_cores * model.player.n_channels if model.player is not None else 0


def core_of_port(port: Port, instrument: Instrument, model: can.Model) -> int | None:
    """Return the number of the AWG core that plays a port, or None if none does.

    Raises
    ------
    CompileError
        If its outputs don't belong together.
    """
    outputs = tuple(ref.output for ref in port.outputs if ref.instrument == instrument.name)
    if not outputs or model.player is None or max(outputs) > _n_played(model):
        return None
    width = model.player.n_channels
    if len(outputs) == 2 and not (outputs[0] % 2 == 1 and outputs[1] == outputs[0] + 1):
        raise CompileError(
            f"{instrument.name}: {port.name} has I and Q on outputs {outputs[0]} and {outputs[1]}, not on a pair "
            "1 and 2, 3 and 4 …"
        )
    return (outputs[0] - 1) // width


def readout_of_port(port: Port, instrument: Instrument, model: can.Model) -> int | None:
    """Return the number of the readout channel that a port plays on or acquires from, or None."""
    if model.readout is None:
        return None
    outputs = tuple(ref.output for ref in port.outputs if ref.instrument == instrument.name)
    inputs = tuple(ref.input for ref in port.inputs if ref.instrument == instrument.name)
    outputs = tuple(n for n in outputs if n > _n_played(model))
    if not model.readout.generates:
        return 0 if outputs or inputs else None
    numbers = {n - _n_played(model) for n in outputs} | set(inputs)
    if len(numbers) > 1:
        raise CompileError(
            f"{instrument.name}: {port.name} plays and acquires on different readout channels: "
            f"{', '.join(map(str, sorted(numbers)))}"
        )
    return numbers.pop() - 1 if numbers else None


def outputs_of_readout(ports: Sequence[Port], instrument: Instrument, model: can.Model) -> tuple[OutputRef, ...]:
    """Return the connectors that a readout channel plays on for its ports."""
    refs = [ref for port in ports for ref in port.outputs]
    return tuple(dict.fromkeys(r for r in refs if r.instrument == instrument.name and r.output > _n_played(model)))


def carrier_of_readout(ports: Sequence[Port], instrument: Instrument, model: can.Model, lab: Lab) -> float:
    """Return the frequency in hertz that a readout channel mixes with: one for what it plays and what it listens to.

    Its ports may be played by another output, whose carrier it must have then. It is 0 for a box without mixers.

    Raises
    ------
    CompileError
        If they have different carriers, or one that the channel can't be brought to.
    """
    if model.readout is None or not model.readout.generates:
        return 0.0
    carriers = {port.name: lab.carrier_hz(port) or 0.0 for port in ports}
    first, hz = next(iter(carriers.items()))
    for name, other_hz in carriers.items():
        if other_hz != hz:
            raise CompileError(
                f"{instrument.name}: {first} and {name} share a readout channel, which has one carrier, and theirs are "
                f"{hz:g} and {other_hz:g} Hz"
            )
    low, high = _LO_HZ
    if not low <= hz <= high or hz % _LO_STEP_HZ:
        raise CompileError(
            f"{instrument.name}: what acquires {first} can't be mixed with its carrier of {hz:g} Hz, which is no "
            f"multiple of {_LO_STEP_HZ:g} Hz in [{low:g}, {high:g}] Hz"
        )
    return hz


def check_mixers(instrument: Instrument, model: can.Model, ports: Iterable[Port]) -> None:
    """Refuse a correction of mixers that are inside the box.

    Raises
    ------
    CompileError
        With the port.
    """
    for port in ports:
        played = any(ref.instrument == instrument.name for ref in port.outputs)
        if played and _up_converts(model) and port.mixer != Mixer():
            raise CompileError(
                f"{instrument.name}: {port.name} has a mixer to correct, and a {instrument.model} corrects none"
            )


def _up_converts(model: can.Model) -> bool:
    mixes = model.player is None or model.player.mixes
    return mixes and (model.readout is None or model.readout.generates)


def check_outputs(instrument: Instrument, model: can.Model) -> None:
    """Refuse connectors that the box doesn't have, and settings that it can't be brought to.

    Raises
    ------
    CompileError
        With the connector, what lab.toml says and what the box has.
    """
    name, converts = instrument.name, _up_converts(model)
    per_readout = 1 if model.readout is None or model.readout.generates else 2
    n_outputs = _n_played(model) + model.n_readouts * per_readout
    n_inputs = model.n_readouts * per_readout
    for numbers, count, kind in ((instrument.output, n_outputs, "output"), (instrument.input, n_inputs, "input")):
        if any(n > count for n in numbers):
            raise CompileError(f"{name}: {kind} {max(numbers)} is over the {count} of a {instrument.model}")
    for n, output in instrument.output.items():
        given = output.amplitude_vpp or 0.0
        nearest = min(model.ranges_vpp, key=lambda vpp: abs(vpp - given))
        if abs(nearest - given) > _CLOSE * nearest:
            known = ", ".join(f"{vpp:.4g}" for vpp in model.ranges_vpp)
            raise CompileError(f"{name}: output {n} amplitude_vpp = {given:g} is none of {known} V")
        if not converts and output.lo_hz is not None:
            raise CompileError(f"{name}: output {n} has an lo_hz; a {instrument.model} does not up-convert")
        if converts:
            _check_lo(name, n, output.lo_hz, instrument.model)
    shared = _SYNTHESIZERS.get(instrument.model, 1)
    carriers: dict[int, tuple[int, float | None]] = {}
    for n, output in sorted(instrument.output.items()):
        if n <= _n_played(model) and converts:
            other, lo_hz = carriers.setdefault((n - 1) // shared, (n, output.lo_hz))
            if lo_hz != output.lo_hz:
                raise CompileError(
                    f"{name}: outputs {other} and {n} share their carrier, which is {lo_hz} and {output.lo_hz} Hz"
                )


def _check_lo(name: str, n: int, lo_hz: float | None, model: str) -> None:
    if lo_hz is None:
        raise CompileError(f"{name}: output {n} has no lo_hz; a {model} up-converts to one")
    low, high = _LO_HZ
    if not low <= lo_hz <= high or lo_hz % _LO_STEP_HZ:
        raise CompileError(
            f"{name}: output {n} lo_hz = {lo_hz:g} is no multiple of {_LO_STEP_HZ:g} Hz in [{low:g}, {high:g}] Hz"
        )
