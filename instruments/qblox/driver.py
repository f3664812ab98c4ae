"""Drive a Qblox QCM, QRM, QCM-RF, QRM-RF or QRC over its own port: upload what changed, arm, read bins at the end.

Source: qblox-instruments 1.4.1, SCPI layer 1.2 (``cluster_mm_1_2``): ``SEQuencer#:PROGram``, ``:CONFiguration``,
``:CHANnelmap``, ``:ACQ:CHANnelmap``, ``:AWG:WLISt:WAVeform:*``, ``:ACQ:WLISt:WEIght:*``, ``:ACQ:ALISt:ACQuisition:*``,
``:ARM``, ``:STOP``, ``:STATE?``; ``SYSTem:ERRor:COUNt?`` and ``:NEXT?``. Settings of connectors are in `front_end`.
A module answers on port 25000 + slot of its cluster's address. The cluster starts all its modules (`qblox_cluster`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.instruments.all_points import plays_all
from qctl.instruments.capability import limit
from qctl.instruments.firmware_versions import check_identity
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.loaded import loaded
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import QbloxBody, Sequencer
from qctl.instruments.qblox.front_end import FrontEnd, gain_db
from qctl.instruments.qblox.results import RANGE_V, columns, n_blocks, norm_of, unit_of, volts
from qctl.instruments.qblox.sequencer_settings import OFF_SETTINGS, ON_SETTINGS, changed, encoded, maps_of, settings_of
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["QbloxModule", "drained", "open_driver"]

_READ_TIMEOUT_S = 60.0
_WORDS = {
    "qblox-qcm": "Cluster QCM",
    "qblox-qrm": "Cluster QRM",
    "qblox-qcm-rf": "Cluster QCM",
    "qblox-qrm-rf": "Cluster QRM",
    can.QRC: "Cluster QRC",
}


@dataclass(slots=True)
class _Held:
    """What a sequencer holds, as far as this driver put it there; each entry is a digest of what was sent."""

    program: str = ""
    waveforms: dict[int, str] = field(default_factory=dict)
    weights: dict[int, str] = field(default_factory=dict)
    acquisitions: dict[str, tuple[int, int]] = field(default_factory=dict)
    settings: bytes = b""
    config: Any = None
    maps: Any = None
    known: bool = False


@dataclass(slots=True)
class QbloxModule:
    """A module whose sequencers play a program's points by themselves.

    Attributes
    ----------
    link : Link
        To the module.
    instrument : Instrument
        Its entry in lab.toml.
    front : FrontEnd
        Its connectors.
    numbers : range
        Of its sequencers.
    """

    link: Link
    instrument: Instrument
    front: FrontEnd = field(init=False)
    numbers: range = field(init=False)
    _body: QbloxBody | None = None
    _norms: dict[tuple[str, str], float] = field(default_factory=dict)
    _held: list[_Held] = field(default_factory=list)
    _synchronised: list[int] = field(default_factory=list)
    _generation: int = -1

    def __post_init__(self) -> None:
        self.front = FrontEnd(self.instrument)
        self.numbers = range(limit(can.TABLES[self.instrument.model], "sequencers").most)

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def prepare(self) -> None:
        """Clear the status, turn LOs off, and have no sequencer synchronise: one that does would hold up all."""
        self.link.write("*CLS")
        for number in self.numbers:
            self._configure(f"SEQuencer{number}", _Held(maps=self._maps(None)), OFF_SETTINGS, self._maps(None))
        drained(self.link)
        if self.instrument.model in can.RF:
            self.front.quiet(self.link)
            words = drained(self.link)
            if words:
                raise DeviceError(
                    f"{self.link.name}: it has no LO ({'; '.join(words)}), and lab.toml says that it is a "
                    f"{self.instrument.model}: correct its model or its address",
                    instrument=self.link.name,
                )

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        found = [Parameter("identity", "Identity", "", str, False)]
        found += [Parameter(name, one.label, one.unit, one.kind) for name, one in self.front.settings.items()]
        found += [Parameter(f"sequencer{k}_state", f"State of sequencer {k}", "", str, False) for k in self.numbers]
        return found

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name == "identity":
            return self.identify()
        if name.startswith("sequencer"):
            return self.link.query(f"SEQuencer{int(name.removeprefix('sequencer').removesuffix('_state'))}:STATE?")
        return self.front.find(name, self.link).ask(self.link)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it; a loaded program is forgotten."""
        self._body = None
        checked = self.front.set(name, value, self.link)
        self._confirm(f"{name} = {value!r}")
        got = self.get(name)
        if abs(got - checked) > 1e-6:
            raise RefusedError(f"{self.link.name}: {name} was set to {checked:g} but reads {got:g}")

    def _maps(self, one: Sequencer | None) -> Any:
        return maps_of(one, self.instrument.model)

    # programs --------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Upload what the sequencers do not hold yet; return the waveform and weight bytes sent.

        Raises
        ------
        RefusedError
            If the module refuses anything; its words are in the error.
        """
        try:
            body = QbloxBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the body is not a Qblox program: {error}") from error
        self._body = None
        if self.link.generation != self._generation or not self._held:
            self._held = [_Held() for _ in self.numbers]
            self.front.forget()
            self._generation = self.link.generation
        used = {one.number: one for one in body.sequencers}
        n_bytes = 0
        for number in self.numbers:
            n_bytes += self._load_sequencer(number, used.get(number), program.blobs)
        wanted = self.front.bring(body.sequencers, self.link)
        self._confirm("the program")
        self.front.note(wanted)
        self._norms = {
            (one.port, slot): norm_of(one, slot, program.blobs) for one in body.sequencers for slot in one.acquisitions
        }
        self._body = body
        return n_bytes

    def _load_sequencer(self, number: int, one: Sequencer | None, blobs: Mapping[str, NDArray[np.generic]]) -> int:
        """Bring one sequencer to what a program needs of it."""
        held, place, n_bytes = self._held[number], f"SEQuencer{number}", 0
        try:
            wanted = OFF_SETTINGS if one is None else settings_of(one, self._units_per_v(one, blobs))
            self._configure(place, held, wanted, self._maps(one))
            if one is not None:
                text = one.program.encode("ascii")
                digest = blake2b(text).hexdigest()
                if held.program != digest:
                    held.program = ""
                    self.link.write_block(f"{place}:PROGram ", text)
                    self._confirm(f"the program of sequencer {number} ({one.port})")
                    held.program = digest
                with self.link.burst():
                    n_bytes = self._fill(f"{place}:AWG:WLISt:WAVeform", "w", held.waveforms, one.waveforms, blobs, held)
                    if one.inputs:
                        n_bytes += self._fill(f"{place}:ACQ:WLISt:WEIght", "k", held.weights, one.weights, blobs, held)
                        self._acquisitions(f"{place}:ACQ:ALISt:ACQuisition", held, one)
                self._confirm(f"the memories of sequencer {number} ({one.port})")
        except DeviceError:
            self._held[number] = _Held()
            raise
        held.known = True
        return n_bytes

    def _units_per_v(self, one: Sequencer, blobs: Mapping[str, NDArray[np.generic]]) -> float:
        """Return what a volt at the input makes of the integral that decides, in its units."""
        if not one.decides:
            return 1.0
        gain = 10 ** (gain_db(self.instrument, one.inputs[0]) / 20)
        return norm_of(one, one.decides, blobs) * gain / (RANGE_V * unit_of(self.instrument.model))

    def _configure(self, place: str, held: _Held, wanted: dict[str, Any], maps: Any) -> None:
        """Send settings and channel maps where they are not what was sent last."""
        asked = encoded(wanted)
        if held.settings != asked:
            (present,) = self.link.query_chain(f"{place}:CONFiguration?", 1)
            found = json.loads(bytes(present))
            held.config = changed(found, wanted)
            if held.config != found:
                self.link.write_block(f"{place}:CONFiguration ", encoded(held.config))
            held.settings = asked
        if held.maps != maps:
            outputs, inputs = maps
            self.link.write_block(f"{place}:CHANnelmap ", encoded(outputs))
            if "input" in can.TABLES[self.instrument.model].channels:
                self.link.write_block(f"{place}:ACQ:CHANnelmap ", encoded(inputs))
            held.maps = maps
            self._confirm(f"the settings of {place}")

    def _fill(
        self,
        path: str,
        letter: str,
        present: dict[int, str],
        wanted: Mapping[int, str],
        blobs: Mapping[str, NDArray[np.generic]],
        held: _Held,
    ) -> int:
        """Bring a list of waveforms or weights to what is wanted, by the digests of their samples."""
        if not held.known:
            self.link.write(f'{path}:DELete "all"')
            present.clear()
        for index in [index for index, digest in present.items() if wanted.get(index) != digest]:
            self.link.write(f'{path}:DELete "{letter}{index}"')
            del present[index]
        n_bytes = 0
        for index, digest in wanted.items():
            if index not in present:
                samples = np.ascontiguousarray(blobs[digest].astype(np.float64) / can.FULL_SCALE, "<f4")
                name = f'"{letter}{index}"'
                self.link.write(f"{path}:NEW {name},{len(samples)},0")
                self.link.write_block(f"{path}:DATA {name},", samples)
                self.link.write(f"{path}:INDex {name},{index}")
                present[index] = digest
                n_bytes += samples.nbytes
        return n_bytes

    def _acquisitions(self, path: str, held: _Held, one: Sequencer) -> None:
        wanted = {slot: (each.index, each.n_bins) for slot, each in one.acquisitions.items()}
        if held.known and held.acquisitions == wanted:
            return
        self.link.write(f'{path}:DELete "all"')
        held.acquisitions = {}
        for slot, (index, n_bins) in wanted.items():
            self.link.write(f'{path}:NEW "{slot}",{n_bins}')
            self.link.write(f'{path}:INDex "{slot}",{index}')
        held.acquisitions = wanted

    # runs ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Empty the bins and arm the sequencers: they start with all others of the cluster that synchronise.

        They do from now on until `stop`, and only they: a sequencer that synchronises and isn't armed holds up all.
        """
        body = self._loaded()
        self._synchronised = [one.number for one in body.sequencers]
        with self.link.burst():
            for one in body.sequencers:
                config = changed(self._held[one.number].config, ON_SETTINGS)
                self.link.write_block(f"SEQuencer{one.number}:CONFiguration ", encoded(config))
                for slot in one.acquisitions:
                    self.link.write(f'SEQuencer{one.number}:ACQ:ALISt:ACQuisition:DATA:DELete "{slot}"')
                self.link.write(f"SEQuencer{one.number}:ARM")
        self._confirm("to be armed")

    def select(self, point: int) -> None:
        """Refuse: all points are played in each shot."""
        raise plays_all(self.link.name, point)

    def follows(self) -> bool:
        """Return whether the loaded program waits for a trigger before each shot."""
        return self._body is not None and self._body.triggered

    def finished(self) -> bool:
        """Return whether all sequencers of the program have stopped.

        Raises
        ------
        RefusedError
            If one stopped with an error flag, which is in the error with the module's log.
        """
        done = True
        for one in self._loaded().sequencers:
            reply = self.link.query(f"SEQuencer{one.number}:STATE?")
            fields = reply.split(";")
            if len(fields) < 2:
                raise DeviceError(f"{self.link.name} answered {reply!r} where a state was due")
            flags = (
                fields[-2:] if len(fields) > 5 else []
            )  # error flags and log come last, the exit code may be missing
            if fields[0] == "ERROR" or (flags and flags[0]):
                words = "; ".join(filter(None, (field.strip(",") for field in flags))) or fields[0]
                text = f"{self.link.name}: sequencer {one.number}, which plays {one.port}, stopped: {words}"
                raise RefusedError(text, instrument=self.link.name, words=reply)
            done = done and fields[1] == "STOPPED"
        return done

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return what was measured, by port and result: (n_records, n_columns) in volts."""
        body, found, model = self._loaded(), {}, self.instrument.model
        for one in body.sequencers:
            for slot in one.acquisitions:
                ask = f'SEQuencer{one.number}:ACQ:ALISt:ACQuisition:DATA? "{slot}"'
                blocks = self.link.query_chain(ask, n_blocks(model), _READ_TIMEOUT_S)
                try:
                    gain = gain_db(self.instrument, one.inputs[0])
                    values = volts(blocks[-1], self._norms[one.port, slot], gain, unit_of(model))
                    found[one.port, slot] = columns(values, body.n_records, one.point_captures)
                except DeviceError as error:
                    raise RefusedError(f"{self.link.name}: the bins of {slot}: {error.message}") from error
        return found

    def stop(self) -> None:
        """Stop all sequencers; leave the program loaded."""
        with self.link.burst():
            for number in self.numbers:
                self.link.write(f"SEQuencer{number}:STOP")
            for number in self._synchronised if self._held and self.link.generation == self._generation else ():
                self.link.write_block(f"SEQuencer{number}:CONFiguration ", encoded(self._held[number].config))
        self._synchronised = []
        drained(self.link)

    def safe(self) -> None:
        """Stop, let no sequencer reach an output, take offsets away and turn LOs off."""
        self._body, self._held, self._synchronised = None, [], []
        for number in self.numbers:
            place = f"SEQuencer{number}"
            self.link.write(f"{place}:STOP")
            self.link.write_block(f"{place}:CHANnelmap ", encoded([[], []]))
            self._configure(place, _Held(maps=self._maps(None)), OFF_SETTINGS, self._maps(None))
        self.front.quiet(self.link)
        self._confirm("its safe state")

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body, self._held = None, []
        self.front.forget()

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _loaded(self) -> QbloxBody:
        return loaded(self._body, self.link, self._generation)

    def _confirm(self, what: str) -> None:
        words = drained(self.link)
        if words:
            text = "; ".join(words)
            raise RefusedError(f"{self.link.name} refused {what}: {text}", instrument=self.link.name, words=text)


def drained(link: Link) -> list[str]:
    """Return what stands in the error queue of a cluster or module, and empty it."""
    reply = link.query("SYSTem:ERRor:COUNt?")
    try:
        count = int(reply)
    except ValueError:
        raise DeviceError(f"{link.name} answered {reply!r} where a number of errors was due") from None
    return [link.query("SYSTem:ERRor:NEXT?").partition(",")[2].strip('"') for _ in range(min(count, 64))]


def open_driver(instrument: Instrument, lab: Lab) -> QbloxModule:
    """Open the link, check the identity, and let no sequencer synchronise."""
    identity = ("Qblox", _WORDS[instrument.model])
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, identity)
    check_identity(can.TABLES[instrument.model], link.identity)
    device = QbloxModule(link, instrument)
    device.prepare()
    return device
