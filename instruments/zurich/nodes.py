"""Which nodes a program's settings are: for each core and readout channel the paths below its device, and the values.

Source: HDAWG, SHFSG, SHFQA, SHFQC user manuals, Device node tree; laboneq 26.7, ``controller/devices`` (synthesizers of
an SHFQC's signal generators begin at 1; a channel's own trigger input is 0 and the internal trigger 8 in
``auxtriggers``; ``diozsyncswitch`` and ``dios`` of boxes on a PQSC; an HDAWG's modulation mode for mixers is 6, its
phase shift then 90 degrees).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qctl.instruments.zurich import uhfqa
from qctl.instruments.zurich.body import Core, Readout

__all__ = [
    "EXTERNAL",
    "INTERNAL",
    "ZSYNC",
    "Setting",
    "log_of",
    "off_settings",
    "on_settings",
    "place_of",
    "power_dbm",
    "reference_of",
    "reference_source",
    "settings_of",
]

Setting = tuple[str, Any]
EXTERNAL, INTERNAL = 0, 8
"""auxtriggers/0/channel: trigger input, and the device's own trigger."""
ZSYNC = -1
"""A trigger by ZSync, which comes by no such input."""
_QCCS, _DRIVEN = 3, 0b1100
"""dios/0: its mode for ZSync, and the bytes that it drives then."""
_MIXER = 6
_LO_HZ = 100e6
_SHF_DBM_STEP = 5


def power_dbm(vpp: float) -> float:
    """Return the power of a sine wave into 50 ohm, to the next 5 dB that the boxes have."""
    return float(_SHF_DBM_STEP * round(10 * math.log10((vpp / 2) ** 2 / (2 * 50) * 1e3) / _SHF_DBM_STEP))


def place_of(model: str, one: Core | Readout) -> str:
    """Return where the nodes of a sequencer are."""
    if model == uhfqa.MODEL:
        return uhfqa.PLACE
    if isinstance(one, Readout):
        return f"qachannels/{one.number}/generator"
    return f"awgs/{one.number}" if model == "zurich-hdawg" else f"sgchannels/{one.number}/awg"


def log_of(model: str, one: Readout) -> str:
    """Return where the nodes of a result logger are."""
    return uhfqa.RESULT if model == uhfqa.MODEL else f"qachannels/{one.number}/readout/result"


def on_settings(model: str, one: Core | Readout) -> list[Setting]:
    """Return what switches the connectors of a sequencer on, and its logger."""
    if isinstance(one, Core):
        if model == "zurich-hdawg":
            return [(f"sigouts/{output - 1}/on", 1) for output in one.outputs]
        return [(f"sgchannels/{one.number}/output/on", 1)]
    if model == uhfqa.MODEL:
        return uhfqa.on_settings(one)
    place = f"qachannels/{one.number}"
    found: list[Setting] = [(f"{place}/output/on", 1)] if one.outputs else []
    if one.integrators:
        found += [(f"{place}/input/on", 1), (f"{log_of(model, one)}/enable", 1)]
    return found


def reference_source(model: str, reference: str | None, by_zsync: bool) -> int:
    """Return what the source of a box's reference clock is set to, for what lab.toml says and how it is triggered."""
    if reference != "external" or model == uhfqa.MODEL:
        return int(reference == "external")
    return 2 if by_zsync else 1


def reference_of(model: str) -> tuple[str, str]:
    """Return the nodes of the reference clock: its source, and whether it is locked to that; a UHFQA doesn't say."""
    if model == uhfqa.MODEL:
        return "system/extclk", ""
    place = "system/clocks/referenceclock" + ("" if model == "zurich-hdawg" else "/in")
    return f"{place}/source", f"{place}/status"


def settings_of(model: str, one: Core | Readout, trigger: int) -> list[Setting]:
    """Return what a sequencer, its outputs and inputs are set to, but for what switches them on."""
    place = place_of(model, one)
    common: list[Setting] = [(f"{place}/single", 1)]
    if trigger == ZSYNC:
        common += _zsync(model, one, place)
    else:
        common += [(f"{place}/auxtriggers/0/channel", trigger), (f"{place}/auxtriggers/0/slope", 1)]
    if isinstance(one, Readout):
        return common + (uhfqa.readout_settings(one) if model == uhfqa.MODEL else _readout(one))
    return common + (_pair(one) if model == "zurich-hdawg" else _channel(model, one))


