"""What lab.toml says of emulated Zurich Instruments boxes: devices behind one data server, converters inside them."""

from __future__ import annotations

from qctl.hil.instruments.zurich.data_server import device_id
from qctl.hil.instruments.zurich.trees import KINDS
from qctl.hil.plant.cables import Cables, connector

__all__ = ["DATA_SERVER", "address_of", "instrument_lines", "lab_output", "port_lines"]

DATA_SERVER = "zurich-data-server"
_DRIVE = "limits_v = [-1.0, 1.0], amplitude_vpp = 2.0"
_HEAD_S = 8e-8
"""From a trigger to time zero of the shot; boxes that play at once are delayed by it."""
_READOUT_VPP = 0.6324555
"""0 dBm into 50 ohm."""
_UHF_VPP, _UHF_INPUT_VPP = 0.3, 0.6
"""Ranges of a UHFQA's outputs and inputs."""
_READOUT = f"limits_v = [-0.36, 0.36], amplitude_vpp = {_READOUT_VPP}"


def address_of(server: str, slot: int) -> str:
    """Return the address of a device, given that of its data server."""
    return f"{server}/{device_id(slot)}"


def lab_output(place: str, model: str) -> str:
    """Return the connector of lab.toml that an output of the plant is part of: a converter takes I and Q of its own."""
    box, number = connector(place)
    return f"{box}:{(number + 1) // 2}" if KINDS[model].n_sg or KINDS[model].n_qa else place


def instrument_lines(
    model: str, outputs: set[int], los_hz: tuple[float, float], trigger: str, delay_s: float = 0.0,
    with_uhf: bool = False,
) -> list[str]:  # fmt: skip
    """Return the lines of an instrument behind its address.

    Parameters
    ----------
    outputs : set of int
        Outputs that the plant knows and that have cables.
    los_hz : (float, float)
        Centre frequencies of drives and of the readout.
    trigger : str
        The line that its trigger wire comes from ("qc0:1"); empty for none.
    delay_s : float
        How long after that trigger it plays, where that is more than its programs take.
    with_uhf : bool
        Whether there is a UHFQA, beside which an HDAWG has 2.4 GSa/s.
    """
    kind = KINDS[model]
    if kind.n_zsync:
        lines = ["timeout_s = 10.0", f"clock_hz = {kind.rate_hz!r}", 'reference = "internal"']
        return lines + [f"line.{k} = {{}}" for k in (1, 2, 3)]
    rate_hz = 1.8e9 if kind.n_uh else 2.4e9 if with_uhf else 2.0e9
    lines = ["timeout_s = 10.0", f"clock_hz = {rate_hz!r}", 'reference = "external"', 'safe = { outputs = "off" }']
    if trigger:
        source, line = connector(trigger)
        delay_s = delay_s or (_HEAD_S if source.startswith("trig") else 0.0)
        lines.append(f'trigger = {{ source = "{source}", line = {line}, delay_s = {delay_s} }}')
    else:
        lines.append("line.1 = { width_s = 1.0e-7 }")
    if kind.n_hd:
        return lines + [f"output.{n} = {{ {_DRIVE} }}" for n in sorted(outputs)]
    if kind.n_uh:
        span = f"limits_v = [-{_UHF_VPP / 2}, {_UHF_VPP / 2}], amplitude_vpp = {_UHF_VPP}"
        lines += [f"output.{n} = {{ {span} }}" for n in sorted(outputs)]
        return lines + [f"input.{n} = {{ range_v = {_UHF_INPUT_VPP} }}" for n in (1, 2)]
    channels = sorted({(n + 1) // 2 for n in outputs})
    for n in channels:
        reads = n > kind.n_sg
        lo_hz = los_hz[1] if reads else los_hz[0]
        lines.append(f"output.{n} = {{ {_READOUT if reads else _DRIVE}, lo_hz = {lo_hz / 1e9:.1f}e9 }}")
        if reads:
            lines.append(f"input.{n - kind.n_sg} = {{ range_v = {_READOUT_VPP} }}")
    return lines


def port_lines(name: str, number: int, cables: Cables, models: dict[str, str]) -> list[str]:
    """Return the ports of one transmon that such a box reads out; `models` are those of all such boxes, by name."""
    drive, flux = cables.drive[number], cables.flux[number]
    box, channel = connector(cables.readout.acquire_i)

    def connector_of(place: str) -> str:
        model = models.get(connector(place)[0])
        return place if model is None else lab_output(place, model)

    lines = [f'[ports."{name}.drive"]']
    if connector(drive.i)[0] in models and "." in drive.lo:
        lines += [f'output = "{connector_of(drive.i)}"', ""]
    else:
        lines += [f'i = "{drive.i}"', f'q = "{drive.q}"', f'lo = "{drive.lo}"', ""]
    if flux.output:
        lines += [f'[ports."{name}.flux"]', f'output = "{connector_of(flux.output)}"', f'dc = "{flux.dc}"', ""]
    lines.append(f'[ports."{name}.readout"]')
    if "." not in cables.readout.lo:
        feed = cables.readout
        lines += [f'i = "{feed.i}"', f'q = "{feed.q}"', f'lo = "{feed.lo}"']
        return [*lines, f'acquire_i = "{feed.acquire_i}"', f'acquire_q = "{feed.acquire_q}"', 'feedline = "f0"', ""]
    return [
        *lines,
        f'output = "{connector_of(cables.readout.i)}"',
        f'acquire = "{box}:{(channel + 1) // 2}"',
        'feedline = "f0"',
        "",
    ]
