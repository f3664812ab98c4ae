"""A rack whose static biases come from an SPI rack: a voltage of a D5a and a current of an S4g move their qubits."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from whole_programs import check_bell, tuned_lab

import qctl
from qctl.calibration import experiments
from qctl.calibration.fits import fit_peak
from qctl.errors import DeviceError, LimitError
from qctl.hil.labs.draw import draw_lab

SEED = 3
LINE_OHM = 1e3
"""Of the virtual fridge's bias lines."""
SLEW_V_PER_S, SLEW_A_PER_S = 5.0, 5e-3


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the lab; tests leave its biases where they are."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("spi"), "spi2", SEED, timeout_s=1.0)
    try:
        yield lab
    finally:
        lab.end()


@pytest.fixture(autouse=True)
def mended(rack: Any) -> Iterator[None]:
    """Clear what a test has broken, and wait until every link is up again."""
    yield
    rack.clear()
    rack.all_up()


def true_hz(qubit: int, line_v: float) -> float:
    """Return a transmon's frequency at a static bias (Koch et al. 2007, eq. 2.18)."""
    true = draw_lab("spi2", SEED).processor.transmons[qubit]

    def curve(flux: float) -> float:
        return (math.cos(math.pi * flux) ** 2 + true.asymmetry**2 * math.sin(math.pi * flux) ** 2) ** 0.25

    rest = true.frequency_hz - true.anharmonicity_hz
    ratio = curve(true.flux_offset + true.dc_flux_per_v * line_v) / curve(true.flux_offset)
    return rest * ratio + true.anharmonicity_hz


def measured_hz(rack: Any, biases: tuple[float, float]) -> list[float]:
    """Return both qubits' frequencies at biases that a snapshot has for runs."""
    design = {f"q{k}": {"frequency_hz": true_hz(k, 0.0)} for k in (0, 1)}
    flux = ({"offset_v": biases[0]}, {"offset_a": biases[1]})
    qubits = {name: value | {"flux": one} for (name, value), one in zip(design.items(), flux, strict=True)}
    rack.client.write_snapshot("qpu0", {"qubits": qubits}, "a bias")
    detunings_hz = np.linspace(-110e6, 20e6, 131)
    program = experiments.spectroscopy(rack.client.calibration("qpu0"), ("q0", "q1"), detunings_hz, 150e-9)
    result = rack.client.run(program, shots=400, averaged=True).result(60)
    found = []
    for name, value in design.items():
        iq = np.asarray(result.iq[name]).reshape(-1)
        rest = np.median(iq)
        fit = fit_peak(detunings_hz, np.abs(iq - rest))
        assert fit.accepted, fit.reason
        found.append(value["frequency_hz"] + fit.values["centre"])
    return found


def test_biases_move_the_qubits_along_their_curves(rack: Any) -> None:
    lines_v = ((0.0, 0.0), (0.12, -0.1), (0.22, 0.2), (-0.15, 0.15))
    for first_v, second_v in lines_v:
        found = measured_hz(rack, (first_v, second_v / LINE_OHM))
        wanted = [true_hz(0, first_v), true_hz(1, second_v)]
        # Exchange with the neighbour moves either by under 0.1 MHz, the fit's error is about 0.5 MHz.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1.5e6)
    assert true_hz(0, 0.22) < true_hz(0, 0.0) - 50e6
    sources = rack.client.instruments
    assert sources["d5a0"].get("output1_present_v") == pytest.approx(-0.15, abs=4 / 2**18)
    assert sources["s4g0"].get("output1_present_a") == pytest.approx(0.15e-3, abs=0.05 / 2**18)


@pytest.mark.parametrize(
    ("name", "parameter", "limit"), [("d5a0", "output1_voltage_v", 1.0), ("s4g0", "output1_current_a", 1e-3)]
)
def test_limit_passes_and_what_is_over_it_is_never_sent(rack: Any, name: str, parameter: str, limit: float) -> None:
    source = rack.client.instruments[name]
    present = parameter.replace("voltage", "present").replace("current", "present")
    source.set(parameter, limit)
    rack.until(lambda: source.get(present) == source.get(parameter), "it is there")
    assert source.get(present) == pytest.approx(limit, rel=1e-3) and source.get(present) <= limit
    for value in (float(np.nextafter(limit, 2)), -float(np.nextafter(limit, 2)), math.nan, math.inf):
        with pytest.raises(LimitError, match=name):
            source.set(parameter, value)
    with pytest.raises(LimitError, match=name):
        source.raw(f"OUTP1:{'VOLT' if name == 'd5a0' else 'CURR'} {1.001 * limit!r}")
    assert source.get(present) == source.get(parameter)
    rack.client.safe(name)
    assert source.get(present) == 0.0


