"""Emulated Keysight Infiniium S-series oscilloscope: four inputs, averaging, segmented memory, fast block reads.

Source: Keysight Infiniium Oscilloscopes Programmer's Guide (ACQuire, CHANnel, TIMebase, TRIGger, WAVeform, root and
status commands; preamble of 24 fields; WAVeform:STReaming decides between ``#0`` and a definite length;
WAVeform:SEGMented:ALL sends every segment in one block; SYSTem:ERRor? answers a number unless asked for STRing; ADER?,
AER?, PDER? and TER? are cleared by reading). Command set in use also seen in the QCoDeS driver
``Keysight/Infiniium.py``. A 10-bit converter spans the range with 1,024 levels of 60 word codes.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import QctlError
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["KeysightInfiniium"]

MAX_SEGMENTS = 65_536
MAX_POINTS = 100_000_000
_MIN_POINTS = 16
_MAX_RATE_HZ = 20e9
_CODES = 61_440
_STEP = _CODES // 1024
_CLIP = _CODES // 2
_RATES = tuple(m * 10.0**e for e in range(3, 11) for m in (1, 2, 2.5, 4, 5) if m * 10.0**e <= _MAX_RATE_HZ)
_REFERENCE = {"LEFT": 0.0, "CENT": 0.5, "RIGH": 1.0}


class KeysightInfiniium(Box):
    """The oscilloscope; records come from the plant in volts and leave as converter codes."""

    idn = "KEYSIGHT TECHNOLOGIES,DSOS104A,{serial},06.40.00901"
    kind = "digitizer"
    n_inputs = 4
    own_faults = Box.own_faults | {"silence"}

    def commands(self) -> None:
        """Add the commands of the guide's subsystems."""
        self.arm_event = self.trigger_event = self.done_event = self.processed_event = 0
        self._codes: dict[int, NDArray[np.int16]] = {}
        self._scale: dict[int, tuple[float, float]] = {}
        self._taken: dict[str, Any] = {}
        self._acquiring = False
        self._settling: list[asyncio.Future[None]] = []
        self._acquire_group()
        self._input_group()
        self._time_and_trigger_group()
        self._waveform_group()
        self._root_group()

    def _acquire_group(self) -> None:
        self.choice("ACQuire:MODE", "mode", "RTIM", "RTIMe|ETIMe|PDETect|HRESolution|SEGMented|SEGPdetect|SEGHres")
        self.switch("ACQuire:AVERage", "average")
        self.integer("ACQuire[:AVERage]:COUNt", "n_averages", 16, 2, 65534)
        self.integer("ACQuire:SEGMented:COUNt", "n_segments", 2, 2, MAX_SEGMENTS)
        self.integer("ACQuire:SEGMented:INDex", "segment", 1, 1, MAX_SEGMENTS)
        self.setting("ACQuire:POINts[:ANALog]", "n_points", 100_000, self._points)
        self.switch("ACQuire:POINts:AUTO", "points_auto", True)
        self.setting("ACQuire:SRATe[:ANALog]", "rate_hz", 20e9, self._rate, "{:.5E}".format)
        self.switch("ACQuire:SRATe[:ANALog]:AUTO", "rate_auto", True)
        self.switch("ACQuire:INTerpolate", "interpolate", True)
        self.integer("ACQuire:COMPlete", "complete_pct", 90, 0, 100)
        self.choice("ACQuire:COMPlete:STATe", "complete_state", "ON", "ON|OFF")
        self.setting("ACQuire:BANDwidth", "bandwidth_hz", 1e9, _bandwidth, "{:.5E}".format)
        add = self.table.add
        add("ACQuire:POINts[:ANALog]:TESTLIMITS?", lambda s, a: f"1,<numeric>{_MIN_POINTS}:{MAX_POINTS}")
        add("ACQuire:SRATe[:ANALog]:TESTLIMITS?", lambda s, a: "1,<numeric>1.0E+03:2.0E+10")
        add("ACQuire:BANDwidth:TESTLIMITS?", lambda s, a: "1,<numeric>1.0E+07:1.0E+09")

    def _input_group(self) -> None:
        self.number("CHANnel<4>:RANGe", "range_v", 0.8, 8e-3, 40.0, changed=self._range_set)
        self.table.add("CHANnel<4>:SCALe", self._set_scale, 1)
        self.table.add("CHANnel<4>:SCALe?", lambda s, a: f"{self.value('range_v', s[0]) / 8:.9E}")
        self.number("CHANnel<4>:OFFSet", "offset_v", 0.0, -20.0, 20.0)
        self.switch("CHANnel<4>:DISPlay", "shown")
        self.choice("CHANnel<4>:INPut", "input", "DC50", "DC|DC50|DCFifty|AC|LFR1|LFR2")
        self.put("shown", True, 1)

    def _time_and_trigger_group(self) -> None:
        self.number("TIMebase:RANGe", "time_range_s", 5e-6, 5e-12, 200.0)
        self.number("TIMebase:SCALe", "time_scale_s", 5e-7, 5e-13, 20.0)
        self.number("TIMebase[:POSition]", "position_s", 0.0, -1e4, 1e4)
        self.choice("TIMebase:REFerence", "time_reference", "CENT", "LEFT|CENTer|RIGHt")
        self.switch("TIMebase:REFClock", "reference_on", changed=self.reference_changed)
        self.switch("TIMebase:ROLL:ENABLE", "roll")
        self.choice("TRIGger:MODE", "trigger_mode", "EDGE", "EDGE|GLITch|PATTern|STATe|TIMeout|ADVanced")
        self.choice("TRIGger:SWEep", "trigger_sweep", "AUTO", "AUTO|TRIGgered|SINGle")
        sources = arg.spellings("AUX|LINE") | {f"{n}{k}": f"CHAN{k}" for k in range(1, 5) for n in ("CHAN", "CHANNEL")}
        self.setting("TRIGger:EDGE:SOURce", "trigger_source", "CHAN1", lambda a: arg.choice(a, sources))
        self.choice("TRIGger:EDGE:SLOPe", "trigger_slope", "POS", "POSitive|NEGative|EITHer")
        self.choice("TRIGger:EDGE:COUPling", "trigger_coupling", "DC", "AC|DC|LFReject|HFReject")
        self.number("TRIGger:HOLDoff", "holdoff_s", 80e-9, 80e-9, 10.0)
        self._defaults["trigger_level_v"] = 0.0
        self.table.add("TRIGger:LEVel", self._set_level, 2)
        self.table.add("TRIGger:LEVel?", self._show_level, 1)

    def _waveform_group(self) -> None:
        sources = {f"{n}{k}": f"CHAN{k}" for k in range(1, 5) for n in ("CHAN", "CHANNEL")}
        self.setting("WAVeform:SOURce", "source", "CHAN1", lambda a: arg.choice(a, sources))
        self.choice("WAVeform:FORMat", "format", "BYTE", "ASCii|BINary|BYTE|WORD|FLOat")
        self.choice("WAVeform:BYTeorder", "byte_order", "MSBF", "MSBFirst|LSBFirst")
        self.switch("WAVeform:STReaming", "streaming")
        self.choice("WAVeform:VIEW", "view", "ALL", "ALL|MAIN|WINDow")
        self.switch("WAVeform:SEGMented:ALL", "all_segments")
        add = self.table.add
        add("WAVeform:SEGMented:COUNt?", lambda s, a: str(self._taken.get("n_records", 0)))
        add("WAVeform:DATA?", lambda s, a: self._read(a), 0, 2)
        for number, name in enumerate(("POINts", "COUNt", "XINCrement", "XORigin", "XREFerence", "YINCrement",
                                       "YORigin", "YREFerence"), start=2):  # fmt: skip
            add(f"WAVeform:{name}?", partial(self._field, number))
        add("WAVeform:TYPE?", lambda s, a: {"1": "RAW", "2": "AVER"}[self._preamble()[1]])
        add("WAVeform:XUNits?", lambda s, a: "SEC")
        add("WAVeform:YUNits?", lambda s, a: "VOLT")
        add("WAVeform:COMPlete?", lambda s, a: "100")
        add("WAVeform:PREamble?", lambda s, a: ",".join(self._preamble()))

    def _root_group(self) -> None:
        add = self.table.add
        self.switch("SYSTem:HEADer", "header")
        self.switch("SYSTem:LONGform", "longform")
        add("DIGitize", lambda s, a: self._start(a), 0, 4)
        add("SINGle", lambda s, a: self._start([]))
        add("RUN", lambda s, a: self._start([]))
        add("STOP", lambda s, a: self._stop())
        add("CDISplay", lambda s, a: None)
        add("RSTate?", lambda s, a: "SING" if self.pending() else "STOP")
        add("ASTate?", lambda s, a: "ARM" if self.pending() else "ADONE")
        add("AER?", lambda s, a: self._event("arm_event"))
        add("TER?", lambda s, a: self._event("trigger_event"))
        add("ADER?", lambda s, a: self._done_soon() if self._acquiring else self._event("done_event"))
        add("PDER?", lambda s, a: self._event("processed_event"))

    # settings that need care -----------------------------------------------------------------------

    def _points(self, argument: Any) -> int:
        if isinstance(argument, str) and argument.upper() == "AUTO":
            self.put("points_auto", True)
            return int(self.value("n_points"))
        self.put("points_auto", False)
        return arg.integer(argument, _MIN_POINTS, MAX_POINTS, 100_000)

    def _rate(self, argument: Any) -> float:
        if isinstance(argument, str) and argument.upper() in ("AUTO", "MAX"):
            self.put("rate_auto", argument.upper() == "AUTO")
            return _MAX_RATE_HZ
        self.put("rate_auto", False)
        wanted = arg.number(argument, _RATES[0], _MAX_RATE_HZ, _MAX_RATE_HZ)
        return next(rate for rate in _RATES if rate >= wanted * (1 - 1e-9))

    def _range_set(self, *suffixes: int) -> None:
        self.put("shown", True, *suffixes)

    def _set_scale(self, suffixes: tuple[int, ...], args: list[Any]) -> None:
        self.put("range_v", 8 * arg.number(args[0], 1e-3, 5.0), *suffixes)

    def _set_level(self, suffixes: tuple[int, ...], args: list[Any]) -> None:
        self.put("trigger_level_v", arg.number(args[1], -5.0, 5.0), _input(args[0], _LEVELS))

    def _show_level(self, suffixes: tuple[int, ...], args: list[Any]) -> str:
        return f"{self.value('trigger_level_v', _input(args[0], _LEVELS)):.9E}"

    def next_error(self, args: list[Any]) -> str:
        """Answer the oldest error: its number, and its text when asked for STRing."""
        number, text = self.status.pop()
        if args and arg.choice(args[0], _ERROR_FORMS) == "STR":
            return self.show_error(number, text)
        return str(number)

    # acquisition -----------------------------------------------------------------------------------

    def pending(self) -> bool:
        """Return whether an acquisition is under way."""
        return self._acquiring

    async def settle(self) -> None:
        """Wait until the acquisition is done."""
        await super().settle()
        if self._acquiring:
            self._settling.append(asyncio.get_running_loop().create_future())
            await self._settling[-1]

    def _start(self, args: list[Any]) -> None:
        self._end()
        for word in args:
            self.put("shown", True, _input(word, _INPUTS))
        self.arm_event = self.trigger_event = self.done_event = self.processed_event = 0
        inputs = [k for k in range(1, 5) if self.value("shown", k)]
        if not inputs:
            raise refusal(-221, "no input is on")
        segmented = self.value("mode").startswith("SEG")
        averaged = bool(self.value("average")) and not segmented
        n_records = self.value("n_segments") if segmented else self.value("n_averages") if averaged else 1
        rate_hz = self.value("rate_hz")
        n_points = self.value("n_points")
        if self.value("points_auto"):
            n_points = max(_MIN_POINTS, min(MAX_POINTS, round(self.value("time_range_s") * rate_hz)))
        if segmented and n_records * n_points > MAX_POINTS:
            raise refusal(-222, f"{n_records} segments of {n_points} points are over {MAX_POINTS}")
        delay_s = self.value("position_s") - _REFERENCE[self.value("time_reference")] * n_points / rate_hz
        taken = {
            "inputs": inputs, "rate_hz": rate_hz, "delay_s": delay_s, "n_points": n_points, "averaged": averaged,
            "n_records": n_records if segmented else 0, "n_averages": n_records if averaged else 0,
        }  # fmt: skip
        self.plant.arm(inputs, rate_hz, delay_s, n_points, n_records, averaged, partial(self._take, taken))
        self._acquiring = True
        self.arm_event = 1

    def _take(self, taken: dict[str, Any], volts: NDArray[np.float32] | QctlError) -> None:
        """Convert what the plant says was at the inputs, at once: later commands find the records."""
        if not self._acquiring or "silence" in self.faults:
            return
        if isinstance(volts, QctlError):
            self.status.push(-300, volts.message[:255])
            self._end()
            return
        self._codes.clear()
        inputs, step = taken["inputs"], 1 if taken["averaged"] else _STEP
        scales = [(self.value("range_v", number) / _CODES, self.value("offset_v", number)) for number in inputs]
        self._scale |= zip(inputs, scales, strict=True)
        if len(volts) == 1 and scales.count(scales[0]) == len(scales):
            codes = _convert(volts[0], *scales[0], step)
            self._codes |= {number: codes[place : place + 1] for place, number in enumerate(inputs)}
        else:
            for place, (number, scale) in enumerate(zip(inputs, scales, strict=True)):
                self._codes[number] = _convert(volts[:, place, :], *scale, step)
        self._taken = taken | {"time_s": time.time()}
        self.trigger_event = self.done_event = self.processed_event = 1
        self._end()

    async def _stop(self) -> None:
        if self._acquiring:
            self._end()
            await self.plant.disarm()

    def _end(self) -> None:
        """Note that no acquisition is under way, and tell those who wait for that."""
        self._acquiring = False
        settling, self._settling = self._settling, []
        for future in settling:
            if not future.done():
                future.set_result(None)

    def _event(self, name: str) -> str:
        value = getattr(self, name)
        setattr(self, name, 0)
        return str(value)

    async def _done_soon(self) -> str:
        """Answer after the plant's socket has been read once more: what came before the question is heard before it."""
        for _ in range(2):
            await asyncio.sleep(0)
        return self._event("done_event")

    def clear(self) -> None:
        """Stop an acquisition that a device clear finds."""
        self._end()

    def reset(self) -> Any:
        """Do what ``*RST`` does."""
        super().reset()
        self.put("shown", True, 1)
        self._codes.clear()
        self._taken = {}
        return self._stop()

    # reading -----------------------------------------------------------------------------------------

    def _input(self) -> int:
        number = int(self.value("source")[-1])
        if number not in self._codes:
            raise refusal(-230, f"no record of CHAN{number}")
        return number

    def _field(self, number: int, suffixes: tuple[int, ...], args: list[Any]) -> str:
        return self._preamble()[number]

    def _preamble(self) -> list[str]:
        number, taken = self._input(), self._taken
        scale_v, offset_v = self._scale[number]
        form = {"ASC": 0, "BYTE": 1, "WORD": 2, "BIN": 1, "FLO": 5}[self.value("format")]
        unit_v = scale_v * (256 if form == 1 else 1)
        step_s, n_points = 1 / taken["rate_hz"], taken["n_points"]
        now = time.gmtime(taken["time_s"])
        mode = 3 if taken["n_records"] else 0
        return [
            str(form), "2" if taken["averaged"] else "1", str(n_points), str(taken["n_averages"] or 1),
            f"{step_s:.12E}", f"{taken['delay_s']:.12E}", "0", f"{unit_v:.12E}", f"{offset_v:.12E}", "0", "3",
            f"{n_points * step_s:.12E}", f"{taken['delay_s']:.12E}", f"{scale_v * _CODES:.12E}", f"{offset_v:.12E}",
            f'"{time.strftime("%d %b %Y", now).upper()}"', f'"{time.strftime("%H:%M:%S", now)}:00"',
            f'"DSOS104A:{self.config.serial}"', str(mode), "100", "2", "1", "1.00000E+09", "0.00000E+00",
        ]  # fmt: skip

    def _read(self, args: list[Any]) -> Any:
        number = self._input()
        codes = self._codes[number]
        if self._taken["n_records"] and not self.value("all_segments"):
            segment = min(self.value("segment"), len(codes))
            codes = codes[segment - 1 : segment]
        n_points = codes.shape[1]
        start = arg.integer(args[0], 0, n_points - 1) if args else 0
        size = arg.integer(args[1], 1) if len(args) > 1 else n_points
        if start or size < n_points:
            codes = codes[:, start : start + size]
        form = self.value("format")
        if form in ("ASC", "FLO"):
            scale_v, offset_v = self._scale[number]
            volts = codes.astype(np.float32).ravel() * np.float32(scale_v) + np.float32(offset_v)
            if form == "ASC":
                return ",".join(f"{value:.7E}" for value in volts)
            raw = volts
        elif form == "WORD":
            raw = np.ascontiguousarray(codes)
        else:
            raw = (codes >> 8).astype(np.int8)
        if self.value("byte_order") == "MSBF" and raw.itemsize > 1:
            raw = raw.byteswap()
        length = str(raw.nbytes)
        head = b"#0" if self.value("streaming") else f"#{len(length)}{length}".encode()
        return [head, memoryview(raw).cast("B")]


_ERROR_FORMS = arg.spellings("NUMBer|STRing")
_INPUTS = {name: str(k) for k in range(1, 5) for name in (f"CHAN{k}", f"CHANNEL{k}")}
_LEVELS = _INPUTS | {"AUX": "0"}


def _input(argument: Any, known: dict[str, str]) -> int:
    return int(arg.choice(argument, known))


def _bandwidth(argument: Any) -> float:
    word = str(argument).upper()
    return 1e9 if word in ("AUTO", "MAX") else arg.number(argument, 1e7, 1e9, 1e9)


def _convert(volts: NDArray[np.float32], scale_v: float, offset_v: float, step: int) -> NDArray[np.int16]:
    """Return converter codes of (n_records, n_samples) volts; out of range clips."""
    levels = np.subtract(volts, np.float32(offset_v), dtype=np.float32)
    levels *= np.float32(1 / (scale_v * step))
    np.rint(levels, out=levels)
    if step > 1:
        levels *= np.float32(step)
    np.maximum(levels, -_CLIP, out=levels)  # np.clip takes three times as long for an average
    np.minimum(levels, _CLIP, out=levels)
    return levels.astype("<i2")
