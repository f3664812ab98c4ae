"""What must hold between values and wiring: amplitudes, offsets and frequencies that the outputs can make."""

from __future__ import annotations

from msgspec import UNSET

from qctl.lab.decoding import Problems, join
from qctl.lab.lab import Lab
from qctl.lab.rack import OutputRef, Port
from qctl.lab.transmon import FluxLine, TransmonProcessor

__all__ = ["check_values"]


def check_values(lab: Lab, problems: Problems) -> None:
    """Note what the wiring can't deliver; called only for a lab whose references all hold."""
    for port in lab.ports.values():
        _mixer(lab, port, problems)
    for name, processor in lab.processors.items():
        if isinstance(processor, TransmonProcessor):
            _transmons(lab, processor, join("processors", name), problems)


def _mixer(lab: Lab, port: Port, problems: Problems) -> None:
    for k, ref in enumerate((port.i, port.q)):
        if ref is None:
            continue
        output = lab.output(ref)
        offset_v = output.offset_v + port.mixer.offset_v[k]
        half = (output.amplitude_vpp or 0) / 2
        low, high = output.limits_v
        if offset_v - half < low or offset_v + half > high:
            at = f"{join(join('ports', port.name), 'mixer')}.offset_v[{k}]"
            problems.add(at, f"{offset_v:g} V with {2 * half:g} Vpp goes outside limits_v [{low:g}, {high:g}] of {ref}")


def _transmons(lab: Lab, processor: TransmonProcessor, path: str, problems: Problems) -> None:
    shared: dict[OutputRef, list[tuple[str, float]]] = {}
    for name, qubit in processor.qubit.items():
        at = join(join(path, "qubit"), name)
        drive, readout = (_needed(lab, name, role, at, problems) for role in ("drive", "readout"))
        if drive is not None:
            _amplitude(lab, drive, qubit.drive.amplitude_v, f"{at}.drive.amplitude_v", problems)
            _carrier(lab, drive, qubit.frequency_hz, f"{at}.frequency_hz", problems)
        if readout is not None:
            _carrier(lab, readout, qubit.readout.frequency_hz, f"{at}.readout.frequency_hz", problems)
            for ref in readout.outputs:
                shared.setdefault(ref, []).append((name, qubit.readout.amplitude_v))
        if qubit.flux is not None:
            _bias(lab, name, qubit.flux, f"{at}.flux", problems)
    for ref, users in shared.items():
        total, half = sum(amplitude for _, amplitude in users), (lab.output(ref).amplitude_vpp or 0) / 2
        if total > half:
            at = f"{join(join(path, 'qubit'), users[-1][0])}.readout.amplitude_v"
            who = ", ".join(name for name, _ in users)
            problems.add(at, f"{total:g} V of {who} together is above the {half:g} V peak of {ref}")
    for name, coupler in processor.coupler.items():
        at = join(join(path, "coupler"), name)
        flux = _needed(lab, coupler.flux_qubit, "flux", f"{at}.flux_qubit", problems)
        if flux is not None:
            _amplitude(lab, flux, abs(coupler.cz.amplitude_v), f"{at}.cz.amplitude_v", problems)


def _needed(lab: Lab, qubit: str, role: str, path: str, problems: Problems) -> Port | None:
    port = lab.ports.get(f"{qubit}.{role}")
    if port is None or (role != "readout" and not port.outputs):
        problems.add(path, f"there is no port {qubit}.{role} with an output")
        return None
    return port


def _amplitude(lab: Lab, port: Port, amplitude_v: float, path: str, problems: Problems) -> None:
    for ref in port.outputs:
        half = (lab.output(ref).amplitude_vpp or 0) / 2
        if amplitude_v > half:
            problems.add(path, f"{amplitude_v:g} V is above the {half:g} V peak of {ref}")
            return


def _carrier(lab: Lab, port: Port, frequency_hz: float, path: str, problems: Problems) -> None:
    """Refuse a tone that the instruments' sample rates can't hold."""
    carrier_hz = lab.carrier_hz(port) or 0.0
    offset_hz = frequency_hz - carrier_hz
    for ref in port.connectors:
        half_hz = (lab.instrument(ref.instrument).clock_hz or 0.0) / 2
        if abs(offset_hz) >= half_hz:
            problems.add(
                path,
                f"{frequency_hz:g} Hz is {offset_hz:+g} Hz from {port.lo or 'zero'}, "
                f"outside +-{half_hz:g} Hz, half the clock of {ref.instrument}",
            )
            return


def _bias(lab: Lab, qubit: str, flux: FluxLine, path: str, problems: Problems) -> None:
    """Note a bias that the port's DC output can't make: a voltage of a current source, and the other way round."""
    port = lab.ports.get(f"{qubit}.flux")
    dc = None if port is None else port.dc
    source = None if dc is None else lab.instruments[dc.instrument].current.get(dc.output)
    offset_a = None if flux.offset_a is UNSET else flux.offset_a
    for key, unit, value in (("offset_v", "V", flux.offset_v or None), ("offset_a", "A", offset_a)):
        at = join(path, key)
        if value is None:
            continue
        if dc is None:
            problems.add(at, f"{value:g} {unit}, but there is no port {qubit}.flux with dc")
        elif (source is not None) is not (unit == "A"):
            what = f"a source of {'voltages: it takes offset_v' if source is None else 'currents: it takes offset_a'}"
            problems.add(at, f"{value:g} {unit}, but {dc} is {what}")
        else:
            name = "limits_v" if source is None else "limits_a"
            low, high = lab.output(dc).limits_v if source is None else source.limits_a
            if not low <= value <= high:
                problems.add(at, f"{value:g} {unit} is outside {name} [{low:g}, {high:g}] of {dc}")
