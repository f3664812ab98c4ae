"""Which class emulates which model, and over which kind of link it is reached."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from qctl.errors import RequestError

__all__ = ["MODELS", "Model", "emulated_by", "faults_shown", "shown_by"]


class Model(NamedTuple):
    """One emulated model.

    Attributes
    ----------
    module, name : str
        Where its class is.
    link : str
        ``raw`` (SCPI socket), ``chassis`` (one for itself, and behind it one for each slot), ``hislip``, ``http``,
        ``labone`` (a data server), ``modbus`` (a socket), ``pyro`` (a board's server), ``pty`` (bytes) or ``serial`` (a
        SCPI box on a pty).
    """

    module: str
    name: str
    link: str


MODELS: dict[str, Model] = {
    "tektronix-awg5014c": Model("tektronix_awg5014c", "TektronixAwg5014c", "raw"),
    "keysight-33500b": Model("keysight_trueform", "Keysight33500b", "raw"),
    "keysight-33600a": Model("keysight_trueform", "Keysight33600a", "raw"),
    "keysight-m8190a": Model("keysight_m8190a", "KeysightM8190a", "raw"),
    "keysight-m8190a-12bit": Model("keysight_m8190a", "KeysightM8190a12bit", "raw"),
    "tabor-p2584m": Model("tabor_proteus", "TaborP2584m", "raw"),
    "tektronix-awg5200": Model("tektronix_awg_files", "TektronixAwg5200", "raw"),
    "tektronix-awg70000a": Model("tektronix_awg_files", "TektronixAwg70000a", "raw"),
    "keysight-infiniium-s": Model("keysight_infiniium", "KeysightInfiniium", "hislip"),
    "rohde-schwarz-sgs100a": Model("rohde_schwarz_sgs100a", "RohdeSchwarzSgs100a", "hislip"),
    "qdevil-qdac2": Model("qdevil_qdac2", "QdevilQdac2", "raw"),
    "spi-rack": Model("spi_rack", "SpiRack", "pty"),
    "qblox-cluster": Model("qblox.cluster", "QbloxCluster", "chassis"),
    "zurich-data-server": Model("zurich.data_server", "DataServer", "labone"),
    **dict.fromkeys(("qick-tproc-v2", "qick-tproc-v1"), Model("qick.board", "QickBoard", "pyro")),
    "qctl-atoms": Model("atom_register.box", "AtomRegister", "raw"),
    "qctl-trigger": Model("qctl_trigger", "QctlTrigger", "pty"),
    "qctl-sequencer": Model("qctl_sequencer", "QctlSequencer", "pty"),
    "bluefors-gen1": Model("bluefors", "BlueforsControl", "http"),
    "keysight-e8257d": Model("keysight_e8257d", "KeysightE8257d", "raw"),
    "lakeshore-335": Model("lakeshore", "Lakeshore335", "serial"),
    "lakeshore-336": Model("lakeshore", "Lakeshore336", "raw"),
    "lakeshore-372": Model("lakeshore", "Lakeshore372", "raw"),
    "minicircuits-rcdat": Model("minicircuits", "Attenuator", "raw"),
    "minicircuits-rc-spdt": Model("minicircuits", "Switches", "raw"),
    "shutter-box": Model("shutter_box", "ShutterBox", "pty"),
    "plain-shutter-box": Model("shutter_box", "PlainShutterBox", "pty"),
    "chiller": Model("chiller", "Chiller", "pty"),
    "chiller-tcp": Model("chiller", "Chiller", "modbus"),
    "water-valve": Model("water_units", "WaterValve", "pty"),
    "water-meter": Model("water_units", "WaterMeter", "pty"),
    "modbus-line": Model("modbus_units", "ModbusUnits", "pty"),
}


def emulated_by(name: str) -> tuple[Any, str]:
    """Return the class that emulates a model, and its link; ``MODULE:CLASS`` is one of a lab's own, on a pty.

    Raises
    ------
    RequestError
        If there is no such model.
    """
    module, colon, kind = name.partition(":")
    link = "pty"
    if not (colon and module and kind):
        if name not in MODELS:
            raise RequestError(f"model = {name!r} is not one of {', '.join(sorted(MODELS))}, nor MODULE:CLASS")
        own, kind, link = MODELS[name]
        module = f"qctl.hil.instruments.{own}"
    try:
        return getattr(importlib.import_module(module), kind), link
    except (ImportError, AttributeError) as error:
        raise RequestError(f"model = {name!r}: {error}") from error


def faults_shown(name: str) -> frozenset[str]:
    """Return the faults that a model shows and others don't: its box's own, and those of its kind of link.

    Raises
    ------
    RequestError
        If there is no such model.
    """
    kind, link = emulated_by(name)
    return frozenset(kind.own_faults) | shown_by(link)


def shown_by(link: str) -> frozenset[str]:
    """Return the faults that a kind of link shows and others don't."""
    return frozenset({"renamed"} if link in ("pty", "serial") else ())
