"""Lines: what a module's sequencers are to the ports of lab.toml, checked once for each lab."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qctl.errors import CompileError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.checker import check_number
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.connectors import check_connectors, numbers_of, rf_settings, switch_of
from qctl.instruments.rows import Rows
from qctl.lab import Instrument, Lab, Mixer, Port
from qctl.lab.held import Same, kept

__all__ = ["Line", "full_scale_v_of", "lines_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A port, and what carries it.

    Attributes
    ----------
    port : Port
        Of lab.toml.
    outputs, inputs : tuple of int
        Connectors of this module.
    modulated : bool
        Whether the NCO turns what is played.
    n_paths : int
        I and Q, or one; 0 where nothing is played.
    full_scale_v : float
        Amplitude that a full gain gives.
    offset_v : tuple of float
        Offset of each output.
    settings : tuple
        LO and attenuators, as `rf_settings` returns them.
    switch : int
        Markers that open the switch of its RF output; 0 where there is none.
    outputs_v : tuple of float
        What each output reaches, whatever plays on it.
    number : int
        Of its sequencer, from 0.
    """

    port: Port
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    modulated: bool
    n_paths: int
    full_scale_v: float
    offset_v: tuple[float, ...]
    settings: tuple[float | None, float | None, float | None]
    switch: int
    outputs_v: tuple[float, ...]
    number: int = 0


def lines_of(lab: Lab, instrument: Instrument, table: Capability, rows: Rows) -> tuple[Line, ...]:
    """Return the ports that this module plays on or acquires from; each takes a sequencer.

    Raises
    ------
    CompileError
        If there are too many, or a port's connectors are none that one sequencer can feed.
    """
    names = list(rows.ports)
    played, captured = (frozenset(names[k] for k in numbers) for numbers in (rows.played, rows.captured))

    def make() -> tuple[Line, ...]:
        found = [port for port in lab.ports.values() if _takes(instrument.name, port, played, captured)]
        if found:
            place = f"{instrument.name} for {', '.join(port.name for port in found)}"
            check_number(table, "sequencers", len(found), place)
        lines = [_line(instrument, table, port) for port in found]
        numbers = numbers_of(instrument.model, [(line.outputs, line.inputs) for line in lines])
        if numbers is None:
            words = f"{', '.join(port.name for port in found)} together: {table.restrictions['reach'].words}"
            raise CompileError(f"{instrument.name}: its sequencers can't serve {words}", instrument=instrument.name)
        return tuple(replace(line, number=number) for line, number in zip(lines, numbers, strict=True))

    return kept(lab, ("qblox lines", instrument.name, Same(table), played, captured), make)


def _takes(name: str, port: Port, played: frozenset[str], captured: frozenset[str]) -> bool:
    if len({ref.instrument for ref in port.outputs}) > 1:
        raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
    return (port.name in played and any(ref.instrument == name for ref in port.outputs)) or (
        port.name in captured and any(ref.instrument == name for ref in port.inputs)
    )


def _line(instrument: Instrument, table: Capability, port: Port) -> Line:
    name, rf = instrument.name, instrument.model in can.RF
    outputs = tuple(ref.output for ref in port.outputs if ref.instrument == name)
    inputs = tuple(ref.input for ref in port.inputs if ref.instrument == name)
    check_connectors(instrument, table, outputs, inputs)
    if instrument.model == can.QRC and port.mixer != Mixer():
        raise CompileError(f"{name}: port {port.name} has a mixer to correct, and a {table.model} has no correction")
    modulated = rf or len(outputs) == 2 or len(inputs) == 2
    offset_v = tuple(instrument.output[n].offset_v for n in outputs)
    if len(outputs) == 2:
        offset_v = (offset_v[0] + port.mixer.offset_v[0], offset_v[1] + port.mixer.offset_v[1])
    elif outputs and rf:
        offset_v = port.mixer.offset_v
    return Line(
        port, outputs, inputs, modulated, 2 if outputs and rf else len(outputs),
        full_scale_v_of(instrument, table, outputs, modulated), offset_v,
        rf_settings(instrument, table, outputs, inputs), switch_of(instrument.model, outputs),
        tuple(full_scale_v_of(instrument, table, (n,), False) for n in outputs),
    )  # fmt: skip


def full_scale_v_of(instrument: Instrument, table: Capability, outputs: tuple[int, ...], modulated: bool) -> float:
    """Return the amplitude that a full gain gives; behind an attenuator it is what lab.toml says."""
    top = limit(table, "channels.output.amplitude").limits.high
    if instrument.model in can.RF and outputs:
        top = (instrument.output[outputs[0]].amplitude_vpp or 0.0) / 2
    return top * (can.MODULATED_SCALE if modulated else 1.0)
