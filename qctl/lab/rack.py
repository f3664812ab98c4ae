"""What stands in the rack: instruments with their limits and safe states, and the ports that are wired to them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from qctl.lab.connectors import CurrentOutput, Input, Output
from qctl.lab.firmware import Lines, Modbus, ParameterRule
from qctl.lab.mixer import Mixer
from qctl.lab.quantities import ClockHz, DelayS, FrequencyHz, LengthS, PowerDbm

__all__ = [
    "CurrentOutput",
    "EventWire",
    "Input",
    "InputRef",
    "Instrument",
    "InstrumentLimits",
    "Interlock",
    "Mixer",
    "Output",
    "OutputRef",
    "ParameterRule",
    "Port",
    "SafeState",
    "TriggerLine",
    "TriggerWire",
]

TimeoutS = Annotated[float, Meta(ge=1e-3, le=3600, extra={"hint": "times are in seconds: 500 ms is 0.5"})]
HeartbeatS = Annotated[float, Meta(ge=0.1, le=86400, extra={"hint": "times are in seconds"})]
PauseS = Annotated[float, Meta(ge=0.01, le=86400, extra={"hint": "times are in seconds"})]
LineNumber = Annotated[int, Meta(ge=1, le=4096, extra={"hint": "connectors are counted from 1"})]
ModuleNumber = Annotated[int, Meta(ge=1, le=15, extra={"hint": "it is the number that is set on the module"})]
Baud = Annotated[int, Meta(ge=50, le=4_000_000, extra={"hint": "it is in bits a second, such as 9600"})]


class OutputRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A numbered output of an instrument; ``awg0:1`` in lab.toml."""

    instrument: str
    output: int

    def __str__(self) -> str:
        return f"{self.instrument}:{self.output}"


class InputRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A numbered input of an instrument; ``dig0:1`` in lab.toml."""

    instrument: str
    input: int

    def __str__(self) -> str:
        return f"{self.instrument}:{self.input}"


class TriggerWire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cable that triggers an instrument.

    Attributes
    ----------
    source : str
        Instrument that fires.
    line : int
        Its numbered line.
    delay_s : float
        From the firing to time zero at this instrument's connectors.
    """

    source: str
    line: LineNumber
    delay_s: DelayS = 0.0


class EventWire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cable to a generator's event input, which takes it to the next sweep point.

    Attributes
    ----------
    source : str
        The trigger controller that fires this generator's shots.
    line : int
        A numbered line of it that triggers nothing: it pulses once, after the last shot of a block.
    """

    source: str
    line: LineNumber


class TriggerLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a trigger controller.

    Attributes
    ----------
    number : int
        Its key in lab.toml.
    width_s : float
        Length of the pulse that it sends.
    delay_s : float
        From the start of the shot to the pulse, or from the end of the last shot where the line is for events.
    """

    number: int
    width_s: LengthS = 1e-7
    delay_s: DelayS = 0.0


class InstrumentLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closed ranges that settings of a source must stay in.

    Attributes
    ----------
    power_dbm, frequency_hz : pair of float, optional
        Lowest and highest value; a source must have both.
    """

    power_dbm: tuple[PowerDbm, PowerDbm] | None = None
    frequency_hz: tuple[FrequencyHz, FrequencyHz] | None = None


class SafeState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an instrument is brought to when nobody holds it.

    Attributes
    ----------
    outputs : str, optional
        ``off``: all outputs of a generator or trigger controller are switched off.
    output : bool, optional
        State of a source's output.
    power_dbm : float, optional
        Power of a source.
    """

    outputs: Literal["off"] | None = None
    output: bool | None = None
    power_dbm: PowerDbm | None = None


