"""Drive the device server of an atom array: sequences that it does not hold are sent, a run started, photons read.

Source: docs/atoms.md, section "The register server", version 1.
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
from qctl.instruments.atoms.body import PulserBody
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.loaded import loaded
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["AtomRegister", "open_driver"]

_MOST_KEPT = 256
_READ_TIMEOUT_S = 60.0
_PARAMETERS = (
    Parameter("identity", "Identity", "", str, False),
    Parameter("state", "State of the run", "", str, False),
    Parameter("points_done", "Points that are done", "", int, False),
)


@dataclass(slots=True)
class AtomRegister:
    """An array of atoms behind its server.

    Attributes
    ----------
    link : Link
        To the server.
    instrument : Instrument
        Its entry in lab.toml.
    """

    link: Link
    instrument: Instrument
    _body: PulserBody | None = None
    _n_atoms: tuple[int, ...] = ()
    _held: set[str] = field(default_factory=set)
    _generation: int = -1

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` knows."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name == "identity":
            return self.identify()
        if name in ("state", "points_done"):
            return self._state()[name == "points_done"]
        raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)

    def set(self, name: str, value: Any) -> None:
        """Refuse: nothing can be set."""
        raise RequestError(f"{self.link.name}: {name} = {value!r} can't be set", instrument=self.link.name)

    # programs --------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Send the sequences that the device does not hold yet, and the run; return the bytes of sequences sent.

        Raises
        ------
        RefusedError
            If the device refuses anything; its words are in the error.
        """
        try:
            body = PulserBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the body is no program of atoms: {error}") from error
        self._body = None
        if self.link.generation != self._generation or len(self._held) > _MOST_KEPT:
            self.link.write("RUN:STOP")
            self.link.write('SEQuence:DELete "all"')
            self._confirm("to forget its sequences")
            self._held, self._generation = set(), self.link.generation
        points: list[dict[str, Any]] = [{}] * body.n_points
        n_atoms = [0] * body.n_points
        n_bytes = 0
        for one in body.sequences:
            text = one.text.encode()
            name = blake2b(text, digest_size=12).hexdigest()
            if name not in self._held:
                self.link.write_block(f'SEQuence:DEFine "{name}",', text)
                self._confirm("a sequence")
                self._held.add(name)
                n_bytes += len(text)
            count = len(json.loads(one.text)["register"])
            for k, point in enumerate(one.points):
                values = {variable: [column[k]] for variable, column in one.variables.items()}
                moves = [msgspec.to_builtins(move) for move in one.moves[k]] if one.moves else []
                points[point] = {"sequence": name, "variables": values, "moves": moves}
                n_atoms[point] = count
        run = {"shots": body.n_shots, "period_s": body.period_s, "points": points}
        self.link.write_block("RUN:LOAD ", json.dumps(run).encode())
        self._confirm("the run")
        self._body, self._n_atoms = body, tuple(n_atoms)
        return n_bytes

    # runs ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Check that a run is loaded; `fire` starts it."""
        self._loaded()

    def fire(self) -> None:
        """Start the run: all shots of all points."""
        self._loaded()
        self.link.write("RUN:STARt")
        self._confirm("to start")

    def wait(self, timeout_s: float) -> None:
        """Return: the device says itself when it has finished."""

    def select(self, point: int) -> None:
        """Refuse: all points are played by one run."""
        raise plays_all(self.link.name, point)

    def finished(self) -> bool:
        """Return whether all points are done.

        Raises
        ------
        RefusedError
            If the device could not play them, with its words.
        """
        self._loaded()
        state, _, words = self._state()
        if state == "FAILED":
            raise RefusedError(f"{self.link.name} stopped: {words}", instrument=self.link.name, words=words)
        if state not in ("RUNNING", "DONE"):
            raise DeviceError(f"{self.link.name}: the run is {state} and will not finish", instrument=self.link.name)
        return state == "DONE"

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return the photons of each picture, by port and result: (n_shots, n_columns)."""
        body = self._loaded()
        (block,) = self.link.query_blocks("RUN:PHOTons?", 1, _READ_TIMEOUT_S)
        flat = np.frombuffer(block, "<u2")
        if len(flat) != body.n_shots * sum(self._n_atoms):
            raise DeviceError(
                f"{self.link.name} sent {len(flat)} counts, not {body.n_shots} shots of {sum(self._n_atoms)} atoms",
                instrument=self.link.name,
            )
        ends = np.cumsum(self._n_atoms) * body.n_shots
        points = [
            flat[end - n * body.n_shots : end].reshape(body.n_shots, n)
            for n, end in zip(self._n_atoms, ends, strict=True)
        ]
        return {
            (one.port, one.slot): np.stack([points[p][:, atom] for p, atom in one.columns], 1).astype(np.complex128)
            for one in body.pictures
        }

    def stop(self) -> None:
        """End the run; leave its sequences there."""
        self.link.write("RUN:STOP")
        self._words()

    def safe(self) -> None:
        """End the run: lasers are off between shots."""
        self._body = None
        self.link.write("RUN:STOP")
        self._confirm("to stop")

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body, self._generation = None, -1

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _loaded(self) -> PulserBody:
        return loaded(self._body, self.link, self._generation)

    def _state(self) -> tuple[str, int, str]:
        reply = self.link.query("RUN:STATe?")
        word, _, rest = reply.partition(",")
        count, _, words = rest.partition(",")
        if not count.isdigit():
            raise DeviceError(f"{self.link.name} answered {reply!r} where its state was due")
        return word, int(count), words.strip('"')

    def _words(self) -> list[str]:
        """Return what stands in the error queue, and empty it."""
        found: list[str] = []
        while len(found) < 64:
            number, _, words = self.link.query("SYSTem:ERRor?").partition(",")
            if not number.lstrip("+-").isdigit():
                raise DeviceError(f"{self.link.name} answered {number!r} where an error number was due")
            if int(number) == 0:
                break
            found.append(words.strip('"'))
        return found

    def _confirm(self, what: str) -> None:
        if words := self._words():
            text = "; ".join(words)
            raise RefusedError(f"{self.link.name} refused {what}: {text}", instrument=self.link.name, words=text)


def open_driver(instrument: Instrument, lab: Lab) -> AtomRegister:
    """Open the link, and check the identity."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("QCTL", "ATOM REGISTER"))
    device = AtomRegister(link, instrument)
    device.link.write("*CLS")
    return device
