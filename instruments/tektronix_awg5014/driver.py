"""Drive a Tektronix AWG5014C: upload what it lacks, build the sequence, jump from point to point.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual: AWGControl:RMODe, :RUN, :STOP, :RSTate; SOURce:FREQ,
:ROSCillator:SOURce, :VOLTage[:LEVel][:IMMediate][:AMPLitude], :OFFSet; OUTPut:STATe; TRIGger:SOURce, :LEVel;
SEQuence:LENGth, :ELEMent[n]:WAVeform[m], :TWAit, :LOOP:COUNt, :GOTO:STATe, :GOTO:INDex, SEQuence:JUMP:IMMediate;
STATus:QUEStionable:CONDition (bit 5, FREQuency, is set while the reference is not locked); SYSTem:ERRor[:NEXT]?.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qctl.device import Parameter
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, parsed_int
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.settings import Settings
from qctl.instruments.tektronix_awg5014 import capabilities
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.instruments.tektronix_awg5014.checks import check_program
from qctl.instruments.tektronix_awg5014.waveforms import WaveformList, waveform_name
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits

__all__ = ["COMMANDS", "TektronixAwg5014", "open_driver"]

_UNLOCKED = 1 << 5
_START_TIMEOUT_S = 30.0

COMMANDS = (
    Command("*IDN", "identity", "Identity", kind=str, settable=False),
    Command("SOURce1:FREQuency[:CW]", "clock_hz", "Sample rate", "Hz", limits=capabilities.CLOCK_HZ, resolution=1),
    Command("[SOURce:]FREQuency[:CW]", "clock_hz", "Sample rate", "Hz", limits=capabilities.CLOCK_HZ, resolution=1),
    Command(
        "SOURce{n}:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
        "output{n}_amplitude_vpp",
        "Amplitude of output",
        "V",
        limits=capabilities.AMPLITUDE_VPP,
        resolution=1e-3,
    ),
    Command(
        "SOURce{n}:VOLTage[:LEVel][:IMMediate]:OFFSet",
        "output{n}_offset_v",
        "Offset of output",
        "V",
        limits=capabilities.OFFSET_V,
        resolution=1e-3,
    ),
    Command("OUTPut{n}[:STATe]", "output{n}_on", "State of output", kind=bool),
    Command("AWGControl:RMODe", "run_mode", "Run mode", kind=str, words=("CONT", "TRIG", "GAT", "SEQ")),
    Command("AWGControl:RSTate", "run_state", "Run state", kind=int, settable=False),
    Command("SOURce1:ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT")),
    Command("TRIGger:SOURce", "trigger_source", "Trigger source", kind=str, words=("INT", "EXT")),
    Command("TRIGger:LEVel", "trigger_level_v", "Trigger level", "V", limits=Limits(-5, 5), resolution=0.05),
    Command("SEQuence:LENGth", "sequence_length", "Sequence length", kind=int, settable=False),
    Command("WLISt:SIZE", "n_waveforms", "Waveforms held", kind=int, settable=False),
)


@dataclass(slots=True)
class TektronixAwg5014:
    """An arbitrary waveform generator with four outputs that plays one sequence element a trigger.

    Element k of the sequence (from 1) is sweep point k − 1: it waits for the trigger, plays once and goes to itself; so
    the box stays at a point until it is told to jump.

    Attributes
    ----------
    link : Link
        To the instrument.
    instrument : Instrument
        Its entry in lab.toml; outputs that it doesn't name can't be used.
    """

    link: Link
    instrument: Instrument
    settings: Settings = field(init=False)
    _waveforms: WaveformList = field(init=False)
    _generation: int = -1
    _known: dict[str, Any] = field(default_factory=dict)
    _elements: list[tuple[dict[int, str], int, bool, int]] = field(default_factory=list)
    _body: AwgBody | None = None

    def __post_init__(self) -> None:
        outputs = tuple(sorted(self.instrument.output))
        limits = {f"output{n}_offset_v": Limits(*self.instrument.output[n].limits_v) for n in outputs}
        self.settings = Settings(self.link, COMMANDS, outputs, limits)
        self._waveforms = WaveformList(self.link)

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return self.settings.parameters()

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        return self.settings.get(name)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        self._check_span(name, value)
        self._known.pop(name, None)
        self.settings.set(name, value)

    def _check_span(self, name: str, value: Any) -> None:
        """Refuse an amplitude or offset whose full scale would leave the output's limits."""
        for number, output in self.instrument.output.items():
            pair = [f"output{number}_amplitude_vpp", f"output{number}_offset_v"]
            if name not in pair:
                continue
            checked = self.settings.checked(name, value)
            amplitude_vpp = checked if name == pair[0] else self.settings.get(pair[0])
            offset_v = checked if name == pair[1] else self.settings.get(pair[1])
            low, high = output.limits_v
            if not (low <= offset_v - amplitude_vpp / 2 and offset_v + amplitude_vpp / 2 <= high):
                raise LimitError(
                    f"{self.link.name}: output {number} would reach {offset_v - amplitude_vpp / 2:g} to "
                    f"{offset_v + amplitude_vpp / 2:g} V, outside [{low:g}, {high:g}] V",
                    instrument=self.link.name,
                )

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        source = "EXT" if self.instrument.reference == "external" else "INT"
        if self.settings.get("reference_source") != source:
            return False
        condition = parsed_int(self.link, self.link.query("STAT:QUES:COND?"), "the questionable condition")
        return not condition & _UNLOCKED

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
            If a waveform, an amplitude or the program's size is outside the limits; nothing has been sent.
        """
        try:
            body = AwgBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the program's body is not an AWG5014C's: {error}") from error
        check_program(body, program.blobs, self.instrument)
        self._body = None
        self._renew()
        self._put("run_mode", "SEQ")
        self._put("clock_hz", body.clock_hz)
        self._put("trigger_source", "EXT")
        self._put("trigger_level_v", body.trigger_level_v)
        for number, channel in body.channels.items():
            self._put(f"output{number}_amplitude_vpp", channel.amplitude_vpp)
            self._put(f"output{number}_offset_v", channel.offset_v)
        n_bytes, evicted = self._waveforms.hold(
            program.blobs, {d for steps in body.points for step in steps for d in step.waveforms.values()}
        )
        if evicted:
            self._elements = []
        self._sequence(body)
        self._body = body
        return n_bytes

    def _renew(self) -> None:
        """Stop, and forget what was known when the link has been reopened since."""
        self.link.write("AWGC:STOP")
        confirm(self.link, "AWGControl:STOP")
        if self.link.generation != self._generation:
            self._known.clear()
            self._elements = []
            self._waveforms.read()
            self._generation = self.link.generation

    def _put(self, name: str, value: Any) -> None:
        """Set a value unless it is known to be set."""
        if self._known.get(name) != value:
            self.settings.set(name, value)
            self._known[name] = value

    def _sequence(self, body: AwgBody) -> None:
        """Make the box's sequence that of the body, sending only what differs."""
        outputs = set(body.channels)
        if self._elements and set(self._elements[0][0]) != outputs:
            self._elements = []
        rows = _rows(body)
        with self.link.burst():
            self._write_sequence(rows)
        self._elements = []
        confirm(self.link, f"a sequence of {len(rows)} elements")
        n_held = parsed_int(self.link, self.link.query("SEQ:LENG?"), "the sequence length")
        if n_held != len(rows):
            raise RefusedError(f"{self.link.name} holds {n_held} sequence elements, not {len(rows)}")
        self._elements = rows

    def _write_sequence(self, rows: list[tuple[dict[int, str], int, bool, int]]) -> None:
        """Write what differs from the sequence that the box has."""
        if not self._elements:
            self.link.write("SEQ:LENG 0")
        if len(self._elements) != len(rows):
            self.link.write(f"SEQ:LENG {len(rows)}")
        for index, (element, n_loops, waits, goto) in enumerate(rows, 1):
            old, *rest = self._elements[index - 1] if index <= len(self._elements) else ({}, 0, False, 0)
            words = [
                f'SEQ:ELEM{index}:WAV{number} "{waveform_name(digest)}"'
                for number, digest in sorted(element.items())
                if old.get(number) != digest
            ]
            if rest != [n_loops, waits, goto]:
                words += [
                    f"SEQ:ELEM{index}:TWA {waits:d}",
                    f"SEQ:ELEM{index}:LOOP:COUN {n_loops}",
                    f"SEQ:ELEM{index}:GOTO:STAT {bool(goto):d}",
                    f"SEQ:ELEM{index}:GOTO:IND {goto or 1}",
                ]
            if words:
                self.link.write(";:".join(words))

    def start(self) -> None:
        """Switch outputs on and wait for triggers at the first point."""
        body = self._loaded()
        with self.link.burst():
            for number in sorted(self.instrument.output):
                self.link.write(f"OUTP{number} {int(number in body.channels)}")
            self.link.write("AWGC:RUN")
            self.link.query("*OPC?", _START_TIMEOUT_S)
        confirm(self.link, "AWGControl:RUN")
        state = parsed_int(self.link, self.link.query("AWGC:RST?"), "the run state")
        if state == 0:
            raise RefusedError(f"{self.link.name} did not start: its run state is 0 (stopped)")

    def select(self, point: int) -> None:
        """Play this point of the loaded program from the next trigger on; one round trip."""
        body = self._loaded()
        if not 0 <= point < len(body.points):
            raise RequestError(f"{self.link.name}: point = {point} is outside [0, {len(body.points) - 1}]")
        first = 1 + sum(len(steps) for steps in body.points[:point])
        confirm(self.link, f"a jump to element {first}", f"SEQ:JUMP:IMM {first};:SYST:ERR?")

    def stop(self) -> None:
        """Stop playing; leave the program loaded."""
        self.link.write("AWGC:STOP")
        confirm(self.link, "AWGControl:STOP")

    def safe(self) -> None:
        """Stop, and switch every output off."""
        self.link.write("AWGC:STOP")
        for number in range(1, capabilities.N_OUTPUTS + 1):
            self.link.write(f"OUTP{number} 0")
            self._known.pop(f"output{number}_on", None)
        confirm(self.link, "switching all outputs off")
        for number in range(1, capabilities.N_OUTPUTS + 1):
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
        if self._body is None:
            raise RequestError(f"{self.link.name}: no program is loaded", instrument=self.link.name)
        if self.link.generation != self._generation:
            raise DeviceError(
                f"{self.link.name}: the link was reopened since the program was loaded; load it again",
                instrument=self.link.name,
            )
        return self._body


def _rows(body: AwgBody) -> list[tuple[dict[int, str], int, bool, int]]:
    """Return waveforms, loops, whether it waits, and where it goes of each sequence element (0: to the next one)."""
    rows = []
    for steps in body.points:
        first = len(rows) + 1
        for k, step in enumerate(steps):
            rows.append((dict(step.waveforms), step.n_loops, k == 0, first if k == len(steps) - 1 else 0))
    return rows


def open_driver(instrument: Instrument, lab: Lab) -> TektronixAwg5014:
    """Open the link, check the identity, set the reference."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("TEKTRONIX", "AWG5014"))
    device = TektronixAwg5014(link, instrument)
    device.prepare()
    return device
