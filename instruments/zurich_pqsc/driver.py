"""Drive a Zurich Instruments PQSC over its data server: reference, what each port is sent, the trigger that starts all.

Source: zhinst-toolkit 1.4, ``driver/devices/pqsc.py`` and ``quantum_system_hub.py`` (stop, repetitions, hold-off, clear
the register bank, enable; a port's connection is established at status 2); laboneq 26.7,
``controller/devices/device_leader_base.py`` (nodes of outputs, source 0 forwards registers; references).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from qctl.device import Parameter
from qctl.errors import RefusedError, RequestError
from qctl.instruments.zurich.hub import N_PAIRS
from qctl.instruments.zurich.session import Session, open_session
from qctl.instruments.zurich_pqsc.body import Link, PqscBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["Pqsc", "open_driver"]

_REFERENCE = "system/clocks/referenceclock/in"
_SOURCES = {"internal": 0, "external": 1}
_ESTABLISHED = 2
_PARAMETERS = (
    Parameter("identity", "Identity", "", str, False),
    Parameter("reference", "Where the 10 MHz come from", "", str),
)


@dataclass(slots=True)
class Pqsc:
    """A PQSC as what starts boxes, and takes their results to each other.

    Attributes
    ----------
    session : Session
        With its data server.
    instrument : Instrument
        Its entry in lab.toml.
    """

    session: Session
    instrument: Instrument
    _body: PqscBody | None = None

    def identify(self) -> str:
        """Return maker, model, serial number and firmware."""
        return self.session.identity()

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name == "identity":
            return self.identify()
        if name != "reference":
            raise RequestError(f"{self.session.name} has no parameter {name!r}", instrument=self.session.name)
        source = self.session.integer(f"{_REFERENCE}/source")
        return next((word for word, number in _SOURCES.items() if number == source), str(source))

    def get_all(self) -> Mapping[str, Any]:
        """Ask the device for every value."""
        return {parameter.name: self.get(parameter.name) for parameter in _PARAMETERS}

    def set(self, name: str, value: Any) -> None:
        """Check a value, send it, confirm it; a loaded program is forgotten."""
        if name != "reference" or value not in _SOURCES:
            raise RequestError(
                f"{self.session.name}: {name} = {value!r} can't be set; reference is internal or external"
            )
        self._body = None
        settings = [(f"{_REFERENCE}/source", _SOURCES[value])]
        self.session.set(settings)
        self.session.confirm(settings)

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        found = self.session.get([f"{_REFERENCE}/source", f"{_REFERENCE}/status"])
        wanted = _SOURCES[self.instrument.reference or "internal"]
        return bool(found[f"{_REFERENCE}/source"] == wanted and found[f"{_REFERENCE}/status"] == 0)

    def prepare(self) -> None:
        """Stop, and take the reference that lab.toml names."""
        self.session.set([("execution/enable", 0)])
        wanted = _SOURCES[self.instrument.reference or "internal"]
        if self.session.integer(f"{_REFERENCE}/source") != wanted:
            self.session.set([(f"{_REFERENCE}/source", wanted)])

    def load(self, program: DeviceProgram) -> int:
        """Look who is connected, and set what each port is sent.

        Raises
        ------
        RefusedError
            If another device than lab.toml says hangs on a port, or the data server refuses anything.
        """
        try:
            body = PqscBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.session.name}: the body is no program of a PQSC: {error}") from error
        self._body = None
        settings: list[tuple[str, Any]] = [("execution/repetitions", 1), ("execution/holdoff", body.holdoff_s)]
        for link in body.links:
            self._check(link)
            place = f"zsyncs/{link.port - 1}/output"
            settings += [(f"{place}/enable", 1), (f"{place}/source", 0)]
            for k in range(N_PAIRS):
                at, used = f"{place}/registerbank/sources/{k}", k < len(link.pairs)
                settings.append((f"{at}/enable", int(used)))
                if used:
                    settings += [(f"{at}/register", link.pairs[k][0]), (f"{at}/index", link.pairs[k][1])]
        self.session.set(settings)
        self.session.confirm(settings)
        self._body = body
        return 0

    def _check(self, link: Link) -> None:
        """Refuse a port on which not the box hangs that lab.toml has there."""
        place, name = f"zsyncs/{link.port - 1}/connection", self.session.name
        status, serial = self.session.integer(f"{place}/status"), self.session.text(f"{place}/serial")
        found = f"dev{serial}" if serial else "nothing"
        if status != _ESTABLISHED or found != link.device:
            raise RefusedError(
                f"{name}: {link.device} should hang on its ZSync port {link.port}, where {found} is, with status "
                f"{status} ({_ESTABLISHED} is established): check the cable, and trigger.line in lab.toml",
                instrument=name,
            )

    def fire(self) -> None:
        """Clear all registers, and send one trigger to all ports."""
        if self._body is None:
            raise RequestError(f"{self.session.name}: no program is loaded", instrument=self.session.name)
        self.session.set([("feedback/registerbank/reset", 1)])
        self.session.set([("execution/enable", 1)])

    def wait(self, timeout_s: float) -> None:
        """Return: the boxes say themselves when they have finished."""

    def stop(self) -> None:
        """Send no more triggers."""
        self.session.set([("execution/enable", 0)])

    def safe(self) -> None:
        """Send no more triggers; the boxes have outputs of their own to make safe."""
        self.forget()
        self.stop()

    def forget(self) -> None:
        """Trust nothing that is known of the box: after somebody else has set it."""
        self._body = None

    def close(self) -> None:
        """End the session; the device stays as it is."""
        self.session.close()


def open_driver(instrument: Instrument, lab: Lab) -> Pqsc:
    """Open the session, check what the device is, and take the reference.

    Raises
    ------
    DeviceError
        If it is another device than lab.toml says.
    """
    session = open_session(instrument)
    device = Pqsc(session, instrument)
    session.expect("PQSC")
    device.prepare()
    return device
