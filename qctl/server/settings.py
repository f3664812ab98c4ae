"""What a processor's instruments are set to before a run: carriers and static biases."""

from __future__ import annotations

from typing import Any

from qctl.lab import Lab
from qctl.lab.snapshot import Values

__all__ = ["run_settings"]


def run_settings(lab: Lab, values: Values) -> dict[str, dict[str, Any]]:
    """Return instrument → parameter → value for a run on the processor of `values`.

    Parameters
    ----------
    lab : Lab
        The wiring: local oscillators with their frequency and power, DC outputs of flux lines.
    values : Values
        The calibration in effect: voltage of each static bias.
    """
    settings: dict[str, dict[str, Any]] = {}
    for port in lab.ports_of(values.processor):
        if port.lo is not None:
            source = lab.instrument(port.lo)
            wanted: dict[str, Any] = {}
            if source.frequency_hz is not None:
                wanted["frequency_hz"] = source.frequency_hz
            if source.power_dbm is not None:
                wanted["power_dbm"] = source.power_dbm
            settings[port.lo] = {**wanted, "output_on": True}
        flux = getattr(values.qubits.get(port.target), "flux", None)
        if port.dc is not None and flux is not None:
            settings.setdefault(port.dc.instrument, {})[f"output{port.dc.output}_voltage_v"] = flux.offset_v
    return settings
