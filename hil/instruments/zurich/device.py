"""One emulated device behind the data server: its nodes, and what its sequencers hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.zurich.nodes import Refusal
from qctl.hil.instruments.zurich.seqc import Script, parse
from qctl.hil.instruments.zurich.table import Entry, read_table
from qctl.hil.instruments.zurich.trees import KINDS, tree_of
from qctl.hil.labone.elf import source_of

__all__ = ["FULL_SCALE", "Device", "Sequencer"]

FULL_SCALE = 32_767
_TABLE_FAILED, _TABLE_TAKEN = 8, 1
_WAITS = 4
_QCCS = 3
"""dios/0/mode of an HDAWG on ZSync."""
_INTERNAL = 8
"""auxtriggers/0/channel: the device's own trigger; the values below it are trigger inputs."""


_PLACES = {
    "sg": ("sgchannels/{}/awg", ""),
    "qa": ("qachannels/{}/generator", "qachannels/{}/readout"),
    "hd": ("awgs/{}", ""),
    "uh": ("awgs/{}", "qas/{}"),
}


class Sequencer:
    """One sequencer, and the outputs that it plays.

    Attributes
    ----------
    kind : str
        ``sg`` (up-converted channel), ``qa`` (readout channel), ``hd`` (pair of HDAWG outputs) or ``uh`` (those of a
        UHFQA, with its integrators).
    number : int
        From 0.
    place, reads : str
        Where its nodes are, and those of its integrators and logger; empty where it has none.
    script : Script or None
        The program.
    table : dict of int to Entry
        The command table.
    waves : dict of int to (n, n_channels) float64
        Uploaded waveforms, in parts of full scale.
    slots, weights : dict of int to (n,) complex128
        Of a readout channel: waveforms of its generators, and integration weights; those of a UHFQA have what its two
        sums are made with.
    state : str
        idle, waiting or running.
    """

    def __init__(self, kind: str, number: int) -> None:
        self.kind, self.number = kind, number
        self.place, self.reads = (part.format(number) for part in _PLACES[kind])
        self.script: Script | None = None
        self.table: dict[int, Entry] = {}
        self.waves: dict[int, NDArray[np.float64]] = {}
        self.slots: dict[int, NDArray[np.complex128]] = {}
        self.weights: dict[int, NDArray[np.complex128]] = {}
        self.state = "idle"

    def entry_samples(self) -> dict[int, int]:
        """Return how long each entry of the command table plays."""
        found = {}
        for index, entry in self.table.items():
            n = entry.n_samples
            if not n and entry.wave is not None:
                n = (self.script.length_of(entry.wave) or 0) if self.script else 0
            found[index] = n
        return found


