"""Built-in labs of ions: a file that survives JSON, a lab.toml in order, and values that are near the truth."""

from __future__ import annotations

import msgspec
import pytest

from qctl.errors import RequestError
from qctl.hil.labs.ions import LABS, gate_v, half_pulse_v
from qctl.hil.labs.kinds import boxes_of, described, drawn, truth_of
from qctl.hil.plant.file import IonFile, PlantFile, read_plant_file
from qctl.lab import parse_lab
from qctl.lab.ion import IonProcessor


@pytest.mark.parametrize("name", LABS)
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_lab_of_ions_is_in_order(name: str, seed: int) -> None:
    file = drawn(name, seed)
    assert isinstance(file, IonFile) and boxes_of(file) == {"ctl0": "qctl-sequencer"}
    assert read_plant_file(msgspec.json.encode(file)) == file
    lab = parse_lab(described(name, file, {"ctl0": "ASRL/dev/ttyACM0::INSTR"}))
    processor = lab.processor("qpu0")
    assert isinstance(processor, IonProcessor) and len(processor.qubits) == LABS[name]
    assert len(processor.coupler) == LABS[name] * (LABS[name] - 1) // 2
    truth = truth_of(file)
    for k, (qubit, true) in enumerate(truth["qubits"].items()):
        assert processor.qubit[qubit].drive.amplitude_v == pytest.approx(true["amplitude_v"], rel=0.016)
        assert true["amplitude_v"] == half_pulse_v(file.chain, k)
    for pair, true in truth["couplers"].items():
        volts = processor.coupler[pair].ms.amplitude_v
        assert volts == pytest.approx(true["amplitude_v"], rel=0.016) and 2 * volts < 0.5
    assert drawn(name, seed) == file != drawn(name, seed + 1)


def test_a_gate_of_the_common_mode_alone_needs_half_its_detuning() -> None:
    file = drawn("ions4", 1)
    chain = msgspec.structs.replace(file).chain
    alone = type(chain)(chain.ions, chain.modes[:1] * 2, chain.beams)
    # eta Omega = delta / 2 for one mode; counted twice here, so that it takes 1 / sqrt(2) of that.
    eta = chain.modes[0].lamb_dicke[0]
    strengths = [beam.strength_per_v for beam in chain.beams if beam.kind == "drive"][:2]
    volts = gate_v(alone, 0, 1) * (strengths[0] * strengths[1]) ** 0.5
    assert volts == pytest.approx(1e4 / 2 / eta / 2**0.5, rel=0.02)


def test_other_labs_are_still_drawn_and_unknown_ones_refused() -> None:
    assert isinstance(drawn("transmon2", 1), PlantFile)
    assert read_plant_file(msgspec.json.encode(drawn("transmon1", 1))) == drawn("transmon1", 1)
    with pytest.raises(RequestError, match="ions9"):
        drawn("ions9", 1)
