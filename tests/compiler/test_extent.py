"""How large a program is, counted by its blocks, against what unrolling it gives."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qctl
from qctl.compiler.extent import counted
from qctl.compiler.unroll import peeled_of, unroll
from qctl.errors import CompileError
from qctl.program.opcodes import Op

TREES = st.recursive(
    st.sampled_from(["x", "sx"]), lambda inner: st.tuples(st.integers(0, 3), st.lists(inner, max_size=3)), max_leaves=8
)


def put(program, tree):
    if isinstance(tree, str):
        getattr(program, tree)(0)
        return
    with program.loop(tree[0]):
        for inner in tree[1]:
            put(program, inner)


@given(st.lists(TREES, min_size=1, max_size=4))
def test_gates_of_nested_loops_are_counted_as_unrolling_finds_them(trees):
    c = qctl.Circuit(1)
    for tree in trees:
        put(c, tree)
    found = counted(c.body, peeled_of(c.body))
    steps = Counter(step.op for step in unroll(c.body).steps)
    assert {op: found[op] for op in (Op.X, Op.SX)} == {op: steps[op] for op in (Op.X, Op.SX)}


def test_sweeps_around_the_program_are_points_and_loops_around_it_shots():
    p = qctl.Program(ports=["q0.drive"])
    with p.loop(7), p.sweep("a", [0.1, 0.2, 0.3]) as a, p.sweep("b", [1e-8, 2e-8]) as b:
        p.delay("q0.drive", b)
        p.play("q0.drive", qctl.constant(1e-8, a))
    peeled = peeled_of(p.body)
    assert (peeled.n_points, peeled.n_repeats) == (6, 7)
    assert [axis.name for axis in peeled.axes] == ["a", "b"]
    assert counted(p.body, peeled)[Op.PLAY] == 1


def test_loop_that_may_end_early_counts_nothing():
    c = qctl.Circuit(1)
    with c.loop(10**9):
        c.x(0)
        with c.if_(qctl.Parameter("last"), 1):
            c.break_()
    with c.loop(5):
        c.y(0)
    body = c.bind(last=1).body
    found = counted(body, peeled_of(body))
    assert (found[Op.X], found[Op.Y]) == (0, 5)
    assert [step.op for step in unroll(body).steps] == [Op.X, *[Op.Y] * 5]


def test_steps_at_the_bound_pass_and_one_more_is_refused_before_it_is_unrolled(monkeypatch):
    monkeypatch.setattr("qctl.compiler.unroll.MAX_STEPS", 1000)
    for n, rest, fits in ((10, 0, True), (10, 1, False)):
        c = qctl.Circuit(1)
        with c.loop(n), c.loop(100):
            c.x(0)
        for _ in range(rest):
            c.x(0)
        if fits:
            assert len(unroll(c.body).steps) == 1000
        else:
            with pytest.raises(CompileError, match=r"has 1001 steps a shot .* over 1000; loop less often"):
                unroll(c.body)


def test_huge_loop_is_refused_by_its_count():
    c = qctl.Circuit(2)
    with c.loop(10**9), c.loop(10**9):
        c.cx(0, 1)
    with pytest.raises(CompileError, match=f"has {10**18} steps a shot"):
        unroll(c.body)
