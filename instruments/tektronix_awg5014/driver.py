"""Drive a Tektronix AWG5014C: upload what it lacks, build the sequence, go from point to point by event or by jump.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual: AWGControl:RMODe, :RUN, :STOP, :RSTate; SOURce:FREQ,
:ROSCillator:SOURce, :VOLTage[:LEVel][:IMMediate][:AMPLitude], :OFFSet; OUTPut:STATe; TRIGger:SOURce, :LEVel;
SEQuence:LENGth, :ELEMent[n]:WAVeform[m], :TWAit, :LOOP:COUNt, :GOTO:STATe, :GOTO:INDex, :JTARget:TYPE, :INDex,
SEQuence:JUMP:IMMediate; EVENt:JTIMing, :POLarity, :LEVel, AWGControl:EVENt:JMODe, AWGControl:SEQuencer:POSition?;
STATus:QUEStionable:CONDition (bit 5, FREQuency, is set while the reference is not locked); SYSTem:ERRor[:NEXT]?.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import RefusedError, RequestError
from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, confirm_and_ask, parsed_int
from qctl.instruments.level_commands import level_commands, rate_command
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.loaded import loaded
from qctl.instruments.set_by_commands import GeneratorByCommands
from qctl.instruments.tektronix_awg5014 import capabilities
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.instruments.tektronix_awg5014.checks import check_program
from qctl.instruments.tektronix_awg5014.waveforms import WaveformList, waveform_name
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["COMMANDS", "TektronixAwg5014", "open_driver"]

_UNLOCKED = 1 << 5
_START_TIMEOUT_S = 30.0
_TABLE = capabilities.TABLES[capabilities.MODEL]
_LEVEL_V = limit(_TABLE, "settings.trigger_level_v").limits
_CLOCK_HZ = limit(_TABLE, "clocks.sample.hz").limits

COMMANDS = (
    Command("*IDN", "identity", "Identity", kind=str, settable=False),
    rate_command("SOURce1:FREQuency[:CW]", _CLOCK_HZ),
    rate_command("[SOURce:]FREQuency[:CW]", _CLOCK_HZ),
    *level_commands(
        "SOURce{n}:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
        "SOURce{n}:VOLTage[:LEVel][:IMMediate]:OFFSet",
        (limit(_TABLE, "settings.amplitude_vpp").limits, limit(_TABLE, "settings.offset_v").limits),
    ),
    Command("OUTPut{n}[:STATe]", "output{n}_on", "State of output", kind=bool),
    Command("AWGControl:RMODe", "run_mode", "Run mode", kind=str, words=("CONT", "TRIG", "GAT", "SEQ")),
    Command("AWGControl:RSTate", "run_state", "Run state", kind=int, settable=False),
    Command("SOURce1:ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT")),
    Command("TRIGger:SOURce", "trigger_source", "Trigger source", kind=str, words=("INT", "EXT")),
    Command("TRIGger:LEVel", "trigger_level_v", "Trigger level", "V", limits=_LEVEL_V, resolution=0.05),
    Command("AWGControl:EVENt:JMODe", "event_mode", "What an event does", kind=str, words=("EJUM", "DJUM")),
    Command("EVENt:JTIMing", "event_timing", "When an event jumps", kind=str, words=("SYNC", "ASYN")),
    Command("EVENt:POLarity", "event_polarity", "Event polarity", kind=str, words=("POS", "NEG")),
    Command("EVENt:LEVel", "event_level_v", "Event level", "V", limits=_LEVEL_V, resolution=0.05),
    Command("SEQuence:LENGth", "sequence_length", "Sequence length", kind=int, settable=False),
    Command("WLISt:SIZE", "n_waveforms", "Waveforms held", kind=int, settable=False),
)


class _Element(NamedTuple):
    """One sequence element as it is sent; no target is no event jump."""

    waveforms: dict[int, str]
    waits: bool
    n_loops: int
    goto: int
    target: int


@dataclass(slots=True)
class TektronixAwg5014(GeneratorByCommands):
    """An arbitrary waveform generator with four outputs that plays one sweep point a trigger.

    A point is one or more elements of the sequence: the first waits for the trigger, each goes on to the next, the last
    to the first. So the box stays at a point until it is told to jump, or an event takes it to the next point.
    """

    _waveforms: WaveformList = field(init=False)
    _generation: int = -1
    _known: dict[str, Any] = field(default_factory=dict)
    _elements: list[_Element] = field(default_factory=list)
    _heads: list[int] = field(default_factory=list)
    _body: AwgBody | None = None

    def __post_init__(self) -> None:
        self.settings = self._settings(COMMANDS, {})
        self._waveforms = WaveformList(self.link)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        self.plan({name: value}, {})
        self._known.pop(name, None)
        self.settings.set(name, value)

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        wanted = "EXT" if self.instrument.reference == "external" else "INT"
        source, _, condition = self.link.query("SOUR1:ROSC:SOUR?;:STAT:QUES:COND?").rpartition(";")
        unlocked = parsed_int(self.link, condition, "the questionable condition") & _UNLOCKED
        return source.strip().upper().startswith(wanted) and not unlocked

    def prepare(self) -> None:
        """Clear the status and set the reference that lab.toml names."""
        self.link.write("*CLS")
        if self.instrument.reference is not None:
            self.settings.set("reference_source", "EXT" if self.instrument.reference == "external" else "INT")

    def load(self, program: DeviceProgram) -> int:
        """Upload what the device does not hold yet; return the number of waveform bytes sent.

        Raises
        ------
        LimitError
            If a waveform, a level or the program's size is outside the limits; nothing has been sent. Also if
            waveforms of others leave no room for the program's; then the device has been stopped and set up.
        """
        try:
            body = AwgBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the program's body is not an AWG5014C's: {error}") from error
        check_program(body, program.blobs, self.instrument)
        self._body = None
        self.link.write("AWGC:STOP")
        self._renew()
        with self.link.burst():
            n_bytes = self._load(body, program.blobs)
        self._body = body
        return n_bytes

    def _load(self, body: AwgBody, blobs: Mapping[str, NDArray[np.generic]]) -> int:
        """Set, upload, write the sequence; all goes out at once and is confirmed at its end, if no setting changes."""
        self._put("run_mode", "SEQ")
        self._put("clock_hz", body.clock_hz)
        self._put("trigger_source", "EXT")
        self._put("trigger_level_v", body.trigger_level_v)
        if body.event:
            for name, value in (("mode", "EJUM"), ("timing", "ASYN"), ("polarity", "POS")):
                self._put(f"event_{name}", value)
            self._put("event_level_v", body.trigger_level_v)
        for number, channel in body.channels.items():
            self._put(f"output{number}_amplitude_vpp", channel.amplitude_vpp)
            self._put(f"output{number}_offset_v", channel.offset_v)
        needed = {digest for point in body.points for step in point for digest in step.waveforms.values()}
        # Deleting a waveform takes it out of the sequence, also where an upload after it fails.
        before, self._elements = self._elements, []
        n_bytes, evicted = self._waveforms.hold(blobs, needed)
        if not evicted:
            self._elements = before
        self._heads, elements = _numbered(body)
        self._sequence(elements)
        return n_bytes

    def _renew(self) -> None:
        """Forget what was known, if the link has been reopened since."""
        if self.link.generation != self._generation:
            self._known.clear()
            self._elements = []
            self._waveforms.read()
            self._generation = self.link.generation

    def _put(self, name: str, value: Any) -> None:
        """Set a value unless it is known to be set."""
        if self._known.get(name) != value:
            self._known.pop(name, None)
            self.settings.set(name, value)
            self._known[name] = value

    def _sequence(self, elements: list[_Element]) -> None:
        """Make the box's sequence this one, sending only what differs."""
        if self._elements and set(self._elements[0].waveforms) != set(elements[0].waveforms):
            self._elements = []
        self._write_sequence(elements)
        self._elements = []
        what = f"waveforms and a sequence of {len(elements)} elements"
        (n_held,) = confirm_and_ask(self.link, what, ("SYST:ERR?", "SEQ:LENG?"))
        self._waveforms.trust()
        if parsed_int(self.link, n_held, "the sequence length") != len(elements):
            raise RefusedError(f"{self.link.name} holds {n_held} sequence elements, not {len(elements)}")
        self._elements = elements

    def _write_sequence(self, elements: list[_Element]) -> None:
        """Write what differs from the sequence that the box has."""
        if not self._elements:
            self.link.write("SEQ:LENG 0")
        if len(self._elements) != len(elements):
            self.link.write(f"SEQ:LENG {len(elements)}")
        n_old = len(self._elements)
        for index, element in enumerate(elements):
            words = _words(index + 1, element, self._elements[index] if index < n_old else None)
            if words:
                self.link.write(";:".join(words))

    def start(self) -> None:
        """Switch outputs on and wait for triggers at the first point."""
        body = self._loaded()
        with self.link.burst():
            for number in sorted(self.instrument.output):
                self.link.write(f"OUTP{number} {int(number in body.channels)}")
            self.link.write("AWGC:RUN")
            queries = ("*OPC?", "SYST:ERR?", "AWGC:RST?")
            _, found = confirm_and_ask(self.link, "AWGControl:RUN", queries, _START_TIMEOUT_S)
        state = parsed_int(self.link, found, "the run state")
        if state == 0:
            raise RefusedError(f"{self.link.name} did not start: its run state is 0 (stopped)")

    def select(self, point: int) -> None:
        """Play this point of the loaded program from the next trigger on; one round trip."""
        head = self._head(point)
        confirm(self.link, f"a jump to element {head}", f"SEQ:JUMP:IMM {head};:SYST:ERR?")

    def advances(self) -> bool:
        """Return whether events take the loaded program from each point to the next, without `select`."""
        return self._loaded().event

    def check_point(self, point: int) -> None:
        """Raise RefusedError unless this point is played at the next trigger; one round trip."""
        head = self._head(point)
        found = parsed_int(self.link, self.link.query("AWGC:SEQ:POS?"), "the position in the sequence")
        if found != head:
            wire = self.instrument.event
            cable = f"{wire.source} line {wire.line}" if wire is not None else "the trigger controller"
            raise RefusedError(
                f"{self.link.name} is at sequence element {found}, not at {head}, where {point} events lead: "
                f"check the cable from {cable} to its event input",
                instrument=self.link.name,
                element=found,
                expected=head,
            )

    def _head(self, point: int) -> int:
        """Return the sequence element that waits for the trigger at a point."""
        self._loaded()
        if not 0 <= point < len(self._heads):
            raise RequestError(f"{self.link.name}: point = {point} is outside [0, {len(self._heads) - 1}]")
        return self._heads[point]

    def stop(self) -> None:
        """Stop playing; leave the program loaded."""
        confirm(self.link, "AWGControl:STOP", "AWGC:STOP;:SYST:ERR?")

    def safe(self) -> None:
        """Stop, and switch every output off."""
        self.link.write("AWGC:STOP")
        for number in range(1, _TABLE.channels["output"].number.most + 1):
            self.link.write(f"OUTP{number} 0")
        confirm(self.link, "switching all outputs off")
        for number in range(1, _TABLE.channels["output"].number.most + 1):
            if self.link.query(f"OUTP{number}?") != "0":
                raise RefusedError(f"{self.link.name}: output {number} is still on", instrument=self.link.name)

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body = None
        self._generation = -1

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _loaded(self) -> AwgBody:
        return loaded(self._body, self.link, self._generation)


