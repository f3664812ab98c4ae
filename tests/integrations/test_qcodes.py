"""QCoDeS over a server: the example's loop, parameters with labels and units, snapshots in one message, limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qcodes

import qctl
from qctl.errors import LimitError
from qctl.integrations.qcodes import QctlInstrument, qcodes_station


@pytest.fixture
def lab(bench: Any) -> Iterator[Any]:
    with qctl.connect(bench.server) as connected:
        yield connected
    qcodes.instrument.Instrument.close_all()


@pytest.fixture
def lo(lab: Any) -> QctlInstrument:
    return QctlInstrument("lo_drive", lab.instruments["lo_drive"])


def test_measurement_loop_of_the_example_runs(bench: Any, example: Any, tmp_path: Path) -> None:
    dataset = example("qcodes_loop").measure(bench.server, str(tmp_path / "loop.db"))
    found = dataset.to_xarray_dataset()
    assert dict(found.sizes) == {"lo_drive_power_dbm": 3, "dc0_output1_voltage_v": 5}
    assert np.array_equal(found["lo_drive_power_dbm"], [-20, -15, -10])
    assert found["dc0_output1_present_v"].attrs["units"] == "V"
    assert np.all(np.abs(found["dc0_output1_present_v"]) <= 2.1e-3)
    assert dataset.snapshot["station"]["instruments"]["lo_drive"]["parameters"]["power_dbm"]["unit"] == "dBm"


def test_parameters_have_label_unit_and_setter(lo: QctlInstrument) -> None:
    assert (lo.power_dbm.label, lo.power_dbm.unit, lo.power_dbm.full_name) == ("Power", "dBm", "lo_drive_power_dbm")
    lo.power_dbm(np.float64(-12.5))
    assert lo.power_dbm() == -12.5
    lo.output_on(True)
    assert lo.output_on() is True
    assert not lo.identity.settable
    with pytest.raises(TypeError):
        lo.power_dbm("much")
    assert lo.get_idn()["vendor"] == "Rohde&Schwarz"
    assert lo.ask("*IDN?").startswith("Rohde&Schwarz,SGS100A")


def test_value_outside_limits_is_never_sent(lo: QctlInstrument) -> None:
    lo.power_dbm(-20)
    with pytest.raises(LimitError, match="power_dbm = 11"):
        lo.power_dbm(11)
    assert lo.power_dbm() == -20


def test_snapshot_is_qcodes_own_and_takes_one_message(lo: QctlInstrument, monkeypatch: pytest.MonkeyPatch) -> None:
    lo.power_dbm(-17)

    def never(*_: Any) -> None:
        raise AssertionError("a parameter was asked for by itself")

    monkeypatch.setattr(type(lo._instrument), "get", never)
    entry = lo.snapshot(update=True)["parameters"]["power_dbm"]
    assert entry["value"] == entry["raw_value"] == -17
    wanted = {"full_name", "value", "raw_value", "ts", "instrument", "instrument_name", "name", "label", "unit"}
    assert wanted <= set(entry)


def test_station_has_the_instruments_of_the_lab(lab: Any) -> None:
    station = qcodes_station(lab, "lo_drive", "dc0")
    assert set(station.components) == {"lo_drive", "dc0"}
    assert station.dc0.output1_voltage_v.unit == "V"
    assert set(station.snapshot(update=True)["instruments"]) == {"lo_drive", "dc0"}