class Instrument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anything with a link.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    model : str
        Key of the driver, or ``qcodes:`` or ``pymeasure:`` and the dotted name of a class of theirs.
    address : str
        VISA address, `zhinst://host:8004/dev1234` of a device behind a data server, or `qick://host:8888/myqick` of a
        board by the name that it has at its name server.
    timeout_s : float
        Longest wait for an answer.
    heartbeat_s : float
        Idle time after which it is asked for a sign of life; not while it plays a run.
    retry_s : pair of float
        Pause before a lost link is tried again, and the longest one: each is twice the one before, more or less.
    retries : int
        Failed attempts after which a link is given up until somebody calls `reconnect`; 0 for none.
    also_at : str
        Other names that its serial port may come back under, such as /dev/ttyACM*; who answers there is asked. A plug
        with a USB serial number is found without.
    group : str
        Instruments of one group share an instrument host, a process with a thread for each of them. Those that play a
        processor's runs must be in one, and are where they name none; any other has one of its own then. A drawer of
        boxes opens faster as one group.
    clock_hz : float, optional
        Sample or tick rate; a generator or digitizer must have it.
    reference : str, optional
        Where its 10 MHz come from; an unlocked instrument refuses synchronised runs.
    clock_source : str
        Instrument whose reference output its external reference comes from; empty if lab.toml has no such instrument.
    trigger : TriggerWire, optional
        What starts it.
    event : EventWire, optional
        What takes a generator to the next sweep point; without it the server tells it each point.
    frequency_hz, power_dbm : float, optional
        Settings of a source.
    limits : InstrumentLimits, optional
        Bounds of the settings.
    safe : SafeState, optional
        State when nobody holds it.
    parameter : mapping of str to ParameterRule
        Limits and safe values of parameters that have no key of their own above.
    init : mapping of str to number, bool or str
        Arguments that a hosted driver is made with.
    lines : Lines, optional
        How it is spoken to, for the model ``line-firmware``.
    modbus : Modbus, optional
        How it is spoken to, for the model ``modbus-firmware``.
    baud : int, optional
        Of a serial line; the model's own by default.
    module : int, optional
        The number that is set on a module of a rack whose modules share the serial line of a controller.
    board : str
        What a board says of itself, as JSON (soccfg of a QICK board). lab.toml names a file beside it, and `load_lab`
        puts its text here.
    allow_raw : bool
        Whether texts that match no declared command are passed on.
    allow_pickle : bool
        Whether a board whose client library speaks pickles, which can run code, may be opened.
    output, input : mapping of int to Output, Input
        Connectors by number.
    current : mapping of int to CurrentOutput
        Outputs of a current source by number.
    line : mapping of int to TriggerLine
        Lines of a trigger controller.
    """

    name: str
    model: str
    address: str
    timeout_s: TimeoutS = 5.0
    heartbeat_s: HeartbeatS = 1.0
    retry_s: tuple[PauseS, PauseS] = (0.2, 10.0)
    retries: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    also_at: str = ""
    group: str = ""
    clock_hz: ClockHz | None = None
    reference: Literal["internal", "external"] | None = None
    clock_source: str = ""
    trigger: TriggerWire | None = None
    event: EventWire | None = None
    frequency_hz: FrequencyHz | None = None
    power_dbm: PowerDbm | None = None
    limits: InstrumentLimits | None = None
    safe: SafeState | None = None
    parameter: dict[str, ParameterRule] = {}
    init: dict[str, float | bool | str] = {}
    lines: Lines | None = None
    modbus: Modbus | None = None
    baud: Baud | None = None
    module: ModuleNumber | None = None
    board: str = ""
    allow_raw: bool = False
    allow_pickle: bool = False
    output: dict[LineNumber, Output] = {}
    input: dict[LineNumber, Input] = {}
    current: dict[LineNumber, CurrentOutput] = {}
    line: dict[LineNumber, TriggerLine] = {}


class Interlock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading that must be inside its bounds for a run to start, and while it plays.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    instrument, parameter : str
        What is asked: an instrument of lab.toml, and one of its parameters. No reading is not inside any bounds.
    min, max : float, optional
        Lowest and highest reading, in the parameter's unit; at least one must be given.
    """

    name: str
    instrument: str
    parameter: str
    min: float | None = None
    max: float | None = None


class Port(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logical line to a qubit or beam, and the connectors that feed it.

    Attributes
    ----------
    name : str
        Its key in lab.toml, ``<qubit or beam>.<role>``.
    i, q : OutputRef, optional
        Both outputs of an IQ-modulated line.
    output : OutputRef, optional
        The output of a line without mixer.
    lo : str, optional
        Instrument that gives the carrier of i and q.
    mixer : Mixer
        Correction of the mixer.
    dc : OutputRef, optional
        Static bias that is added to the line.
    acquire_i, acquire_q : InputRef, optional
        Both inputs behind the down-converter.
    acquire : InputRef, optional
        The input of a line that is read without down-conversion, or a counter.
    feedline : str
        Ports of one feedline share their connectors; no other ports may.
    delay_s : float
        Added to all times of the port, against cable lengths.
    """

    name: str
    i: OutputRef | None = None
    q: OutputRef | None = None
    output: OutputRef | None = None
    lo: str | None = None
    mixer: Mixer = Mixer()
    dc: OutputRef | None = None
    acquire_i: InputRef | None = None
    acquire_q: InputRef | None = None
    acquire: InputRef | None = None
    feedline: str = ""
    delay_s: DelayS = 0.0

    @property
    def target(self) -> str:
        """Return the qubit or beam that the port belongs to."""
        return self.name.rpartition(".")[0]

    @property
    def role(self) -> str:
        """Return what the port is for: drive, flux, readout …"""
        return self.name.rpartition(".")[2]

    @property
    def outputs(self) -> tuple[OutputRef, ...]:
        """Return the waveform outputs of the port, I before Q."""
        return tuple(ref for ref in (self.i, self.q, self.output) if ref is not None)

    @property
    def inputs(self) -> tuple[InputRef, ...]:
        """Return the inputs of the port, I before Q."""
        return tuple(ref for ref in (self.acquire_i, self.acquire_q, self.acquire) if ref is not None)

    @property
    def connectors(self) -> tuple[OutputRef | InputRef, ...]:
        """Return waveform outputs and inputs, which start with the shot."""
        return (*self.outputs, *self.inputs)
