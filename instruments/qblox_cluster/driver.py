"""Drive a Qblox cluster's management module: reference clock, state, and the start of all armed sequencers.

Source: qblox-instruments 1.4.1, SCPI layer 1.2: ``STATus:QUEStionable:FREQuency:REFerence:SRC`` (1 is internal),
``STATE:GENeral:STATE?`` (JSON with the flags of the cluster and its slots), ``BP:MODules?``; ``SLOT:SEQuencer:START``
and ``:STOP`` without numbers are for all sequencers of all modules; ``TRG:IN:MAP:ENAble`` and ``:ADDRess`` of the
trigger input. It answers on port 5025.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from qctl.device import Parameter
from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.instruments.links.link import Link
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.qblox.driver import drained
from qctl.instruments.qblox_cluster.body import ClusterBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["QbloxCluster", "open_driver"]

_REFERENCE = "STATus:QUEStionable:FREQuency:REFerence:SRC"
_PARAMETERS = (
    Parameter("identity", "Identity", "", str, False),
    Parameter("reference", "Where the 10 MHz come from", "", str),
    Parameter("flags", "What is wrong now", "", str, False),
    Parameter("n_modules", "Modules in its slots", "", int, False),
)
_SOURCES = {"internal": "1", "external": "0"}


@dataclass(slots=True)
class QbloxCluster:
    """The cluster as what starts its modules.

    Attributes
    ----------
    link : Link
        To the management module.
    instrument : Instrument
        Its entry in lab.toml.
    """

    link: Link
    instrument: Instrument
    _body: ClusterBody | None = None

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name == "identity":
            return self.identify()
        if name == "reference":
            reply = self.link.query(f"{_REFERENCE}?")
            for source, number in _SOURCES.items():
                if reply == number:
                    return source
            raise DeviceError(f"{self.link.name} answered {reply!r} where its reference was due")
        if name == "flags":
            return ", ".join(self._flags())
        if name == "n_modules":
            return int(self.link.query("BP:MODules?")).bit_count()
        raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)

    def set(self, name: str, value: Any) -> None:
        """Check a value, send it, confirm it."""
        if name != "reference" or value not in _SOURCES:
            raise RequestError(f"{self.link.name}: {name} = {value!r} can't be set; reference is internal or external")
        self.link.write(f"{_REFERENCE} {_SOURCES[value]}")
        self._confirm(f"reference = {value}")
        if self.get("reference") != value:
            raise RefusedError(f"{self.link.name}: reference was set to {value} but reads otherwise")

    def _flags(self) -> list[str]:
        """Return what the cluster says is wrong with itself now."""
        reply = self.link.query("STATE:GENeral:STATE?")
        try:
            return [str(flag) for flag in json.loads(reply)["CLUSTER"]["ACTIVE"]]
        except (ValueError, KeyError, TypeError):
            raise DeviceError(f"{self.link.name} answered {reply!r} where its state was due") from None

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        return self.get("reference") == self.instrument.reference and "PLL_UNLOCKED" not in self._flags()

    def prepare(self) -> None:
        """Clear the status, and take the reference that lab.toml names."""
        self.link.write("*CLS")
        drained(self.link)
        if self.instrument.reference is not None and self.get("reference") != self.instrument.reference:
            self.set("reference", self.instrument.reference)

    def load(self, program: DeviceProgram) -> int:
        """Take what is to be started, and map the trigger input to where its sequencers wait for it."""
        try:
            body = ClusterBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the body is not a cluster's program: {error}") from error
        self._body = None
        if body.trigger_address:
            self.link.write(f"TRG:IN:MAP:ADDRess {body.trigger_address}")
        self.link.write(f"TRG:IN:MAP:ENAble {int(body.trigger_address > 0)}")
        self._confirm("where its trigger input goes")
        self._body = body
        return 0

    def follows(self) -> bool:
        """Return whether the loaded program's sequencers wait for triggers, once they are started."""
        return self._body is not None and self._body.trigger_address > 0

    def fire(self) -> None:
        """Start all sequencers that are armed; they play all points of all shots by themselves."""
        if self._body is None:
            raise RequestError(f"{self.link.name}: no program is loaded", instrument=self.link.name)
        self.link.write("SLOT:SEQuencer:START")
        self._confirm("to start the sequencers")

    def wait(self, timeout_s: float) -> None:
        """Return: the modules say themselves when they have finished."""

    def stop(self) -> None:
        """Stop all sequencers of all modules."""
        self.link.write("SLOT:SEQuencer:STOP")
        drained(self.link)

    def safe(self) -> None:
        """Stop all sequencers; the modules have outputs of their own to make safe."""
        self.link.write("SLOT:SEQuencer:STOP")
        self._confirm("to stop the sequencers")

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body = None

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _confirm(self, what: str) -> None:
        words = drained(self.link)
        if words:
            text = "; ".join(words)
            raise RefusedError(f"{self.link.name} refused {what}: {text}", instrument=self.link.name, words=text)


def open_driver(instrument: Instrument, lab: Lab) -> QbloxCluster:
    """Open the link, check the identity, take the reference."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, ("Qblox", "Cluster MM"))
    device = QbloxCluster(link, instrument)
    device.prepare()
    return device
