"""Whatever its public methods are called with, a program is refused clearly, or all that reads programs can read it."""

from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import qctl
from qctl.cext.records import InstructionBuffer
from qctl.errors import QctlError
from qctl.program.layout import INSTRUCTION
from qctl.program.opcodes import OPCODES, Op

REFUSALS = (QctlError, ValueError, TypeError, OverflowError, MemoryError)
"""What a call may raise: TypeError and OverflowError for what is no number of that size at all."""

WORDS = st.one_of(
    st.integers(0, 4),
    st.sampled_from([2**30, 2**30 + 1, 2**31, 2**31 + 1, 2**32 - 1, 2**32 - 2]),
    st.integers(0, 2**32 - 1),
)
OPS = st.one_of(st.sampled_from([int(op) for op in OPCODES]), st.integers(0, 2**16 - 1))
FLAGS = st.one_of(st.sampled_from([0, 1, 2, 4, 8, 0x104, 0x204]), st.integers(0, 2**16 - 1))
WILD: st.SearchStrategy[Any] = st.one_of(
    st.integers(-3, 5),
    st.sampled_from(
        [2**31, 2**32, 2**63, -(2**63), 10**30, float("nan"), float("inf"), -0.0, 0.5, True, None, "q[0]", ""]
    ),
    st.just(qctl.Parameter("a")),
    st.binary(max_size=48),
    st.lists(st.integers(-1, 5), max_size=5),
)
ROWS = st.lists(st.tuples(OPS, FLAGS, WORDS, WORDS, WORDS), max_size=3).map(
    lambda r: np.array(r, INSTRUCTION).tobytes()
)
LISTED = st.lists(WORDS, max_size=5)
SEVERAL = st.lists(WILD, max_size=4)
TUPLE = SEVERAL.map(tuple)


def items(size: int) -> st.SearchStrategy[bytes]:
    """Return bytes of whole items of this size."""
    return st.binary(max_size=3).map(lambda content: content * size)


RAW = st.one_of(
    st.tuples(st.just("emit"), st.tuples(OPS, FLAGS, WORDS, WORDS, WORDS)),
    st.tuples(st.just("emit_value"), st.tuples(OPS, WORDS, WILD)),
    st.tuples(st.just("emit_ticks"), st.tuples(OPS, WORDS, st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just("emit_wide"), st.tuples(OPS, LISTED, SEVERAL, FLAGS)),
    st.tuples(st.just("emit_words"), st.tuples(OPS, FLAGS, LISTED, st.lists(WORDS, max_size=4))),
    st.tuples(st.just("emit_gate"), st.tuples(OPS, TUPLE, TUPLE, st.integers(-2, 300))),
    st.tuples(st.just("value_word"), st.tuples(OPS, WILD)),
    st.tuples(st.just("set_n_qubits"), st.tuples(st.integers(-1, 2**40))),
    st.tuples(st.just("fill"), st.tuples(ROWS, items(4), items(8))),
)
"""Calls of what writes rows as they are given."""

SKIPPED = {"draw", "from_bytes", "from_body", "from_arrays", "from_qasm", "from_originir", "from_text", "bind_many"}
METHODS = sorted(
    name
    for name in dir(qctl.Circuit)
    if not name.startswith("_") and name not in SKIPPED and callable(getattr(qctl.Circuit, name))
)
ANY = st.tuples(st.sampled_from(METHODS), st.lists(WILD, max_size=5).map(tuple))


def started(kind: type) -> Any:
    """Return a program with some of everything."""
    p = qctl.Circuit(3) if kind is qctl.Circuit else qctl.Program(["d"], 3, 2)
    p.h(0)
    p.rx(qctl.Parameter("a"), 1)
    p.ccx(0, 1, 2)
    p.rzz(0.25, 0, 2)
    p.measure(0, 0)
    return p


def read(p: Any) -> None:
    """Let everything read it that reads programs; only clear errors may come of it."""
    readers = [
        lambda: p.depth(),
        lambda: p.count_ops(),
        lambda: p.draw(),
        lambda: p.to_qasm(2),
        lambda: p.to_qasm(3),
        lambda: p.to_originir(),
        lambda: p.to_text(),
        lambda: qctl.Circuit.from_bytes(p.to_bytes(packed=True)).hash,
        lambda: qctl.Circuit.from_text(p.to_text()).hash,
        lambda: p.bind(a=0.5).to_bytes(),
        lambda: p.bind_many(np.zeros((3, len(p.inputs))))[2].body,
        lambda: qctl.Circuit(p.n_qubits).compose(p).body,
        lambda: p.repeat(3).body,
        lambda: p.inverse().body,
        lambda: p.control(2).body,
        lambda: p.power(0.5).body,
        lambda: p.copy().h(0),
        lambda: qctl.simulate(p.bind(a=0.5), shots=2, seed=1),
        lambda: qctl.simulate(p.bind(a=0.5), shots=2, seed=1, method="density_matrix"),
        lambda: qctl.translate(p, qctl.Target()),
        lambda: qctl.compile(p, "no-such-lab.toml"),
    ]
    for reader in readers:
        try:
            reader()
        except REFUSALS as error:
            assert str(error)
        except (AttributeError, FileNotFoundError) as error:  # a Program has no depth; there is no such lab
            assert isinstance(error, FileNotFoundError) or not isinstance(p, qctl.Circuit), error


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([qctl.Circuit, qctl.Program]), st.lists(RAW, min_size=1, max_size=6))
def test_raw_writers_make_nothing_that_breaks_a_reader(kind, calls):
    p = started(kind)
    for name, arguments in calls:
        with suppress(*REFUSALS):
            getattr(p, name)(*arguments)
    read(p)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(ANY, ANY, RAW), min_size=1, max_size=6))
