"""Where the twenty programs go: a rack of each family's boxes, what it plays at most, and who hears it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from generator_racks import generator_rack
from ideal import Frames
from programs import GHZ, Rack, Shape
from zurich_racks import racks as zurich_racks

from qctl.lab import load_lab, parse_lab

__all__ = ["TARGETS", "Target", "frames_of"]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


class Target(NamedTuple):
    """A column of the table.

    Attributes
    ----------
    name, title : str
    platform : str
        Of its processor.
    lab : function
        Returns the rack.
    full_v : dict of str to float
        Full scale of each port, in volts; of I and Q together where a mixer is inside.
    longest : dict of str to Shape
        See `programs.Rack`.
    hear : str
        Module and function that returns what is played.
    judged : str
        By whom, in words.
    pulse_s : float
    """

    name: str
    title: str
    platform: str
    lab: Callable[[], Any]
    full_v: dict[str, float]
    longest: dict[str, Shape]
    hear: str
    judged: str
    pulse_s: float = 20 / GHZ

    @property
    def rack(self) -> Rack:
        return Rack(self.full_v, self.longest, self.pulse_s)


def frames_of(lab: Any) -> Frames:
    """Return what lab.toml says of a transmon processor's frames and gates."""
    (processor,) = lab.processors.values()
    hz: dict[str, float] = {}
    lo_hz: dict[str, float] = {}
    rates_hz: dict[str, float] = {}
    gates: dict[str, Any] = {}
    for name, qubit in processor.qubit.items():
        drive, read = qubit.drive, qubit.readout
        gates[name] = (
            (Shape("drag", drive.length_s, (drive.sigma_s, drive.beta_s)), drive.amplitude_v),
            (Shape("constant", read.length_s), read.amplitude_v, read.delay_s),
        )
        for role, frequency_hz in (("drive", qubit.frequency_hz), ("flux", 0.0), ("readout", read.frequency_hz)):
            port = lab.ports.get(f"{name}.{role}")
            if port is None:
                continue
            hz[port.name] = frequency_hz
            rates_hz[port.name] = lab.instruments[port.outputs[0].instrument].clock_hz
            inside = [lab.instruments[r.instrument].output[r.output].lo_hz for r in port.outputs]
            lo_hz[port.name] = lab.instruments[port.lo].frequency_hz if port.lo else (inside[0] or 0.0)
    cz = processor.coupler["q0-q1"].cz
    turns = {q: phase / (2 * np.pi) for q, phase in cz.phase_rad.items()}
    return Frames(hz, lo_hz, rates_hz, gates, (Shape("flat_top", cz.length_s, (cz.rise_s,)), cz.amplitude_v, turns))


def _toml(name: str) -> Callable[[], Any]:
    return cache(lambda: load_lab(EXAMPLES / name))


def _qrc() -> Any:
    text = (EXAMPLES / "qblox_rf2.toml").read_text("utf-8")
    for model in ("qblox-qcm-rf", "qblox-qrm-rf"):
        text = text.replace(model, "qblox-qrc")
    return parse_lab(text.replace("4.95e9", "4.9e9").replace("6.95e9", "6.9e9"))


def _bell(seconds: float) -> Shape:
    return Shape("gaussian", seconds, (seconds / 4,))


def _transmon(drive: float, flux: float, readout: float) -> dict[str, float]:
    drives, readouts = (
        dict.fromkeys(("q0.drive", "q1.drive"), drive),
        dict.fromkeys(("q0.readout", "q1.readout"), readout),
    )
    return {**drives, "q1.flux": flux, **readouts}


_HALF = float(np.sqrt(0.5))
_QBLOX = {"q0.drive": _bell(8192 / GHZ), "q1.flux": _bell(16_384 / GHZ)}
_SEQC = {"q0.drive": _bell(98_304 / 2e9 - 24 / GHZ)}


def _generator(model: str, title: str, clock_hz: float, vpp: float, longest: int) -> Target:
    long = Shape("gaussian", longest / clock_hz, (longest / clock_hz / 4,))
    return Target(
        model, title, "transmon", cache(lambda: generator_rack(model, clock_hz, vpp)),
        _transmon(vpp / 2, vpp / 2, vpp / 2), {"q1.flux": long}, "heard_generators", "words read anew",
    )  # fmt: skip


def _atoms() -> Any:
    return load_lab(Path(__file__).parents[1] / "support" / "atoms9.toml")


