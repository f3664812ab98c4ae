"""Upload what sequencers don't hold yet: programs, tables, waveforms and weights, each known by its content's hash.

A new program takes waveforms and table of the one before with it, as the memories are laid out by it. A changed
amplitude is in the table alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceTimeoutError, RefusedError
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich import uhfqa
from qctl.instruments.zurich.body import Core, Readout, Waveform
from qctl.instruments.zurich.nodes import Setting, place_of
from qctl.instruments.zurich.session import Session

__all__ = ["Held", "upload"]

_READY_S, _PAUSE_S = 10.0, 2e-3
_TABLE_FAILED = 8
Blobs = Mapping[str, NDArray[np.generic]]


@dataclass(slots=True)
class Held:
    """What a sequencer holds, as far as this driver put it there; each entry is a digest of what was sent."""

    program: str = ""
    table: str = ""
    waves: dict[int, str] = field(default_factory=dict)
    weights: dict[int, str] = field(default_factory=dict)


def upload(session: Session, model: str, one: Core | Readout, blobs: Blobs, held: Held, clock_hz: float) -> int:
    """Bring a sequencer to what a program needs of it, and return the bytes of waveforms and weights sent.

    Raises
    ------
    RefusedError
        If the compiler or the device refuses any of it, in their words.
    DeviceTimeoutError
        If the device doesn't get ready.
    """
    place, word = place_of(model, one), "generator" if isinstance(one, Readout) else "core"
    digest = blake2b(one.program.encode()).hexdigest()
    n_bytes = 0
    if held.program != digest:
        held.program, held.table = "", ""
        if isinstance(one, Core) or model == uhfqa.MODEL:
            held.waves = {}
        elf = _compiled(session, model, one, clock_hz)
        session.set_vector(f"{place}/elf/data", np.frombuffer(elf, np.uint8))
        _await_ready(session, place, f"{word} {one.number} ({', '.join(one.ports)})")
        held.program = digest
    if isinstance(one, Core):
        n_bytes += _waves(session, place, one.waveforms, blobs, held)
        _table(session, place, one, held)
    elif model == uhfqa.MODEL:
        n_bytes += _waves(session, place, one.generators, blobs, held)
        n_bytes += _weights(session, one, blobs, held)
    else:
        n_bytes += _slots(session, one, blobs, held)
    return n_bytes


def _compiled(session: Session, model: str, one: Core | Readout, clock_hz: float) -> bytes:
    box = can.MODELS[model]
    options = session.text("features/options")
    reader = box.readout if isinstance(one, Readout) else box.player
    more: dict[str, object] = {"sequencer": reader.word} if reader is not None and reader.word else {}
    if model == "zurich-hdawg":
        more["samplerate"] = clock_hz
    return session.compiled(one.program, session.text("features/devtype"), options, one.number, **more)


def _await_ready(session: Session, place: str, what: str) -> None:
    until_s = time.monotonic() + _READY_S
    while not session.integer(f"{place}/ready"):
        if time.monotonic() > until_s:
            text = f"{session.name}: {what} was not ready {_READY_S:g} s after its program was sent"
            raise DeviceTimeoutError(text, instrument=session.name)
        time.sleep(_PAUSE_S)


def _waves(session: Session, place: str, waveforms: Sequence[Waveform], blobs: Blobs, held: Held) -> int:
    """Send the waveforms of an AWG that aren't there, in one transaction."""
    sent: list[Setting] = []
    for w in waveforms:
        if held.waves.get(w.index) != w.digest:
            samples = np.ascontiguousarray(blobs[w.digest], np.int16).reshape(-1)
            sent.append((f"{place}/waveform/waves/{w.index}", samples))
    session.set(sent)
    held.waves |= {w.index: w.digest for w in waveforms}
    return sum(samples.nbytes for _, samples in sent)


def _weights(session: Session, one: Readout, blobs: Blobs, held: Held) -> int:
    """Send the weights of a UHFQA's results that aren't there, in one transaction."""
    sent: list[Setting] = []
    for k in one.integrators:
        if held.weights.get(k.index) != k.digest:
            sent += uhfqa.weight_settings(k.index, np.asarray(blobs[k.digest], np.float64).reshape(-1, 2))
    session.set(sent)
    held.weights |= {k.index: k.digest for k in one.integrators}
    return sum(vector.nbytes for _, vector in sent)


def _table(session: Session, place: str, core: Core, held: Held) -> None:
    digest = blake2b(core.command_table.encode()).hexdigest()
    if held.table == digest or not core.command_table:
        return
    held.table = ""
    session.set_vector(f"{place}/commandtable/data", core.command_table)
    if session.integer(f"{place}/commandtable/status") & _TABLE_FAILED:
        text = f"{session.name}: the command table of core {core.number} ({', '.join(core.ports)}) was refused"
        raise RefusedError(text, instrument=session.name)
    held.table = digest


def _slots(session: Session, one: Readout, blobs: Blobs, held: Held) -> int:
    """Send the waveforms of generators and the weights of integrators that aren't there, in one transaction."""
    place, sent = f"qachannels/{one.number}", list[Setting]()
    for w in one.generators:
        if held.waves.get(w.index) != w.digest:
            samples = np.ascontiguousarray(blobs[w.digest]).astype(np.float64) / can.FULL_SCALE
            sent.append((f"{place}/generator/waveforms/{w.index}/wave", _complex(samples)))
    for k in one.integrators:
        if held.weights.get(k.index) != k.digest:
            weights = np.ascontiguousarray(blobs[k.digest], np.float64)
            sent.append((f"{place}/readout/integration/weights/{k.index}/wave", _complex(weights)))
    session.set(sent)
    held.waves |= {w.index: w.digest for w in one.generators}
    held.weights |= {k.index: k.digest for k in one.integrators}
    return sum(vector.nbytes for _, vector in sent)


def _complex(pairs: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return (n, 2) numbers as complex ones."""
    return np.ascontiguousarray(pairs, np.float64).view(np.complex128).reshape(-1)
