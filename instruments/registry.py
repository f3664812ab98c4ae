"""Models that qctl drives: model name of lab.toml → driver, lowering and limits, each imported when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from qctl.errors import RequestError
from qctl.instruments.connector_keys import unheard

if TYPE_CHECKING:
    from qctl.device import Device
    from qctl.instruments.capability import Capability
    from qctl.instruments.commands import Command
    from qctl.lab import Instrument, Lab

__all__ = [
    "DESCRIBED",
    "FAMILIES",
    "HOSTED",
    "MODELS",
    "OF_BOARDS",
    "Model",
    "capabilities",
    "capability_of",
    "check_entry",
    "declared_commands",
    "identity_queries",
    "import_driver",
    "lowering_of",
    "model_of",
    "model_that_is",
    "needs_of",
    "open_device",
    "page_of",
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
        ``player``, ``recorder``, ``transceiver`` (both), ``trigger``, ``source``, ``dc``, ``thermometry``,
        ``attenuator``, ``switch`` or ``firmware`` (what lab.toml describes).
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
        Model("qctl-sequencer", "transceiver", "qctl_sequencer.driver", "qctl_sequencer", ("qctl", "sequencer")),
        Model("artiq-crate", "transceiver", "", "ions"),
        Model("rohde-schwarz-sgs100a", "source", "rohde_schwarz_sgs100a", "", ("Rohde&Schwarz", "SGS100A")),
        Model("qdevil-qdac2", "dc", "qdevil_qdac2", "", ("QDevil", "QDAC-II")),
        Model("qblox-d5a", "dc", "spi_rack.d5a", "", ("QuTech", "SPI rack")),
        Model("qblox-s4g", "dc", "spi_rack.s4g", "", ("QuTech", "SPI rack")),
        Model("pulser-analog", "transceiver", "atoms.driver", "atoms"),
        Model("pulser-digitalanalog", "transceiver", "atoms.driver", "atoms"),
        Model("pulser-mock", "transceiver", "atoms.driver", "atoms"),
        Model("qctl-atoms", "transceiver", "atoms.driver", "atoms", ("QCTL", "ATOM REGISTER")),
        Model("bluefors-gen1", "thermometry", "bluefors"),
        Model("keysight-e8257d", "source", "keysight_e8257d", "", ("", "E8257D")),
        Model("lakeshore-335", "thermometry", "lakeshore_335", "", ("LSCI", "MODEL335")),
        Model("lakeshore-336", "thermometry", "lakeshore_336", "", ("LSCI", "MODEL336")),
        Model("lakeshore-372", "thermometry", "lakeshore_372", "", ("LSCI", "MODEL372")),
        Model("minicircuits-rcdat", "attenuator", "minicircuits_rcdat", "", ("MN=RCDAT", "")),
        Model("minicircuits-rc-spdt", "switch", "minicircuits_rc_spdt", "", ("MN=RC-", "")),
        Model("qblox-qcm", "player", "qblox.driver", "qblox", ("Qblox", "Cluster QCM")),
        Model("qblox-qrm", "transceiver", "qblox.driver", "qblox", ("Qblox", "Cluster QRM")),
        Model("qblox-cluster", "trigger", "qblox_cluster.driver", "qblox_cluster", ("Qblox", "Cluster MM")),
        Model("qblox-qcm-rf", "player", "qblox.driver", "qblox", ("Qblox", "Cluster QCM")),
        Model("qblox-qrm-rf", "transceiver", "qblox.driver", "qblox", ("Qblox", "Cluster QRM")),
        Model("qblox-qrc", "transceiver", "qblox.driver", "qblox", ("Qblox", "Cluster QRC")),
        Model("zurich-hdawg", "player", "zurich.driver", "zurich", ("Zurich Instruments", "HDAWG")),
        Model("zurich-shfsg", "player", "zurich.driver", "zurich", ("Zurich Instruments", "SHFSG")),
        Model("zurich-shfqa", "transceiver", "zurich.driver", "zurich", ("Zurich Instruments", "SHFQA")),
        Model("zurich-shfqc", "transceiver", "zurich.driver", "zurich", ("Zurich Instruments", "SHFQC")),
        Model("zurich-uhfqa", "transceiver", "zurich.driver", "zurich", ("Zurich Instruments", "UHFQA")),
        Model("zurich-pqsc", "trigger", "zurich_pqsc.driver", "zurich_pqsc", ("Zurich Instruments", "PQSC")),
        Model("tektronix-awg5200", "player", "tektronix_files.loading", "tektronix_files", ("TEKTRONIX", "AWG52")),
        Model("tektronix-awg70000a", "player", "tektronix_files.loading", "tektronix_files", ("TEKTRONIX", "AWG70")),
        Model("tabor-p2584m", "player", "tabor.loading", "tabor", ("Tabor", "P2584M")),
        Model("keysight-33500b", "player", "keysight_generators.trueform", "keysight_generators", ("", "335")),
        Model("keysight-33600a", "player", "keysight_generators.trueform", "keysight_generators", ("", "336")),
        Model("keysight-m8190a", "player", "keysight_generators.m8190a", "keysight_generators", ("", "M8190A")),
        Model("keysight-m8190a-12bit", "player", "keysight_generators.m8190a", "keysight_generators", ("", "M8190A")),
        Model("qick-tproc-v2", "transceiver", "qick.driver", "qick", ("QICK", "")),
        Model("qick-tproc-v1", "transceiver", "qick.driver", "qick"),
        Model("qm-opx", "transceiver", "", "quantum_machines"),
        Model("line-firmware", "firmware", "described"),
        Model("modbus-firmware", "firmware", "described"),
    )
}


OF_BOARDS = ("qick-tproc-v2", "qick-tproc-v1")
"""Models whose limits are those of one board, which says them itself: they have no table of their own."""
DESCRIBED = ("line-firmware", "modbus-firmware")
"""Models whose commands stand in lab.toml."""
HOSTED = ("qcodes", "pymeasure")
"""What stands before the colon of a model that names a class of another package."""


def model_of(name: str) -> Model:
    """Return the entry of a model.

    Raises
    ------
    RequestError
        If no driver knows it.
    """
    if name.partition(":")[0] in HOSTED:
        return Model(name, "hosted", "hosted.driver")
    try:
        return MODELS[name]
    except KeyError:
        raise RequestError(f"model {name!r} is not known; known are {', '.join(sorted(MODELS))}") from None


@cache
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
    check_entry(instrument)
    device: Device = _module(_driver(instrument.model)).open_driver(instrument, lab)
    return device


def import_driver(name: str) -> None:
    """Import what opens a model's instruments, ahead of the first one.

    A hosted driver's own package is left to the first one: it may start threads, or read the environment.

    Raises
    ------
    RequestError
        If the model is not known or not driven yet.
    """
    _module(_driver(name))
    _module("links.visa_port").import_backend()


def check_entry(instrument: Instrument) -> None:
    """Refuse rules and keys of an instrument in lab.toml that would not hold; nothing is opened.

    What a hosted driver's class has is known when it is open, and checked then.

    Raises
    ------
    RequestError
        With the path in lab.toml.
    """
    model = model_of(instrument.model)
    declared = _declaration(model, instrument)
    if declared is not None:
        declared.over(_module("links.rehearsal").RehearsalLink(instrument.name), instrument)
    elif instrument.parameter and model.kind != "hosted":
        raise RequestError(
            f"instruments.{instrument.name}.parameter.{next(iter(instrument.parameter))}: the driver of "
            f"{instrument.model} takes no rules for parameters; limits_v of its outputs bound them",
            instrument=instrument.name,
        )
    for key, words in unheard(instrument):
        raise RequestError(f"instruments.{instrument.name}.{key}: {words}", instrument=instrument.name)


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


FAMILIES = (
    "qblox",
    "zurich",
    "tektronix_awg5014",
    "tektronix_files",
    "keysight_generators",
    "tabor",
    "quantum_machines",
    "ions",
    "atoms",
    "keysight_infiniium",
    "qctl_trigger",
    "qctl_sequencer",
    "dc_sources",
    "microwave_sources",
)
"""Packages with ``capabilities``, in the order of docs/instruments.md. QICK has a table when its board has said one."""


def capabilities() -> dict[str, Capability]:
    """Return the table of every instrument that has one, by model; those that nothing compiles for yet, too."""
    tables = {name: table for family in FAMILIES for name, table in _module(f"{family}.capabilities").TABLES.items()}
    for name, model in MODELS.items():
        if name not in tables and model.driver and name not in (*OF_BOARDS, *DESCRIBED):
            tables[name] = _module("declared_table").declared_table(
                name, _module(model.driver), declared_commands(name)
            )
    return tables


def capability_of(name: str) -> Capability:
    """Return a model's table.

    Raises
    ------
    RequestError
        If there is none.
    """
    tables = capabilities()
    if name not in tables:
        raise RequestError(f"model {name!r} has no table of capabilities; there are {', '.join(sorted(tables))}")
    return tables[name]


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
    if instrument.model in DESCRIBED:
        commands = _declaration(model_of(instrument.model), instrument).commands
    else:
        commands = declared_commands(instrument.model)
    answer: str | bytes | None = _module("raw").speak(device, instrument, text, commands, block, timeout_s)
    return answer


def identity_queries() -> tuple[str, ...]:
    """Return what the models of instruments are asked who they are with, the usual query first."""
    found = ["*IDN?"]
    for model in MODELS.values():
        declared = _declaration(model)
        if declared is not None and declared.open_port is None:
            found.append(declared.dialect.identity_query)
    return tuple(dict.fromkeys(found))


def model_that_is(identity: str) -> str:
    """Return the driven model that an identity belongs to, the longest match first; empty if none does."""
    fields = [field.strip().lower() for field in identity.split(",")] + ["", ""]

    def fits(model: Model) -> bool:
        first, second = (part.lower() for part in model.identity)
        return bool(first or second) and fields[0].startswith(first) and fields[1].startswith(second)

    found = [model for model in MODELS.values() if model.driver and fits(model)]
    return max(found, key=lambda model: len("".join(model.identity))).name if found else ""


def needs_of(name: str) -> tuple[str, ...]:
    """Return what lab.toml must say of a declared model before all of it can be set, as lines to fill in."""
    declared = _declaration(model_of(name))
    return () if declared is None else tuple(declared.lab_lines())


def page_of(name: str) -> str:
    """Return the parameters of a declared model as a table in Markdown.

    Raises
    ------
    RequestError
        If there is no such model, or its driver is a class.
    """
    declared = _declaration(model_of(name))
    if declared is None:
        raise RequestError(f"model {name!r} is not declared by a table")
    return str(declared.page())


def _declaration(model: Model, instrument: Instrument | None = None) -> Any:
    """Return what a model, or one instrument, is declared by; None for a driver that is a class."""
    if instrument is not None and model.name in DESCRIBED:
        return _module(model.driver).declaration_of(instrument)
    if not model.driver or model.family or model.driver.startswith("hosted."):
        return None
    opener = getattr(_module(model.driver), "open_driver", None)
    return getattr(opener, "__self__", None)
