"""Drive a Keysight Infiniium S-series oscilloscope as a digitizer: set up, arm, read averaged or segmented records.

Source: Keysight Infiniium Oscilloscopes Programmer's Guide: :ACQuire:MODE, :AVERage, :AVERage:COUNt, :COMPlete,
:POINts[:ANALog], :SEGMented:COUNt, :SRATe[:ANALog]; :CHANnel<n>:DISPlay, :INPut, :OFFSet, :RANGe; :TIMebase:POSition,
:RANGe, :REFerence, :REFClock; :TRIGger:MODE, :EDGE:SOURce, :EDGE:SLOPe, :LEVel, :SWEep; :WAVeform:BYTeorder, :DATA?,
:FORMat, :PREamble?, :SEGMented:ALL, :SEGMented:COUNt?, :SOURce, :STReaming; :SINGle, :STOP, :AER?, :ADER?;
:SYSTem:HEADer, :ERRor?. The public drivers QCoDeS `KeysightInfiniium` (preamble) and BlackChirp `dsov204a` (segments,
averages) use them the same way. :DIGitize is not used: it blocks the box until the triggers have come.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Recording
from qctl.errors import DeviceError, DeviceTimeoutError, RefusedError, RequestError
from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.confirm import confirm, confirm_and_ask, parsed_float, parsed_int
from qctl.instruments.keysight_infiniium import capabilities as can
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.instruments.keysight_infiniium.checks import check_program
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.loaded import loaded
from qctl.instruments.set_by_commands import SetByCommands
from qctl.instruments.settings import Settings
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits

__all__ = ["COMMANDS", "KeysightInfiniium", "open_driver"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5e-5, 5e-3
_ARM_TIMEOUT_S = 2.0
_BLOCK_TIMEOUT_S = 30.0
_TABLE = can.TABLES[can.MODEL]
_LIMITS = {name: one.limits for name, one in _TABLE.settings.items()}
_ERRORS = ":SYST:ERR? STR"
_ARM = ":SING;:AER?"
_N_ASKED_FIRST, _MOST_ASKED_FIRST = 8, 4096
"""Reads that ask before they arm again, after one that did not ask came too early; twice as many after the next."""

COMMANDS = (
    Command("*IDN", "identity", "Identity", kind=str, settable=False),
    Command(
        ":CHANnel{n}:RANGe", "input{n}_range_v", "Full scale of input", "V", limits=_LIMITS["range_v"], resolution=1e-3
    ),
    Command(":CHANnel{n}:OFFSet", "input{n}_offset_v", "Offset of input", "V", limits=Limits(-4, 4), resolution=1e-3),
    Command(
        ":ACQuire:SRATe[:ANALog]",
        "rate_hz",
        "Sample rate",
        "Hz",
        limits=limit(_TABLE, "clocks.sample.hz").limits,
        resolution=1,
    ),
    Command(
        ":ACQuire:POINts[:ANALog]",
        "n_samples",
        "Samples of a record",
        kind=int,
        limits=limit(_TABLE, "channels.input.length").limits,
    ),
    Command(":ACQuire:MODE", "mode", "Acquisition mode", kind=str, words=("RTIM", "SEGM")),
    Command(":ACQuire:AVERage", "averaged", "Averaging", kind=bool),
    Command(
        ":ACQuire:AVERage:COUNt",
        "n_averages",
        "Shots averaged",
        kind=int,
        limits=_LIMITS["n_averages"],
    ),
    Command(
        ":ACQuire:SEGMented:COUNt",
        "n_segments",
        "Records of an acquisition",
        kind=int,
        limits=_LIMITS["n_segments"],
    ),
    Command(
        ":TIMebase:POSition",
        "delay_s",
        "From the trigger to the record",
        "s",
        limits=_LIMITS["delay_s"],
        resolution=1e-9,
    ),
)


@dataclass(slots=True)
class KeysightInfiniium(SetByCommands):
    """An oscilloscope that records its inputs at each trigger of its auxiliary input."""

    _body: DigitizerBody | None = None
    _generation: int = -1
    _scales: NDArray[np.float64] | None = None
    _vertical: tuple[Any, ...] = ()
    _n_asked_first: int = 0
    _n_to_ask_first: int = _N_ASKED_FIRST

    def __post_init__(self) -> None:
        self.settings = Settings(self.link, COMMANDS, tuple(sorted(self.instrument.input)), error_query=_ERRORS)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it; a loaded program is forgotten."""
        self.forget()
        self.settings.set(name, value)

    def prepare(self) -> None:
        """Clear the status, answer without headers, and take the reference that lab.toml names."""
        self.link.write("*CLS")
        self.link.write(":SYST:HEAD OFF")
        if self.instrument.reference is not None:
            self.link.write(f":TIM:REFC {int(self.instrument.reference == 'external')}")
        confirm(self.link, "the reference clock", _ERRORS)

    def load(self, program: DeviceProgram) -> int:
        """Set up rate, length, delay, mode and count; return 0, for no waveform bytes are sent.

        Raises
        ------
        LimitError
            If something is outside the limits; nothing has been sent.
        """
        try:
            body = DigitizerBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the program's body is not an Infiniium's: {error}") from error
        check_program(body, self.instrument)
        if body == self._body and self.link.generation == self._generation:
            return 0
        self._body = None
        # Codes mean the same volts as long as nothing vertical changes: that is asked for once, not in each run.
        vertical = (self.link.generation, body.inputs, body.range_v, body.averaged)
        if vertical != self._vertical:
            self._scales, self._vertical = None, ()
        self.link.write(_setup(body, self.instrument))
        self._read_back(body)
        self._generation = self.link.generation
        self._vertical = vertical if vertical[0] == self._generation else ()
        self._body = body
        return 0

    def _read_back(self, body: DigitizerBody) -> None:
        """Ask whether the setup was accepted, and for what may be rounded; events of earlier blocks are cleared."""
        queries = (_ERRORS, ":ACQ:SRAT:ANAL?", ":ACQ:POIN:ANAL?", ":AER?", ":ADER?")
        rate_hz, n_samples, *_ = confirm_and_ask(self.link, "the record's settings", queries, errors=_ERRORS)
        for name, wanted, got in (("rate_hz", body.rate_hz, rate_hz), ("n_samples", body.n_samples, n_samples)):
            if parsed_float(self.link, got, name) != wanted:
                raise RefusedError(
                    f"{self.link.name}: {name} was set to {wanted:.12g} but reads {got}", instrument=self.link.name
                )

    def arm(self) -> None:
        """Be ready for the next trigger when this returns; one round trip unless the box is slow to arm."""
        self._loaded()
        self._await_armed(self.link.query(_ARM))

    def _await_armed(self, armed: str) -> None:
        """Return when the armed event has come; `armed` is the first answer."""
        if not self._comes(":AER?", "the armed event", _ARM_TIMEOUT_S, armed):
            confirm(self.link, ":SINGle", _ERRORS)
            raise DeviceTimeoutError(f"{self.link.name} is not armed after {_ARM_TIMEOUT_S:g} s")

    def _comes(self, ask: str, what: str, timeout_s: float, answer: str | None = None) -> bool:
        """Ask for an event, ever more slowly, until it has come; say whether it did in time."""
        end_s, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
        if answer is None:
            answer = self.link.query(ask)
        while parsed_int(self.link, answer, what) == 0:
            if time.monotonic() > end_s:
                return False
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            answer = self.link.query(ask)
        return True

    def read(self, rearm: bool = False) -> Recording | None:
        """Wait until the armed acquisition is complete, and return it.

        An average that is read with `rearm` takes one round trip: the box says whether the acquisition was done, sends
        it and arms again. If it was not done it is lost, and None is returned; the next reads ask first.

        Raises
        ------
        DeviceTimeoutError
            If the triggers don't come within the instrument's time-out.
        """
        body = self._loaded()
        ask = ";".join([f":WAV:SOUR CHAN{number};:WAV:DATA?" for number in body.inputs])
        if rearm and body.averaged and self._scales is not None and not self._n_asked_first:
            words, blocks, armed = self.link.query_mixed(f":ADER?;{ask};{_ARM}", 1, len(body.inputs))
            self._await_armed(armed)
            if parsed_int(self.link, words[0], "the acquisition done event"):
                self._n_to_ask_first = _N_ASKED_FIRST
                return self._recording(body, blocks, self._scales)
            self._n_asked_first = self._n_to_ask_first
            self._n_to_ask_first = min(2 * self._n_to_ask_first, _MOST_ASKED_FIRST)
            return None
        self._n_asked_first = max(0, self._n_asked_first - 1)
        if not self._comes(":ADER?", "the acquisition done event", self.instrument.timeout_s):
            self.stop()
            raise DeviceTimeoutError(
                f"{self.link.name}: {body.n_records} triggers did not come in {self.instrument.timeout_s:g} s",
                instrument=self.link.name,
            )
        timeout_s = None if body.averaged else _BLOCK_TIMEOUT_S
        if rearm and self._scales is not None:
            _, blocks, armed = self.link.query_mixed(f"{ask};{_ARM}", 0, len(body.inputs), timeout_s)
            self._await_armed(armed)
        else:
            blocks = self.link.query_blocks(ask, len(body.inputs), timeout_s)
            if self._scales is None:
                self._scales = self._read_scales(body)
            if rearm:
                self.arm()
        return self._recording(body, blocks, self._scales)

    def _recording(self, body: DigitizerBody, blocks: list[memoryview], scales: NDArray[np.float64]) -> Recording:
        """Return the records of each input's block."""
        n_records = 1 if body.averaged else body.n_records
        codes = np.empty((n_records, len(body.inputs), body.n_samples), np.int16)
        for index, block in enumerate(blocks):
            got = np.frombuffer(block, "<i2") if len(block) % 2 == 0 else np.empty(0, "<i2")
            if got.size != n_records * body.n_samples:
                raise DeviceError(
                    f"{self.link.name}: input {body.inputs[index]} sent {len(block)} bytes instead of {n_records} "
                    f"records of {body.n_samples} samples",
                    instrument=self.link.name,
                )
            codes[:, index] = got.reshape(n_records, body.n_samples)
        return Recording(codes, scales[0], scales[1], body.rate_hz, body.n_records if body.averaged else 1)

    def _read_scales(self, body: DigitizerBody) -> NDArray[np.float64]:
        """Return volts per code and volts at code 0 of each input: fields 8 and 9 of the preamble."""
        found = []
        for number in body.inputs:
            fields = self.link.query(f":WAV:SOUR CHAN{number};:WAV:PRE?").split(",")
            if len(fields) < 10:
                raise DeviceError(f"{self.link.name}: a preamble of {len(fields)} fields", instrument=self.link.name)
            found.append([parsed_float(self.link, text, "a scale of the preamble") for text in fields[7:9]])
        return np.array(found, np.float64).T

    def stop(self) -> None:
        """Abandon an armed acquisition."""
        self.link.query(":STOP;:AER?;:ADER?")

    def safe(self) -> None:
        """Stop; a digitizer has no outputs."""
        self.link.write(":STOP")
        confirm(self.link, ":STOP", _ERRORS)

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body = None
        self._vertical = ()

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _loaded(self) -> DigitizerBody:
        return loaded(self._body, self.link, self._generation)