class Device:
    """A device.

    Parameters
    ----------
    name : str
        In the lab; the plant knows its cables by it.
    model : str
        As in lab.toml.
    device : str
        Such as dev12001.
    count : callable
        Takes amounts to count, by name.
    """

    def __init__(self, name: str, model: str, device: str, count: Callable[..., None]) -> None:
        self.name, self.model, self.id, self.kind = name, model, device, KINDS[model]
        self.tree = tree_of(device, self.kind)
        self._count = count
        self.faults: dict[str, Any] = {}
        self.hub: tuple[Device, int] | None = None
        """The PQSC that it hangs on by ZSync, and at which port, from 0."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a power cut."""
        self.tree.clear()
        self.sequencers = [
            *(Sequencer("sg", k) for k in range(self.kind.n_sg)),
            *(Sequencer("qa", k) for k in range(self.kind.n_qa)),
            *(Sequencer("hd", k) for k in range(self.kind.n_hd)),
            *(Sequencer("uh", k) for k in range(self.kind.n_uh)),
        ]
        self._by_place = {one.place: one for one in self.sequencers}
        self.started = False
        self.lock_changed()

    @property
    def rate_hz(self) -> float:
        """Return the samples per second of its outputs."""
        return float(self.tree.value("system/clocks/sampleclock/freq")) if self.kind.n_hd else self.kind.rate_hz

    def lock_changed(self) -> None:
        """Show whether the reference is locked: 0 is, 1 is not; a UHFQA has no such node."""
        if self.kind.n_uh:
            return
        place = "system/clocks/referenceclock" + ("" if self.kind.n_hd else "/in")
        source = self.tree.value(f"{place}/source")
        lost = bool(self.faults.get("unlocked")) and source in (1, 2)
        self.tree.put(f"{place}/status", int(lost or (source == 2 and self.hub is None)))

    def waits_inside(self, one: Sequencer) -> bool:
        """Say whether a sequencer waits for the device's own trigger."""
        return bool(self.tree.value(f"{one.place}/auxtriggers/0/channel") == _INTERNAL)

    def hears_zsync(self, one: Sequencer) -> bool:
        """Say whether a sequencer waits for a PQSC, and is set to hear it."""
        if one.script is None or not one.script.waits_by_zsync:
            return False
        if one.kind == "hd":
            return bool(self.tree.value("dios/0/mode") == _QCCS)
        return one.kind == "qa" or bool(self.tree.value(f"{one.place}/diozsyncswitch"))

    def hears_input(self, one: Sequencer) -> bool:
        """Say whether a sequencer waits for its trigger input."""
        return one.script is not None and not one.script.waits_by_zsync

    def waits_for_trigger(self, one: Sequencer) -> bool:
        """Say whether a sequencer's program waits for a trigger before it plays."""
        return one.script is None or one.script.waits

    @property
    def has_trigger(self) -> bool:
        """Say whether the device has an internal trigger: an HDAWG, a UHFQA and a PQSC have none."""
        return not self.kind.n_hd and not self.kind.n_uh and not self.kind.n_zsync

    def together(self, every: list[Sequencer]) -> bool:
        """Say whether sequencers that wait for no trigger begin now: those that wait for one another, when all do."""
        if not self.kind.n_hd:
            return True
        chosen = [one for one in self.sequencers if self.tree.value(f"{one.place}/synchronization/enable")]
        if len(every) > 1 and any(one not in chosen for one in every):
            raise Refusal("CoreError", "cores that begin by themselves are not synchronized: not emulated")
        return not chosen or all(one in every for one in chosen)

    def shows(self, line: int) -> bool:
        """Say whether a trigger output goes up when the device begins."""
        if self.has_trigger or self.kind.n_zsync:
            return True
        if not self.kind.n_hd or line > 2 * self.kind.n_hd:
            return False
        core = next(one for one in self.sequencers if one.number == (line - 1) // 2)
        bit = int(self.tree.value(f"triggers/out/{line - 1}/source"))
        return core.state == "waiting" and core.script is not None and core.script.raises(bit)

    # what is set ------------------------------------------------------------------------------------

    def set(self, path: str, value: Any) -> None:
        """Set one node, with all that follows from it.

        Raises
        ------
        Refusal
            If it can't be set.
        """
        path = path.strip("/")
        for one in self.tree.matching(path) if "*" in path else [path]:
            taken = self.tree.set(one, value)
            self._follow(one, taken)

    def _follow(self, path: str, value: Any) -> None:
        for tail, act in self._acts().items():
            if path.endswith(tail):
                act(path.removesuffix(tail), value)
                return
        head, _, number = path.rpartition("/")
        if number == "enable" and head in self._by_place:
            self._enable(head, int(value))
            return
        if head.endswith("/waveform/waves"):
            self._take_wave(self._by_place[head.removesuffix("/waveform/waves")], int(number), value)
        elif path.endswith("/wave"):
            self._take_vector(path, value)
        elif head.rpartition("/")[0] == "qas/0/integration/weights":
            self._take_part(self._by_place["awgs/0"], int(head.rpartition("/")[2]), number, value)
        elif path in ("system/internaltrigger/enable", "execution/enable"):
            self.started = bool(value)
        elif path.startswith("system/clocks/referenceclock"):
            self.lock_changed()

    def _acts(self) -> dict[str, Callable[[str, Any], None]]:
        return {
            "/elf/data": self._load,
            "/commandtable/data": self._take_table,
            "/generator/clearwave": lambda place, on: self._qa(place).slots.clear(),
            "/readout/integration/clearweight": lambda place, on: self._qa(place).weights.clear(),
            "/result/enable": self._log,
        }

    def _qa(self, place: str) -> Sequencer:
        return self._by_place[f"{place}/generator"]

    def _load(self, place: str, elf: Any) -> None:
        """Take a program; the waveforms and the table of the one before are gone."""
        one = self._by_place[place]
        if not isinstance(elf, np.ndarray):
            raise Refusal("InvalidArgumentError", f"Node /{self.id}/{place}/elf/data takes an ELF file")
        data = elf.tobytes()
        self._count(programs=1, program_bytes=len(data))
        one.script, one.table, one.waves = None, {}, {}
        self.tree.put(f"{place}/ready", 0)
        try:
            one.script = parse(source_of(data))
        except RequestError as error:
            raise Refusal("CoreError", f"/{self.id}/{place}/elf/data: {error}") from None
        self.tree.put(f"{place}/elf/progress", 1.0)
        self.tree.put(f"{place}/ready", 1)

    def _take_table(self, place: str, text: Any) -> None:
        one = self._by_place[place]
        if isinstance(text, np.ndarray):
            text = text.tobytes().decode("utf-8", "replace")
        self._count(tables=1, table_bytes=len(text))
        status = f"{place}/commandtable/status"
        try:
            one.table = read_table(text, "hdawg" if one.kind == "hd" else "shf")
            self.tree.put(status, _TABLE_TAKEN)
        except (RequestError, ValueError, TypeError, KeyError, AttributeError):
            one.table = {}
            self.tree.put(status, _TABLE_FAILED)

    def _take_wave(self, one: Sequencer, index: int, samples: Any) -> None:
        place = f"/{self.id}/{one.place}/waveform/waves/{index}"
        if not isinstance(samples, np.ndarray) or samples.dtype.kind not in "iu" or samples.dtype.itemsize != 2:
            raise Refusal("InvalidArgumentError", f"Node {place} takes 16-bit integers")
        assigned = one.script.indices.get(index) if one.script is not None else None
        if one.script is None or not assigned:
            raise Refusal("CoreError", f"{place}: the program has no waveform of this index")
        n = one.script.length_of(index) or 0
        if samples.size != n * len(assigned):
            raise Refusal("CoreError", f"{place}: {samples.size} values for {len(assigned)} waveforms of {n} samples")
        self._count(waveforms=1, waveform_bytes=samples.nbytes)
        one.waves[index] = samples.astype(np.int16).reshape(n, -1) / FULL_SCALE

    def _take_vector(self, path: str, value: Any) -> None:
        """Take a waveform of a generator, or integration weights."""
        parts = path.split("/")
        one = self._by_place[f"qachannels/{parts[1]}/generator"]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "c" or value.size > 4096:
            raise Refusal("InvalidArgumentError", f"Node /{self.id}/{path} takes up to 4096 complex numbers")
        index = int(parts[-2])
        if "weights" in parts:
            self._count(weights=1, weight_bytes=value.nbytes)
            one.weights[index] = value.astype(np.complex128)
            return
        if np.abs(value).max(initial=0) > 1 + 1e-9:
            raise Refusal("InvalidArgumentError", f"Node /{self.id}/{path}: samples are over full scale")
        self._count(waveforms=1, waveform_bytes=value.nbytes)
        one.slots[index] = value.astype(np.complex128)

    def _take_part(self, one: Sequencer, index: int, part: str, value: Any) -> None:
        """Take the real or the imaginary weights of an integrator of a UHFQA."""
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size > 4096:
            path = f"/{self.id}/qas/0/integration/weights/{index}/{part}"
            raise Refusal("InvalidArgumentError", f"Node {path} takes up to 4096 real numbers")
        self._count(weights=1, weight_bytes=value.nbytes)
        held = np.zeros(4096, np.complex128)
        before = one.weights.get(index, held[:0])
        held[: len(before)] = before
        side = held.real if part == "real" else held.imag
        side[:] = 0.0
        side[: value.size] = value
        one.weights[index] = held

    def _log(self, place: str, on: int) -> None:
        """Begin to log results, or end it."""
        result, real = f"{place}/result", place == "qas/0"
        if on:
            self.tree.put(f"{result}/acquired", 0)
            self.tree.put(f"{result}/errors", 0)
            for k in range(10 if real else 16):
                self.tree.put(f"{result}/data/{k}/wave", np.empty(0, np.float64 if real else np.complex128))

    def _enable(self, place: str, on: int) -> None:
        one = self._by_place[place]
        if on and one.script is None:
            self.tree.put(f"{place}/enable", 0)
            raise Refusal("CoreError", f"/{self.id}/{place}/enable: no program is loaded")
        one.state = "waiting" if on else "idle"
        if on:
            self.tree.put(f"{place}/sequencer/status", _WAITS)

    def ended(self, one: Sequencer) -> None:
        """Note that a sequencer has come to the end of its program."""
        one.state = "idle"
        if self.tree.value(f"{one.place}/single"):
            self.tree.put(f"{one.place}/enable", 0)
