"""Sweep a voltage and a power in a QCoDeS measurement over a server's instruments, and print the dataset's shape."""

from __future__ import annotations

import sys

import numpy as np
import qcodes
from qcodes.dataset import Measurement, initialise_or_create_database_at, load_or_create_experiment

import qctl
from qctl.integrations.qcodes import QctlInstrument


def measure(server: str, database: str) -> qcodes.dataset.DataSetProtocol:
    """Return the dataset of a sweep of two settings."""
    with qctl.connect(server) as lab:
        lo = QctlInstrument("lo_drive", lab.instruments["lo_drive"])
        dc = QctlInstrument("dc0", lab.instruments["dc0"])
        station = qcodes.Station(lo, dc)
        initialise_or_create_database_at(database)
        experiment = load_or_create_experiment("existing_scripts", "sample")

        loop = Measurement(experiment, station, "power_and_bias")
        loop.register_parameter(lo.power_dbm)
        loop.register_parameter(dc.output1_voltage_v)
        loop.register_parameter(dc.output1_present_v, setpoints=(lo.power_dbm, dc.output1_voltage_v))
        with loop.run() as saver:
            for power_dbm in np.linspace(-20, -10, 3):
                lo.power_dbm(power_dbm)
                for voltage_v in np.linspace(0, 2e-3, 5):
                    dc.output1_voltage_v(voltage_v)
                    saver.add_result(
                        (lo.power_dbm, power_dbm),
                        (dc.output1_voltage_v, voltage_v),
                        (dc.output1_present_v, dc.output1_present_v()),
                    )
        for instrument in (lo, dc):
            instrument.close()
        return saver.dataset


if __name__ == "__main__":
    print(measure(sys.argv[1], sys.argv[2]).to_xarray_dataset())