def test_safe_turns_a_ramp_round_and_waits_for_it(rack: Any) -> None:
    source = rack.client.instruments["d5a0"]
    source.set("output1_slew_v_per_s", 1.0)
    source.set("output1_voltage_v", 1.0)
    rack.until(lambda: source.get("output1_present_v") > 0.2, "it is on its way")
    begin_s, before_v = time.monotonic(), source.get("output1_present_v")
    assert before_v < 1.0
    rack.client.safe("d5a0")
    assert source.get("output1_present_v") == 0.0
    assert time.monotonic() - begin_s > 0.9 * (before_v - 0.05) / SLEW_V_PER_S
    source.set("output1_slew_v_per_s", SLEW_V_PER_S)


def test_cancel_while_a_bias_ramps_brings_it_to_its_safe_value(rack: Any) -> None:
    source = rack.client.instruments["s4g0"]
    source.set("output1_slew_a_per_s", 2e-4)
    rack.client.write_snapshot("qpu0", {"qubits": {"q1": {"flux": {"offset_a": 9e-4}}}}, "a far bias")
    circuit = qctl.Circuit(1)
    circuit.measure_all()
    job = rack.client.run(circuit, shots=10)
    rack.until(lambda: source.get("output1_present_a") > 5e-5, "the bias ramps")
    job.cancel()
    rack.until(lambda: job.state == "cancelled", "it is cancelled")
    assert source.get("output1_present_a") == 0.0
    source.set("output1_slew_a_per_s", SLEW_A_PER_S)
    rack.client.write_snapshot("qpu0", {"qubits": {"q1": {"flux": {"offset_a": 0.0}}}}, "no bias")


HOLDER = """
import sys, qctl
lab = qctl.connect(sys.argv[1])
lab.lease("d5a0", ttl_s=1.0)
lab.instruments["d5a0"].set("output1_slew_v_per_s", 0.5)
lab.instruments["d5a0"].set("output1_voltage_v", 0.8)
print("held", flush=True)
sys.stdin.read()
"""


def test_lease_that_dies_in_a_ramp_brings_its_outputs_to_their_safe_values(rack: Any) -> None:
    source = rack.client.instruments["d5a0"]
    command = [sys.executable, "-c", HOLDER, rack.address]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None and holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline() == "held\n"
        rack.until(lambda: source.get("output1_present_v") > 0.05, "it is on its way")
        holder.kill()
        holder.wait()
    rack.until(lambda: source.get("output1_voltage_v") == 0.0, "it is turned round")
    assert source.get("output1_present_v") == 0.0
    source.set("output1_slew_v_per_s", SLEW_V_PER_S)


def test_killed_controller_is_named_by_both_modules_and_both_come_back(rack: Any) -> None:
    sources = rack.client.instruments
    sources["d5a0"].set("output1_voltage_v", 0.3)
    lost = {name: rack.row(name)["n_lost"] for name in ("d5a0", "s4g0")}
    rack.kill("spi0")
    rack.until(lambda: all(rack.row(name)["n_lost"] > n for name, n in lost.items()), "both notice")
    rack.all_up()
    told = {one["parameter"]: one for one in rack.row("d5a0")["settings"]}
    assert told["output1_voltage_v"]["found"] == 0.0, "a rack that was off shows nothing"
    sources["d5a0"].set("output1_voltage_v", 0.1)
    rack.until(lambda: sources["d5a0"].get("output1_present_v") > 0.0999, "it can be set again")
    assert sources["s4g0"].get("output1_span") == "BI_HALF"


@pytest.mark.parametrize(("fault", "value"), [("silence", ""), ("cut", "2"), ("late_reply", "1.5")])
def test_broken_wire_is_an_error_by_name_and_mended(rack: Any, fault: str, value: str) -> None:
    lost = rack.row("d5a0")["n_lost"]
    rack.fault(fault, "d5a0", value)
    with pytest.raises(DeviceError, match="d5a0"):
        for _ in range(1000):
            rack.client.instruments["d5a0"].get("output1_present_v")
    assert rack.row("d5a0")["n_lost"] > lost or rack.link("d5a0") != "up"
    rack.clear()
    rack.all_up()
    assert rack.client.instruments["s4g0"].get("identity").startswith("QuTech,SPI rack,5,")


@pytest.mark.full
def test_rack_is_tuned_up_and_makes_a_bell_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    for lab in tuned_lab(tmp_path_factory.mktemp("tuned"), "spi2", SEED):
        check_bell(lab, tmp_path_factory.mktemp("bell"))
