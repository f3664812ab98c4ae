"""Sequences from arrays give the device programs that the same gates give as programs; a cache gives them twice."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, RequestError
from qctl.lab import load_lab
from qctl.program.opcodes import Op

SUPPORT = Path(__file__).parents[1] / "support"
QBLOX = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"
RZ, SX, CZ, MEASURE, DELAY, BARRIER = Op.RZ, Op.SX, Op.CZ, Op.MEASURE, Op.DELAY, Op.BARRIER


def random_sequences(seed, n_qubits, n_sequences):
    """Return the arrays of random sequences, and the same as programs on named qubits."""
    rng = np.random.default_rng(seed)
    rows, offsets, programs = [], [0], []
    for _ in range(n_sequences):
        p = qctl.Program(qubits=["q0", "q1"][:n_qubits], bits=["q0", "q1"][:n_qubits])
        for _ in range(int(rng.integers(1, 12))):
            for q in range(n_qubits):
                angle = float(rng.normal())
                p.rz(angle, q)
                p.sx(q)
                rows += [(RZ, q, angle, 0), (SX, q, 0, 0)]
            p.barrier(*range(n_qubits))
            rows.append((BARRIER, 0, 0, 0))
            if n_qubits == 2 and rng.random() < 0.5:
                seconds = float(rng.choice([4e-9, 1.7e-8, 6e-6]))
                p.cz(0, 1)
                p.delay(1, seconds)
                rows += [(CZ, 0, 0, 1), (DELAY, 1, seconds, 0)]
        for q in range(n_qubits):
            p.measure(q, q)
            rows.append((MEASURE, q, 0, 0))
        offsets.append(len(rows))
        programs.append(p)
    ops, qubits, angles, second = (np.array(column) for column in zip(*rows, strict=True))
    return (ops.astype(int), qubits, angles, offsets, second), programs


def played(ready):
    """Return all that instruments would be sent."""
    return [
        (one.instrument, one.body, {k: v.tobytes() for k, v in one.blobs.items()}, one.n_points, one.usage)
        for one in ready.programs
    ]


@pytest.mark.parametrize("lab", ["transmon5", "qblox2"])
@pytest.mark.parametrize("n_qubits", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_arrays_give_the_device_programs_that_programs_give(lab, n_qubits, seed):
    arrays, programs = random_sequences(seed, n_qubits, 7)
    rack = load_lab(QBLOX if lab == "qblox2" else SUPPORT / f"{lab}.toml")
    ours = qctl.compile(qctl.Sequences(*arrays), rack, shots=20)
    theirs = qctl.compile(programs, rack, shots=20)
    assert played(ours) == played(theirs)
    assert tuple(ours.straights[3].labels) == tuple(theirs.straights[3].labels)
    assert ours.lowered.n_points == len(ours.straights) == 7
    (part,) = ours.lowered.parts
    assert part.axes[0].name == "sequence" and part.bits == ("q0", "q1")[:n_qubits]
    assert [c.n_points for c in part.captures] == [7] * n_qubits


def test_sequences_that_capture_differently_are_parts_of_their_own():
    rack = load_lab(SUPPORT / "transmon5.toml")
    s = qctl.Sequences([SX, MEASURE, SX, MEASURE], [0, 0, 1, 1], offsets=[0, 2, 4], names=["q0", "q2"])
    parts = qctl.compile(s, rack).lowered.parts
    assert [[c.qubit for c in part.captures] for part in parts] == [["q0"], ["q2"]]
    assert [part.first_point for part in parts] == [0, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([Op.H], [0]), "opcode = 260.*gate 0; sequences have rz, sx, cz"),
        (([Op.SX], [0, 1]), "1, 2, 1, 2 rows"),
        (([Op.SX], [-1]), "qubit = -1 is not allowed at gate 0 of 1 qubits"),
        (([Op.SX, 5000], [0, 0]), "opcode = 5000"),
        (([Op.RZ], [0], [np.nan]), "angle = nan"),
        (([Op.SX], [0], None, [0, 2]), "go up from 0 to 1"),
        (([Op.SX], [0], None, [0]), "two rows or more"),
        (([Op.CZ], [0]), "give `second`"),
        (([Op.CZ], [0], None, None, [0]), "second qubit = 0"),
        (([1.5], [0]), "float64 of shape"),
        (([Op.SX], [2], None, None, None, ["q0"]), "qubit = 2 .* of 1"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(given, message):
    with pytest.raises(RequestError, match=message):
        qctl.Sequences(*given)


def test_qubits_that_the_processor_lacks_are_refused():
    rack = load_lab(QBLOX)
    with pytest.raises(CompileError, match="3 qubits, the processor 2"):
        qctl.compile(qctl.Sequences([Op.SX], [2]), rack)
    with pytest.raises(CompileError, match="qubit q9 is not one of"):
        qctl.compile(qctl.Sequences([Op.SX], [0], names=["q9"]), rack)
    with pytest.raises(CompileError, match="n_shots = 0 is no whole number"):
        qctl.compile(qctl.Sequences([Op.SX], [0]), rack, shots=0)


@pytest.mark.parametrize(("rack", "platform"), [("ions2", "ion"), ("atoms4", "atom")])
def test_sequences_are_refused_where_gates_are_no_pulses_on_lines(rack, platform):
    with pytest.raises(CompileError, match=f"gates of transmons, and .* is of {platform}s: give programs"):
        qctl.compile(qctl.Sequences([SX], [0]), load_lab(SUPPORT / f"{rack}.toml"))


def test_a_cache_gives_the_same_object_for_the_same_content_and_no_other():
    rack = load_lab(SUPPORT / "transmon5.toml")
    arrays, programs = random_sequences(0, 1, 3)
    cache = qctl.Cache(10_000_000)
    first = qctl.compile(qctl.Sequences(*arrays), rack, cache=cache)
    assert qctl.compile(qctl.Sequences(*arrays), load_lab(SUPPORT / "transmon5.toml"), cache=cache) is first
    one = qctl.compile(programs, rack, cache=cache)
    assert one is qctl.compile([p.copy() for p in programs], rack, cache=cache)
    assert one is not qctl.compile(programs, rack, shots=3, cache=cache)
    rack.processors["qpu0"].qubit["q0"] = msgspec.structs.replace(
        rack.processors["qpu0"].qubit["q0"],
        drive=msgspec.structs.replace(rack.processors["qpu0"].qubit["q0"].drive, amplitude_v=0.12),
    )
    changed = qctl.compile(qctl.Sequences(*arrays), rack, cache=cache)
    assert changed is not first
    assert changed.straights[0].plays["amplitude"][0] == 0.12
    assert (cache.n_hits, cache.n_misses, len(cache)) == (2, 4, 4)
    assert cache.n_bytes > sum(x.nbytes for p in first.programs for x in p.blobs.values())


def test_a_cache_keeps_to_its_bytes_and_drops_what_was_used_longest_ago():
    cache = qctl.Cache(100)
    for key, n_bytes in (("a", 40), ("b", 40), ("a", 40), ("c", 50), ("d", 101)):
        assert cache.get(key, lambda key=key: key.upper(), lambda _, n=n_bytes: n) == key.upper()
    assert (len(cache), cache.n_bytes) == (2, 90)
    assert cache.get("a", lambda: "new", lambda _: 1) == "A"
    assert cache.get("b", lambda: "new", lambda _: 1) == "new"
    with pytest.raises(ZeroDivisionError):
        cache.get("z", lambda: 1 / 0, lambda _: 1)
    cache.clear()
    assert (len(cache), cache.n_bytes) == (0, 0)
