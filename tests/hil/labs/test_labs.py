"""Built-in labs: every seed gives a lab.toml that loads, design values that are off, truth that holds."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from built_in_lab import lab_of

from qctl.errors import RequestError
from qctl.hil.labs import kinds
from qctl.hil.labs.atoms import ATOM_LABS, true_atoms
from qctl.hil.labs.description import boxes_of, describe_lab
from qctl.hil.labs.draw import LABS, LO_READOUT_HZ, draw_lab
from qctl.hil.labs.kinds import drawn
from qctl.hil.labs.truth import READOUT_DELAY_S, READOUT_V, readout_hz, true_values
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.readout import Window, answer_readout
from qctl.hil.physics.shots import draw_shots
from qctl.hil.plant.file import read_plant_file
from qctl.lab import parse_lab


@pytest.mark.parametrize("name", LABS)
@pytest.mark.parametrize("seed", range(8))
def test_lab_loads_and_its_design_values_are_off_by_what_is_stated(name, seed):
    file, lab = draw_lab(name, seed), lab_of(name, seed)
    truth = true_values(file.processor)
    processor = lab.processors["qpu0"]
    assert list(truth["qubits"]) == list(processor.qubits)
    for qubit, true in truth["qubits"].items():
        design = processor.qubit[qubit]
        assert abs(design.frequency_hz - true["frequency_hz"]) < 3.1e7
        assert 0.79 < design.drive.amplitude_v / true["amplitude_v"] < 1.21
        assert 0.97 < true["readout_matrix"][0][0] < 1 and 0.95 < true["readout_matrix"][1][1] < 0.995
        assert true["t2_s"] < 2 * true["t1_s"]
    for pair, true in truth["couplers"].items():
        assert pair in processor.coupler
        assert abs(true["zz_hz"]) < 4.5e3
        assert 7.5e-8 < true["cz_length_s"] < 9e-8


def test_same_seed_gives_the_same_lab_and_another_seed_another():
    assert draw_lab("transmon5", 7) == draw_lab("transmon5", 7)
    assert draw_lab("transmon5", 7) != draw_lab("transmon5", 8)
    with pytest.raises(RequestError, match="not one of"):
        draw_lab("transmon6", 1)


@pytest.mark.parametrize("seed", range(20))
def test_transmons_keep_clear_of_each_others_resonances(seed):
    transmons = draw_lab("transmon5", seed).processor.transmons
    bare = [t.frequency_hz for t in transmons]
    assert min(abs(a - b) for i, a in enumerate(bare) for b in bare[:i]) > 8e6
    for high, (left, right) in {2: (1, 3)}.items():
        for low, other in ((left, right), (right, left)):
            pulsed = bare[low] - transmons[high].anharmonicity_hz
            for resonance in (0.0, -transmons[high].anharmonicity_hz, transmons[other].anharmonicity_hz):
                assert abs(pulsed - bare[other] - resonance) > 9e7


def test_readout_matrix_is_what_single_shots_show():
    processor = draw_lab("transmon2", 3).processor
    times = np.arange(1200) / 1.2e9
    tones = [np.exp(2j * np.pi * (readout_hz(t) - LO_READOUT_HZ) * times) for t in processor.transmons]
    drive = (Run(0, READOUT_V * sum(tones)),)
    lines = Lines(1.2e9, ((), ()), (5.1e9, 5.1e9), ((), ()), (0.0, 0.0), drive, LO_READOUT_HZ)
    answer = answer_readout(processor, lines, Window(READOUT_DELAY_S, 5e8, 500))
    seen = READOUT_DELAY_S + np.arange(500) / 5e8
    turn = np.exp(-2j * np.pi * (readout_hz(processor.transmons[0]) - LO_READOUT_HZ) * seen)
    ideal = [answer.path(0, level) @ turn for level in (0, 1)]
    middle, axis = sum(ideal) / 2, ideal[1] - ideal[0]
    thermal = processor.transmons[0].thermal / (1 + processor.transmons[0].thermal)
    n = 20_000
    for prepared, row in enumerate(true_values(processor)["qubits"]["q0"]["readout_matrix"]):
        start = np.array([1 - thermal, thermal, 0.0])
        populations = start if prepared == 0 else start[[1, 0, 2]]
        rest = np.array([1.0, 0.0, 0.0])
        records = draw_shots(answer, [((0,), populations), ((1,), rest)], ("i", "q"), n, np.random.default_rng(1))
        points = (records[:, 0] + 1j * records[:, 1]) @ turn
        ones = np.mean(((points - middle) * np.conj(axis)).real > 0)
        # five standard errors of a binomial
        assert abs(ones - row[1]) < 5 * math.sqrt(row[1] * (1 - row[1]) / n) + 2e-4


def test_example_of_a_mixed_rack_is_the_built_in_one_at_other_addresses():
    file = draw_lab("open-architecture", 3)
    text = (Path(__file__).parents[3] / "docs" / "examples" / "open_architecture.toml").read_text("utf-8")
    lab = parse_lab(text)
    served = lab.instruments["qa0"].address.rpartition("/")[0]
    addresses = {name: served if name == "zds0" else lab.instruments[name].address for name in boxes_of(file)}
    made = parse_lab(describe_lab("open-architecture", file, addresses)).instruments
    assert {**made, "qcm0": None} == {**lab.instruments, "qcm0": None}  # a module's port is behind its chassis'


@pytest.mark.parametrize("name", ATOM_LABS)
@pytest.mark.parametrize("seed", range(4))
def test_lab_of_atoms_loads_and_its_truth_is_near(name, seed):
    file = drawn(name, seed)
    lab = parse_lab(kinds.described(name, file, dict.fromkeys(kinds.boxes_of(file), "TCPIP::127.0.0.1::40000::SOCKET")))
    assert read_plant_file(msgspec.json.encode(file)) == file
    (processor,) = lab.processors.values()
    assert file.atoms is not None
    assert processor.rydberg.c6_rad_m6_per_s == file.atoms.c6_rad_m6_per_s
    assert set(processor.qubits) == set(true_atoms(file.atoms)["qubits"])
    assert np.abs(file.atoms.offset_m).max() < 2e-7
    for light in file.atoms.light.values():
        assert abs(light.rabi_scale - 1) < 0.006 and abs(light.detuning_hz) < 2.1e4
    assert file == drawn(name, seed) != drawn(name, seed + 1)


@pytest.mark.parametrize("name", ["transmon1", "atoms9", "ions1"])
def test_a_seed_below_zero_is_refused(name):
    with pytest.raises(RequestError, match=r"seed = -5 of lab '.*' is not a whole number from 0 on"):
        drawn(name, -5)
