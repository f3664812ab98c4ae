"""Models that qctl drives: model name of lab.toml → driver, lowering and limits, each imported when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from qctl.errors import RequestError

if TYPE_CHECKING:
    from qctl.device import Device
    from qctl.instruments.commands import Command
    from qctl.lab import Instrument, Lab

__all__ = [
    "MODELS",
    "Model",
    "capabilities_of",
    "declared_commands",
    "lowering_of",
    "model_of",
    "open_device",
    "speak_raw",
]


@dataclass(frozen=True, slots=True)
class Model:
    """Where the parts of one model are.

    Attributes
    ----------
    name : str
        As `model` in lab.toml.
    kind : str
        ``player``, ``recorder``, ``transceiver`` (both), ``trigger``, ``source`` or ``dc``.
    driver : str
        Module below `qctl.instruments` with ``open_driver(instrument, lab) -> Device``; empty for a model that programs
        are compiled for, and that is not driven yet.
    family : str
        Package below `qctl.instruments` with ``lower`` and ``capabilities``, or empty.
    identity : tuple of str
        What the first two comma fields of the identity must begin with.
    """

    name: str
    kind: str
    driver: str
    family: str = ""
    identity: tuple[str, str] = ("", "")


MODELS = {
    model.name: model
    for model in (
        Model(
            "tektronix-awg5014c",
            "player",
            "tektronix_awg5014.driver",
            "tektronix_awg5014",
            ("TEKTRONIX", "AWG5014"),
        ),
        Model(
            "keysight-infiniium-s",
            "recorder",
            "keysight_infiniium.driver",
            "keysight_infiniium",
            ("KEYSIGHT TECHNOLOGIES", ""),
        ),
        Model("qctl-trigger", "trigger", "qctl_trigger.driver", "qctl_trigger", ("qctl", "trigger")),
        Model("rohde-schwarz-sgs100a", "source", "rohde_schwarz_sgs100a", "", ("Rohde&Schwarz", "SGS100A")),
        Model("qdevil-qdac2", "dc", "qdevil_qdac2", "", ("QDevil", "QDAC-II")),
        Model("qblox-qcm", "player", "qblox.driver", "qblox", ("Qblox", "Cluster QCM")),
        Model("qblox-qrm", "transceiver", "qblox.driver", "qblox", ("Qblox", "Cluster QRM")),
        Model("qblox-cluster", "trigger", "qblox_cluster.driver", "qblox_cluster", ("Qblox", "Cluster MM")),
    )
}


def model_of(name: str) -> Model:
    """Return the entry of a model.

    Raises
    ------
    RequestError
        If no driver knows it.
    """
    try:
        return MODELS[name]
    except KeyError:
        raise RequestError(f"model {name!r} is not known; known are {', '.join(sorted(MODELS))}") from None


def _module(path: str) -> ModuleType:
    return import_module(f"qctl.instruments.{path}")


def open_device(instrument: Instrument, lab: Lab) -> Device:
    """Open the link of an instrument of lab.toml, check who answers, and return its driver.

    Raises
    ------
    RequestError
        If the model is not known or not driven yet, or the instrument's entry lacks what the driver needs.
    DeviceError
        If nothing answers, or something else does.
    """
    device: Device = _module(_driver(instrument.model)).open_driver(instrument, lab)
    return device


def _driver(name: str) -> str:
    driver = model_of(name).driver
    if not driver:
        raise RequestError(f"model {name!r} can be compiled for, but is not driven yet")
    return driver


def lowering_of(name: str) -> ModuleType:
    """Return the module whose ``lower`` compiles for a model.

    Raises
    ------
    RequestError
        If the model takes no programs.
    """
    return _module(f"{_family(name)}.lower")


def capabilities_of(name: str) -> ModuleType:
    """Return the module with a model's table of limits.

    Raises
    ------
    RequestError
        If the model takes no programs.
    """
    return _module(f"{_family(name)}.capabilities")


def _family(name: str) -> str:
    family = model_of(name).family
    if not family:
        raise RequestError(f"model {name!r} plays and records no programs")
    return family


def declared_commands(name: str) -> tuple[Command, ...]:
    """Return the raw commands that a model's driver declares; empty when it speaks no text."""
    driver = model_of(name).driver
    commands: tuple[Command, ...] = getattr(_module(driver), "COMMANDS", ()) if driver else ()
    return commands


def speak_raw(
    device: Any,
    instrument: Instrument,
    text: str,
    block: bytes | memoryview | None = None,
    timeout_s: float | None = None,
) -> str | bytes | None:
    """Carry out a raw message that matches declared commands; return the answer to a query, None for a setting.

    Bytes are a definite block with its head. A `block` ends the message; `timeout_s` may lengthen the wait.

    Raises
    ------
    NotAllowedError
        If it matches no declared command and lab.toml does not say ``allow_raw = true``.
    LimitError
        If a value is outside its limits; it was not sent.
    """
    commands = declared_commands(instrument.model)
    answer: str | bytes | None = _module("raw").speak(device, instrument, text, commands, block, timeout_s)
    return answer