def _ions() -> Any:
    return load_lab(Path(__file__).parents[1] / "support" / "ions4.toml")


TARGETS = (
    Target("qblox", "Qblox QCM, QRM", "transmon", _toml("qblox2.toml"), _transmon(2.5 * _HALF, 2.5, 0.5 * _HALF),
           _QBLOX, "heard_qblox", "assembler 1.1.1, q1simulator"),
    Target("qblox-rf", "Qblox QCM-RF, QRM-RF", "transmon", _toml("qblox_rf2.toml"),
           _transmon(0.4 * _HALF, 2.5, 0.2 * _HALF), _QBLOX, "heard_qblox", "assembler 1.1.1, q1simulator"),
    Target("qblox-qrc", "Qblox QRC", "transmon", cache(_qrc), _transmon(0.4 * _HALF, 2.5, 0.2 * _HALF), _QBLOX,
           "heard_qblox", "assembler 1.1.1, q1simulator as a QRM-RF"),
    Target("zurich-shfqc", "Zurich SHFQC, HDAWG", "transmon", _toml("zurich2.toml"), _transmon(1.0, 1.0, 0.31),
           _SEQC, "heard_zurich", "SeqC compiler, LabOne Q's simulator"),
    Target("zurich-shf", "Zurich SHFSG, SHFQA", "transmon", cache(lambda: zurich_racks()["shfsg-shfqa"]),
           _transmon(1.0, 1.0, 0.31), _SEQC, "heard_zurich", "SeqC compiler, LabOne Q's simulator"),
    Target("zurich-pqsc", "Zurich SHFQA, SHFSG, HDAWG, PQSC", "transmon", _toml("zurich2-pqsc.toml"),
           _transmon(1.0, 1.0, 0.31), _SEQC, "heard_zurich", "SeqC compiler, LabOne Q's simulator"),
    Target("zurich-uhf", "Zurich HDAWG, UHFQA", "transmon", cache(lambda: zurich_racks()["hdawg-uhfqa"]),
           _transmon(1.0, 1.0, 0.15), {"q0.drive": _bell(40e-6)}, "heard_zurich",
           "SeqC compiler, LabOne Q's simulator"),
    Target("qick", "QICK tProc v2 (ZCU216)", "transmon", _toml("qick2.toml"), _transmon(0.4, 0.4, 0.4),
           {"q0.drive": _bell(65_536 / 9.58464e9), "q1.flux": Shape("constant", 65_535 / 430.08e6)}, "heard_qick",
           "assembler, its text run", 20.032 / GHZ),
    Target("qick-v1", "QICK tProc v1 (ZCU216)", "transmon", _toml("qick2_v1.toml"), _transmon(0.4, 0.4, 0.4),
           {"q0.drive": _bell(65_536 / 6.88128e9), "q1.flux": Shape("constant", 65_535 / 430.08e6)}, "heard_qick",
           "assembler, its words run", 20.92 / GHZ),
    Target("qm-opx", "Quantum Machines OPX (unverified)", "transmon", _toml("opx2.toml"), _transmon(0.5, 0.5, 0.5),
           {"q0.drive": _bell(10_000 / GHZ)}, "heard_qua", "qm-qua, its text run"),
    _generator("tektronix-awg5014c", "Tektronix AWG5014C", 1.2e9, 1.0, 1_000_000),
    _generator("tektronix-awg5200", "Tektronix AWG5200", 2.5e9, 0.7, 1_000_000),
    _generator("tektronix-awg70000a", "Tektronix AWG70000A", 25e9, 0.5, 1_000_000),
    _generator("keysight-33500b", "Keysight 33500B", 250e6, 1.0, 999_984),
    _generator("keysight-33600a", "Keysight 33600A", 1e9, 1.0, 3_999_936),
    _generator("keysight-m8190a", "Keysight M8190A, 14 bit", 8e9, 0.6, 1_000_000),
    _generator("keysight-m8190a-12bit", "Keysight M8190A, 12 bit", 12e9, 0.6, 1_000_000),
    _generator("tabor-p2584m", "Tabor Proteus P2584M", 2e9, 1.0, 1_000_000),
    Target("pulser", "Pulser (digital-analog device)", "atom", cache(_atoms), {}, {}, "heard_pulser",
           "schema, device rules, sampler"),
    Target("ions", "trapped ions", "ion", cache(_ions), {}, {}, "", "not here: QuTiP judges the emulated chain"),
)  # fmt: skip
