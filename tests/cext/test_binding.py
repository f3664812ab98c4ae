"""Binding by the kernel gives what substituting in each expression gives, for one set and for many."""

import numpy as np
import pytest

import qctl
from qctl.cext.binding import Binding
from qctl.errors import RequestError
from qctl.program.binding import bind
from qctl.program.expressions import OPERATORS


def everything():
    a, b, c = (qctl.Parameter(x) for x in "abc")
    circuit = qctl.Circuit(3)
    circuit.rx(a, 0)
    circuit.rz(2 * a - b, 1)
    circuit.rzz(a * b, 0, 1)
    circuit.cp(0.5, 1, 2)
    circuit.cp(c, 2, 0)
    circuit.u(a, 0.5, b / (c + 4), 2)
    circuit.append("rx", [0, 1], [-c], n_controls=1)
    circuit.delay(1, a * a)
    circuit.gphase(b)
    circuit.ry(0.25, 0)
    return circuit


@pytest.mark.parametrize("n_sets", [0, 1, 2, 37])
def test_many_sets_are_bound_one_by_one_alike(n_sets):
    circuit = everything()
    before = circuit.hash
    values = np.random.default_rng(n_sets).normal(size=(n_sets, 3))
    found = circuit.bind_many(values)
    assert len(found) == n_sets
    for row, bound in zip(values, found, strict=True):
        named = dict(zip(circuit.inputs, row.tolist(), strict=True))
        assert bound.hash == circuit.bind(row).hash == circuit.bind(named).hash == circuit.bind(**named).hash
        slow = type(circuit).from_body(bind(circuit.body, named))
        assert [bound.body.gate(i) for i in range(7)] == [slow.body.gate(i) for i in range(7)]
        assert bound.body.operand_value(7) == slow.body.operand_value(7)
        assert bound.inputs == ()
        assert qctl.Circuit.from_bytes(bound.to_bytes()) == bound
    assert circuit.hash == before


@pytest.mark.parametrize("word", OPERATORS)
@pytest.mark.parametrize(("x", "y"), [(0.3, 0.7), (-2.5, 1.5), (3.0, -2.0), (0.0, 1.0), (1.0, 0.0), (-7.0, 3.0)])
def test_every_operator_is_pythons(word, x, y):
    a, b = qctl.Parameter("a"), qctl.Parameter("b")
    c = qctl.Circuit(1)
    c.rx(a.apply(word, b) if OPERATORS[word][0] == 2 else a.apply(word), 0)
    c.rx(b, 0)
    c.rx(a, 0)
    try:
        wanted = c.body.expressions[0].evaluate({"a": x, "b": y})
    except RequestError as error:
        with pytest.raises(RequestError, match="is undefined"):
            c.bind(a=x, b=y)
        assert "undefined" in error.message
        return
    found = c.bind(a=x, b=y).body.gate(0)[2][0]
    assert np.float64(found).tobytes() == np.float64(wanted).tobytes()


def test_what_is_not_finite_is_refused():
    c = qctl.Circuit(1)
    c.rx(1 / qctl.Parameter("a"), 0)
    with pytest.raises(RequestError, match="undefined"):
        c.bind([0.0])
    with pytest.raises(RequestError, match="undefined"):
        c.bind_many([[1.0], [0.0]])
    for bad in (np.nan, np.inf):
        with pytest.raises(RequestError, match=r"a = .* is not a finite number"):
            c.bind([bad])
        with pytest.raises(RequestError, match=r"a = .* is not a finite number"):
            c.bind(a=bad)
    assert c.bind([2.0]).body.gate(0)[2] == (0.5,)


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0, 3.0]], 1.0, [1.0] * 4, ["a", "b", "c"], [1j, 2, 3]])
def test_other_shapes_and_kinds_are_refused(values):
    with pytest.raises(RequestError, match="values"):
        everything().bind(values)


def test_names_are_checked():
    c = everything()
    with pytest.raises(RequestError, match="parameter = 'd' is none of"):
        c.bind(a=1, b=1, d=1)
    with pytest.raises(RequestError, match="not both"):
        c.bind([1.0, 2.0, 3.0], a=1)
    for bad in ("1", None, True, 1j):
        with pytest.raises(RequestError, match=r"c = .* is not a number"):
            c.bind(a=1, b=1, c=bad)
    assert c.bind(a=1).inputs == ("b", "c")


def test_bound_circuits_go_on_alone():
    c = everything()
    found = c.bind_many(np.ones((3, 3)))
    found[1].h(0)
    found[1].u(1, 2, 3, 0)
    assert found[0] == found[2] == c.bind([1, 1, 1])
    assert len(found[1]) == len(c) + 2
    assert found[1].body.gate(len(c) + 1)[2] == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arguments": np.zeros(2)}, "lengths"),
        ({"rows": np.zeros((1, 3), np.int64)}, "columns, not 2"),
        ({"rows": np.array([[0, 1]])}, "place 0 with expression 1 of 1"),
        ({"rows": np.array([[-1, 0]])}, "place -1"),
        ({"words": np.array([6], np.uint8)}, "wrong at its token 0"),
        ({"words": np.array([2], np.uint8)}, "wrong at its token 0"),
        ({"words": np.array([99], np.uint8)}, "wrong at its token 0"),
        ({"arguments": np.array([1.0])}, "parameter 1.0 of 1"),
        (
            {"words": np.array([0, 0], np.uint8), "arguments": np.zeros(2), "starts": np.array([0, 2])},
            "leaves 2 values",
        ),
    ],
)
def test_wrong_tables_are_refused(change, words):
    none = np.empty((0, 2), np.int64)
    given = {
        "n_params": 1,
        "words": np.array([1], np.uint8),
        "arguments": np.zeros(1),
        "starts": np.array([0, 1]),
        "rows": none,
        "tails": none,
        "operands": none,
    }
    with pytest.raises(ValueError, match=words):
        Binding(**{**given, **change})
    binding = Binding(**{**given, "rows": np.array([[5, 0]])})
    with pytest.raises(ValueError, match="outside of 0 rows"):
        binding.bind_one(qctl.Circuit(1), qctl.Circuit(1), np.zeros(1))
    with pytest.raises(ValueError, match=r"shape \(2,\), expected \(1,\)"):
        binding.bind_one(qctl.Circuit(1), qctl.Circuit(1), np.zeros(2))
    with pytest.raises(ValueError, match="contiguous"):
        binding.bind_one(qctl.Circuit(1), qctl.Circuit(1), np.zeros(4)[::2])
