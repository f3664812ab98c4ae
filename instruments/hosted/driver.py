"""Host a foreign driver: what lab.toml doesn't let be set can't be set, what is set is read back, errors have names.

``model = "qcodes:package.module.Class"`` or ``"pymeasure:package.module.Class"`` names the class; nothing but that line
decides what is imported, and only the instrument's host process imports it. Every parameter of the class can be asked
for; one can be set when lab.toml has ``parameter.NAME`` with limits (numbers), words or a safe value. A class's own
methods are not offered to clients: they would go round the limits.

Source: QCoDeS 0.58 (`VisaInstrument`, `IPInstrument`, `Parameter`), PyMeasure 0.16 (`Instrument`,
`CommonBase.control`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from qctl.device import Parameter
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, QctlError, RefusedError, RequestError
from qctl.instruments.settings import NO_TEXT
from qctl.lab import Instrument, Lab
from qctl.units import Limits

__all__ = ["Foreign", "HostedInstrument", "open_driver"]

_CLOSE = 1e-3
"""How far a number may read back from what was set, as a part of itself or of its limits' width."""


class Foreign(Protocol):
    """What is asked of a foreign driver; it raises whatever it raises."""

    def identify(self) -> str:
        """Return who answers; with I/O where the driver has any for it."""
        ...

    def parameters(self) -> Mapping[str, Parameter]:
        """Return what it has, by name."""
        ...

    def can_ask(self, name: str) -> bool:
        """Say whether a parameter can be asked for."""
        ...

    def in_snapshot(self, name: str) -> bool:
        """Say whether a snapshot asks for a parameter where lab.toml names none."""
        ...

    def get(self, name: str) -> Any:
        """Ask for a value."""
        ...

    def set(self, name: str, value: Any) -> None:
        """Set a value."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True, slots=True)
class HostedInstrument:
    """One instrument behind a foreign driver.

    Attributes
    ----------
    driver : Foreign
        The open driver.
    instrument : Instrument
        Its entry in lab.toml.
    """

    driver: Foreign
    instrument: Instrument

    def identify(self) -> str:
        """Return the identity string."""
        with self._named("its identity"):
            return _plain_text(self.driver.identify())

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` knows; those that lab.toml lets be set are settable."""
        found = self.driver.parameters().values()
        return [
            Parameter(item.name, item.label, item.unit, item.kind, item.settable and self._opened(item.name))
            for item in found
        ]

    def get(self, name: str) -> Any:
        """Ask the driver for one value.

        Raises
        ------
        RequestError
            If it has no such parameter, or it can't be asked.
        """
        self._known(name)
        if not self.driver.can_ask(name):
            raise RequestError(f"{self.instrument.name}: {name} can't be asked for", instrument=self.instrument.name)
        with self._named(name):
            return _told(self.driver.get(name))

    def get_all(self) -> Mapping[str, Any]:
        """Ask for what lab.toml names, or for all that a snapshot of the class has where it names nothing.

        A class has parameters for options that an instrument may lack, and waits for each in vain. What the instrument
        refuses to tell is None.

        Raises
        ------
        DeviceError
            If the instrument is silent or gone.
        """
        found: dict[str, Any] = {}
        named = self.instrument.parameter
        for name in self.driver.parameters():
            if self.driver.can_ask(name) and (name in named if named else self.driver.in_snapshot(name)):
                try:
                    found[name] = self.get(name)
                except RefusedError:
                    found[name] = None
        return found

    def set(self, name: str, value: Any) -> None:
        """Check a value against lab.toml, have the driver set it, and read it back where it can be asked.

        Raises
        ------
        LimitError
            If lab.toml doesn't let it be set to this; nothing has been sent.
        RefusedError
            If the driver or the instrument refuses, or it reads back as something else.
        """
        self._known(name)
        checked = self._checked(name, value)
        with self._named(f"{name} = {value!r}"):
            self.driver.set(name, checked)
        if self.driver.can_ask(name):
            got = self.get(name)
            if not self._same(name, checked, got):
                text = f"{self.instrument.name}: {name} was set to {checked!r} but reads {got!r}"
                raise RefusedError(text, instrument=self.instrument.name)

    def safe(self) -> None:
        """Set the safe values of lab.toml, in its order.

        Raises
        ------
        QctlError
            If one of them is refused, when all others have been tried.
        """
        refused: QctlError | None = None
        for name, rule in self.instrument.parameter.items():
            try:
                if rule.safe is not None:
                    self.set(name, rule.safe)
            except QctlError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def close(self) -> None:
        """Close the connection; the device stays as it is."""
        with self._named("close"):
            self.driver.close()

    def _known(self, name: str) -> None:
        if name not in self.driver.parameters():
            raise RequestError(f"{self.instrument.name} has no parameter {name!r}", instrument=self.instrument.name)

    def _opened(self, name: str) -> bool:
        rule = self.instrument.parameter.get(name)
        return rule is not None and (rule.limits is not None or bool(rule.words) or rule.safe is not None)

    def _checked(self, name: str, value: Any) -> Any:
        rule, owner = self.instrument.parameter.get(name), self.instrument.name
        text = f"{owner}: {name} = {value!r}"
        if rule is None or not self._opened(name) or not self.driver.parameters()[name].settable:
            raise LimitError(f"{text} was not sent: instruments.{owner}.parameter.{name} does not let it be set",
                             instrument=owner)  # fmt: skip
        if rule.limits is not None:
            if isinstance(value, bool):
                raise LimitError(f"{text} is not a number", instrument=owner)
            number = Limits(*rule.limits).check(value, f"{owner}: {name}")
            return int(number) if isinstance(value, int) else number
        if rule.words:
            word = next((word for word in rule.words if word.lower() == str(value).lower()), None)
            if word is None:
                raise LimitError(f"{text} is not one of {', '.join(rule.words)}", instrument=owner)
            return word
        if isinstance(value, str) and isinstance(rule.safe, str):
            bad = NO_TEXT.search(value)
            if bad and value != rule.safe:
                raise LimitError(f"{text} was not sent: it has {bad[0]!r}, which may end a command", instrument=owner)
            return value
        if isinstance(rule.safe, bool) and value in (0, 1):
            return bool(value)
        raise LimitError(f"{text} was not sent: it has no limits in lab.toml", instrument=owner)

    def _same(self, name: str, sent: Any, got: Any) -> bool:
        if isinstance(sent, bool) or not isinstance(sent, int | float):
            return bool(got == sent or str(got).lower() == str(sent).lower())
        limits = self.instrument.parameter[name].limits
        width = limits[1] - limits[0] if limits is not None else 0.0
        return isinstance(got, int | float) and abs(got - sent) <= _CLOSE * max(width, abs(sent))

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Give what a foreign driver raises a name that clients and reconnection understand."""
        name, process = self.instrument.name, os.getpid()
        try:
            yield
        except QctlError:
            raise
        except (VisaIOError, TimeoutError) as error:
            silent = isinstance(error, TimeoutError) or error.error_code == StatusCode.error_timeout
            kind = DeviceTimeoutError if silent else DeviceError
            raise kind(f"{name}: {what}: {error}", instrument=name) from error
        except (OSError, EOFError) as error:
            raise DeviceError(f"{name}: {what}: the connection broke ({error})", instrument=name) from error
        except (Exception, SystemExit) as error:  # some leave the program where a file or a licence is missing
            words = _plain_text(f"{type(error).__name__}: {error}")
            raise RefusedError(f"{name}: {what}: its driver refused ({words})", instrument=name, words=words) from error
        finally:
            if os.getpid() != process:  # a copy of the host that the driver has forked: it would go on beside it
                os._exit(1)


def _told(value: Any) -> Any:
    """Return a foreign value as one that can be sent: what is no number, list or text becomes text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        return _plain_text(value)
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, int | float):
        return float(value) if isinstance(value, float) else int(value)
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _told(item) for key, item in value.items()}
    return str(value)