def test_public_methods_with_wild_arguments_make_nothing_that_breaks_a_reader(calls):
    p = started(qctl.Circuit)
    for name, arguments in calls:
        if name in ("repeat", "power", "add_qubits", "add_bits") and any(
            isinstance(x, (int, float)) and abs(x) > 9 for x in arguments
        ):
            continue
        with suppress(*REFUSALS, AttributeError):
            getattr(p, name)(*arguments)
    read(p)


@settings(max_examples=100, deadline=None)
@given(st.lists(RAW, max_size=8))
def test_a_buffer_on_its_own_stays_whole(calls):
    buffer, other = InstructionBuffer(), started(qctl.Circuit)
    buffer.share(other)
    for name, arguments in calls:
        with suppress(*REFUSALS):
            getattr(buffer, name)(*arguments)
    rows, words, numbers = buffer.arrays(INSTRUCTION)
    assert (len(rows), len(words), len(numbers)) == buffer.counts()
    assert rows.tobytes() == buffer.instruction_bytes()
    assert other.hash == started(qctl.Circuit).hash


def test_a_shared_buffer_that_names_more_than_the_program_has_is_refused():
    small, large = qctl.Circuit(2), qctl.Circuit(50)
    large.cx(40, 49)
    small.share(large)
    for read_it in (small.depth, small.to_qasm, small.to_bytes, lambda: small.repeat(2), lambda: qctl.simulate(small)):
        try:
            read_it()
        except QctlError as error:
            assert "instruction 0 (cx) names a symbol that isn't there" in str(error)
        else:
            raise AssertionError("it was not refused")


def test_arrays_of_a_program_can_not_be_written():
    rows = started(qctl.Circuit).body.instructions
    for change in (lambda: rows.__setitem__(0, rows[1]), lambda: rows.setflags(write=True)):
        try:
            change()
        except ValueError as error:
            assert str(error)
        else:
            raise AssertionError("it was written")
    assert Op(int(rows[0]["op"])) is Op.H


def test_a_register_has_a_name():
    for name in (qctl.Parameter("a"), "", 3, None, "x" * 256):
        try:
            qctl.Circuit(1).add_register(name)
        except QctlError as error:
            assert "register name = " in str(error)
        else:
            raise AssertionError(f"register {name!r} was taken")