def _setup(body: DigitizerBody, instrument: Instrument) -> str:
    """Return the message that sets a box up."""
    texts = [
        ":STOP",
        *(
            f":CHAN{number}:DISP {int(number in body.inputs)}"
            for number in range(1, _TABLE.channels["input"].number.most + 1)
        ),
    ]
    for number, range_v in zip(body.inputs, body.range_v, strict=True):
        offset_v = instrument.input[number].offset_v
        texts.append(f":CHAN{number}:INP DC50;:CHAN{number}:RANG {range_v:.9g};:CHAN{number}:OFFS {offset_v:.9g}")
    texts += [
        ":TRIG:MODE EDGE;:TRIG:EDGE:SOUR AUX;:TRIG:EDGE:SLOP POS",
        f":TRIG:LEV AUX,{body.trigger_level_v:.9g};:TRIG:SWE TRIG",
        ":ACQ:MODE RTIM" if body.averaged or body.n_records == 1 else f":ACQ:MODE SEGM;:ACQ:SEGM:COUN {body.n_records}",
        f":ACQ:AVER:COUN {body.n_records};:ACQ:AVER 1" if body.averaged and body.n_records > 1 else ":ACQ:AVER 0",
        ":ACQ:COMP 100",
        f":ACQ:SRAT:ANAL {body.rate_hz:.12g};:ACQ:POIN:ANAL {body.n_samples}",
        f":TIM:REF LEFT;:TIM:RANG {body.n_samples / body.rate_hz:.12g};:TIM:POS {body.delay_s:.12g}",
        ":WAV:FORM WORD;:WAV:BYT LSBF;:WAV:STR 0;:WAV:SEGM:ALL 1",
    ]
    return ";".join(texts)


def open_driver(instrument: Instrument, lab: Lab) -> KeysightInfiniium:
    """Open the link, check the identity, set the reference."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("KEYSIGHT TECHNOLOGIES", ""))
    device = KeysightInfiniium(link, instrument)
    device.prepare()
    return device
