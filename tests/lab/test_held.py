"""Held labs: one object for one content, whatever is done to what was given, and what is kept of it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import qctl
from qctl.lab import held as module
from qctl.lab import load_lab
from qctl.lab.held import Same, held, kept
from qctl.lab.snapshot import Snapshot, effective
from qctl.program.opcodes import Op

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"
QBLOX = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"


def louder(lab, volts):
    """Give a lab's first qubit another amplitude, in the place of the old one."""
    table = lab.processors["qpu0"].qubit
    drive = msgspec.structs.replace(table["q0"].drive, amplitude_v=volts)
    table["q0"] = msgspec.structs.replace(table["q0"], drive=drive)


def test_the_same_content_is_the_same_object_and_not_the_callers():
    one, other = load_lab(LAB), load_lab(LAB)
    found = held(one)
    assert found == one and found is not one
    assert held(other) is found and held(one) is found and held(found) is found
    assert found.processors["qpu0"].qubit is not one.processors["qpu0"].qubit


def test_a_lab_that_is_changed_in_place_is_another_one():
    lab = load_lab(LAB)
    before = held(lab)
    louder(lab, 0.111)
    after = held(lab)
    assert after is not before
    assert before.processors["qpu0"].qubit["q0"].drive.amplitude_v != 0.111
    assert after.processors["qpu0"].qubit["q0"].drive.amplitude_v == 0.111
    del lab.instruments[next(reversed(lab.instruments))]
    assert held(lab) is not after


def test_values_are_kept_for_held_labs_alone_and_errors_are_not():
    lab, made = load_lab(LAB), []

    def make():
        made.append(len(made))
        return made[-1]

    assert [kept(held(lab), "test_held", make), kept(held(load_lab(LAB)), "test_held", make)] == [0, 0]
    assert [kept(lab, "test_held", make), kept(lab, "test_held", make)] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        kept(held(lab), "test_held fails", lambda: 1 // 0)
    assert kept(held(lab), "test_held fails", lambda: 7) == 7


def test_the_labs_that_were_used_longest_ago_are_dropped():
    lab = load_lab(LAB)
    first = held(lab)
    for k in range(module._MOST_HELD):
        louder(lab, 0.2 + 1e-3 * k)
        held(lab)
    assert len(module._by_content) == len(module._by_copy) == module._MOST_HELD
    assert held(load_lab(LAB)) is not first
    assert kept(first, "test_held dropped", lambda: 3) == 3


def test_a_key_is_equal_to_itself_alone():
    one, other = [1], [1]
    assert Same(one) == Same(one) != Same(other)
    assert hash(Same(one)) == hash(Same(one)) and Same(one) != one


@pytest.mark.parametrize("path", [LAB, QBLOX])
def test_compiling_again_in_a_changed_lab_or_snapshot_is_compiling_anew(path):
    def played(lab, snapshot=None):
        sequences = qctl.Sequences([Op.SX, Op.RZ, Op.SX, Op.MEASURE], [0] * 4, [0, 0.4, 0, 0])
        ready = qctl.compile(sequences, lab, shots=10, snapshot=snapshot)
        amplitude = float(ready.straights[0].plays["amplitude"][0])
        return amplitude, [(p.instrument, p.body, {k: np.array(v) for k, v in p.blobs.items()}) for p in ready.programs]

    lab = load_lab(path)
    first = played(lab)
    louder(lab, 0.07)
    second = played(lab)
    assert (first[0], second[0]) == (load_lab(path).processors["qpu0"].qubit["q0"].drive.amplitude_v, 0.07)
    assert str(first[1]) != str(second[1]) and str(played(load_lab(path))[1]) == str(first[1])
    qubits = {"q0": effective(lab, "qpu0").qubits["q0"]}
    snapshot = Snapshot(number=1, time_s=0.0, processor="qpu0", qubits=qubits)
    assert played(load_lab(path), snapshot)[0] == 0.07
    snapshot.qubits["q0"] = load_lab(path).processors["qpu0"].qubit["q0"]
    assert played(load_lab(path), snapshot)[0] == first[0]