def _numbered(body: AwgBody) -> tuple[list[int], list[_Element]]:
    """Return the element at which each point waits, and all elements."""
    heads, n_elements = [], 0
    for point in body.points:
        heads.append(n_elements + 1)
        n_elements += len(point)
    elements = []
    for k, point in enumerate(body.points):
        target = heads[(k + 1) % len(heads)] if body.event else 0
        for s, step in enumerate(point):
            goto = heads[k] if s + 1 == len(point) else heads[k] + s + 1
            elements.append(_Element(step.waveforms, s == 0, step.n_loops, goto, 0 if s else target))
    return heads, elements


def _words(number: int, element: _Element, old: _Element | None) -> list[str]:
    """Return the commands that make one element of the sequence out of the one that the box has, or of a new one."""
    place = f"SEQ:ELEM{number}:"
    held = {} if old is None else old.waveforms
    words = [
        f'{place}WAV{output} "{waveform_name(digest)}"'
        for output, digest in sorted(element.waveforms.items())
        if held.get(output) != digest
    ]
    if old is None or old.waits != element.waits:
        words.append(f"{place}TWA {int(element.waits)}")
    if old is None or old.n_loops != element.n_loops:
        words.append(f"{place}LOOP:COUN {element.n_loops}")
    if old is None:
        words.append(f"{place}GOTO:STAT 1")
    if old is None or old.goto != element.goto:
        words.append(f"{place}GOTO:IND {element.goto}")
    target = 0 if old is None else old.target
    if bool(element.target) != bool(target):
        words.append(f"{place}JTAR:TYPE {'IND' if element.target else 'OFF'}")
    if element.target and element.target != target:
        words.append(f"{place}JTAR:IND {element.target}")
    return words


def open_driver(instrument: Instrument, lab: Lab) -> TektronixAwg5014:
    """Open the link, check the identity, set the reference."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("TEKTRONIX", "AWG5014"))
    device = TektronixAwg5014(link, instrument)
    device.prepare()
    return device