def _plain_text(text: str) -> str:
    """Return a text that can be sent: what is no character becomes a question mark."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def open_driver(instrument: Instrument, lab: Lab) -> HostedInstrument:
    """Import the class that lab.toml names, and make it.

    Raises
    ------
    RequestError
        If there is no such class, its package is not installed, or lab.toml names a parameter that it has not.
    DeviceError
        If nothing answers.
    """
    kind, _, path = instrument.model.partition(":")
    host = import_module(f"qctl.instruments.hosted.{kind}_driver")
    hosted = HostedInstrument(host.NOTHING, instrument)
    with hosted._named(f"{instrument.model} at {instrument.address}"):
        driver = host.open_foreign(_class_of(instrument, path), instrument)
    device = HostedInstrument(driver, instrument)
    unknown = [name for name in instrument.parameter if name not in driver.parameters()]
    if unknown:
        device.close()
        known = ", ".join(sorted(driver.parameters()))
        raise RequestError(
            f"instruments.{instrument.name}.parameter.{unknown[0]}: {path} has no such one; it has {known}"
        )
    return device


def _class_of(instrument: Instrument, path: str) -> type:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        why = (
            error
            if isinstance(error, ImportError | ValueError | AttributeError)
            else f"{type(error).__name__}: {error}"
        )
        raise RequestError(
            f"instruments.{instrument.name}.model: {instrument.model} can't be imported: {why}"
        ) from error
    if not isinstance(found, type):
        raise RequestError(f"instruments.{instrument.name}.model: {path} is not a class")
    return found
