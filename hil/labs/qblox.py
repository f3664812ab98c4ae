"""What lab.toml says of emulated Qblox modules, and of the ports of those whose mixers and LOs are inside."""

from __future__ import annotations

from qctl.hil.instruments.qblox.module import KINDS
from qctl.hil.plant.cables import Cables, connector

__all__ = ["MODULES", "RF", "module_lines", "rf_ports"]

MODULES = {"qcm": "qblox-qcm", "qrm": "qblox-qrm"}
RF = {"rfc": "qblox-qcm-rf", "rfr": "qblox-qrm-rf", "qrc": "qblox-qrc"}
"""Models with mixers inside, and those without, by the first letters of a module's name."""
_ATTENUATION_DB = {"qblox-qcm-rf": 0, "qblox-qrm-rf": 6, "qblox-qrc": 1.5}
_IN_ATTENUATION_DB = 2
_QRC_LO_HZ = {1: 7.0e9, 3: 5.3e9, 4: 4.9e9}
"""Of the outputs of a QRC: multiples of 100 MHz."""


def module_lines(model: str, outputs: set[int], lo_hz: float, reads: bool) -> list[str]:
    """Return the lines of a module's connectors.

    Parameters
    ----------
    outputs : set of int
        Converters that have cables; an RF connector has two.
    lo_hz : float
        Of RF outputs; a QRC has one of its own for each.
    reads : bool
        Whether its inputs have cables, too.
    """
    top_v, los, more, inputs = KINDS[model].full_scale_v, dict[int, float](), "", ["range_v = 1.0"] * 2
    if model in RF.values():
        outputs, attenuation_db = set(map(_whole, outputs)), _ATTENUATION_DB[model]
        los = _QRC_LO_HZ if model == RF["qrc"] else dict.fromkeys(outputs, lo_hz)
        top_v *= 10 ** (-attenuation_db / 20)
        more = f", attenuation_db = {attenuation_db:.1f}"
        inputs = [f"range_v = 1.0, attenuation_db = {_IN_ATTENUATION_DB}.0"]
    limits = f"limits_v = [{-top_v:.6}, {top_v:.6}], amplitude_vpp = {2 * top_v:.6}"
    lines = []
    for n in sorted(outputs):
        lo = f", lo_hz = {los[n] / 1e9:.2f}e9" if los else ""
        lines.append(f"output.{n} = {{ {limits}{lo}{more} }}")
    return lines + [f"input.{n} = {{ {one} }}" for n, one in enumerate(inputs, 1) if reads]


def rf_ports(name: str, number: int, cables: Cables) -> list[str]:
    """Return the ports of one transmon that RF modules drive and read out."""
    drive, flux = connector(cables.drive[number].i), cables.flux[number]
    (out, channel), (box, receiver) = connector(cables.readout.i), connector(cables.readout.acquire_i)
    return [
        f'[ports."{name}.drive"]',
        f'output = "{drive[0]}:{_whole(drive[1])}"',
        "",
        f'[ports."{name}.flux"]',
        f'output = "{flux.output}"',
        f'dc = "{flux.dc}"',
        "",
        f'[ports."{name}.readout"]',
        f'output = "{out}:{_whole(channel)}"',
        f'acquire = "{box}:{_whole(receiver)}"',
        'feedline = "f0"',
        "",
    ]


def _whole(converter: int) -> int:
    """Return the connector that one of I and Q is at."""
    return (converter + 1) // 2