def _zsync(model: str, one: Core | Readout, place: str) -> list[Setting]:
    """Return what a sequencer hears ZSync by; a readout channel always does."""
    if isinstance(one, Readout):
        return []
    if model != "zurich-hdawg":
        return [(f"{place}/diozsyncswitch", 1)]
    found: list[Setting] = [("dios/0/mode", _QCCS), ("dios/0/drive", _DRIVEN)]
    return [*found, (f"{place}/dio/strobe/slope", 0), (f"{place}/dio/valid/polarity", 0)]


def _channel(model: str, core: Core) -> list[Setting]:
    """Return the settings of a signal generator channel."""
    place = f"sgchannels/{core.number}"
    synthesizer = core.number // 2 + (model == "zurich-shfqc")
    return [
        (f"synthesizers/{synthesizer}/centerfreq", core.lo_hz),
        (f"{place}/output/range", power_dbm(core.range_v[0])),
        (f"{place}/output/rflfpath", 1),
        (f"{place}/awg/outputamplitude", 1.0),
        (f"{place}/awg/modulation/enable", 1),
        *((f"{place}/oscs/{k}/freq", hz) for k, hz in enumerate(core.oscillators_hz)),
    ]


def _pair(core: Core) -> list[Setting]:
    """Return the settings of a pair of HDAWG outputs."""
    place, mode = f"awgs/{core.number}", _MIXER if core.modulated else 0
    found: list[Setting] = [(f"{place}/outputs/{k}/modulation/mode", mode) for k in (0, 1)]
    cos, sin = math.cos(core.mixer_phase_rad), math.sin(core.mixer_phase_rad)
    rows = ((1.0, 0.0), (core.mixer_gain * sin, core.mixer_gain * cos)) if core.modulated else ((1.0, 0.0), (0.0, 1.0))
    found += [(f"{place}/outputs/{m}/gains/{k}", rows[m][k]) for m in (0, 1) for k in (0, 1)]
    if core.modulated:
        found += [(f"oscs/{core.number}/freq", hz) for hz in core.oscillators_hz[:1]]
        found += [(f"sines/{2 * core.number + k}/oscselect", core.number) for k in (0, 1)]
        found += [(f"sines/{2 * core.number}/phaseshift", 90.0), (f"sines/{2 * core.number + 1}/phaseshift", 0.0)]
    for output, range_v, offset_v in zip(core.outputs, core.range_v, core.offset_v, strict=True):
        found += [(f"sigouts/{output - 1}/range", range_v), (f"sigouts/{output - 1}/offset", offset_v)]
    return found


def _readout(one: Readout) -> list[Setting]:
    """Return the settings of a readout channel."""
    place = f"qachannels/{one.number}"
    result, integration = f"{place}/readout/result", f"{place}/readout/integration"
    found: list[Setting] = [(f"{place}/mode", 1), (f"{place}/centerfreq", one.lo_hz)]
    found += [(f"{place}/output/range", power_dbm(v)) for v in one.range_v[:1]]
    found += [(f"{place}/input/range", power_dbm(v)) for v in one.input_v[:1]]
    if one.integrators:
        found += [
            (f"{integration}/length", one.length_samples),
            (f"{integration}/delay", one.delay_samples / 2e9),
            (f"{result}/source", 1),
            (f"{result}/mode", 0),
            (f"{result}/length", one.n_results),
            (f"{result}/averages", one.n_averages),
        ]
    return found


def off_settings(model: str) -> Sequence[Setting]:
    """Return what brings every output and sequencer of a device to rest."""
    if model == uhfqa.MODEL:
        return uhfqa.OFF
    if model == "zurich-hdawg":
        return [("awgs/*/enable", 0), ("sigouts/*/on", 0), ("sigouts/*/offset", 0.0)]
    found: list[Setting] = []
    if model in ("zurich-shfsg", "zurich-shfqc"):
        found += [("sgchannels/*/awg/enable", 0), ("sgchannels/*/output/on", 0)]
    if model in ("zurich-shfqa", "zurich-shfqc"):
        found += [("qachannels/*/generator/enable", 0), ("qachannels/*/readout/result/enable", 0)]
        found += [("qachannels/*/output/on", 0), ("qachannels/*/input/on", 0)]
    return found
