"""Envelopes keep what they are given, in volts and seconds."""

from fractions import Fraction

import numpy as np
import pytest

import qctl
from qctl.program.envelopes import ENVELOPES


def test_parameters_stand_in_the_order_of_the_table():
    built = [
        qctl.constant(40e-9, 0.1),
        qctl.gaussian(40e-9, 0.1),
        qctl.drag(40e-9, 0.1, 10e-9, 3e-10),
        qctl.flat_top(40e-9, 0.1, 5e-9),
        qctl.sine(40e-9, 0.1, 1e8),
        qctl.samples([0.1], 1e9),
    ]
    assert [w.kind for w in built] == list(ENVELOPES)
    assert [len(w.params) for w in built] == [len(names) for names in ENVELOPES.values()]
    assert built[1].params == (40e-9, 10e-9)


def test_duration_of_samples_is_exact():
    w = qctl.samples(np.ones(12), 1.2e9)
    assert w.rate_hz == Fraction(1_200_000_000)
    assert w.duration_s == pytest.approx(10e-9, rel=1e-15)


def test_equal_envelopes_are_equal_to_the_bit():
    assert qctl.constant(1e-9, 0.0) != qctl.constant(1e-9, -0.0)
    assert qctl.gaussian(1e-9, qctl.Parameter("a")) == qctl.gaussian(1e-9, qctl.Parameter("a"))
    assert len({qctl.samples([1, 2], 1e9), qctl.samples([1, 2], 1e9), qctl.samples([1, 2], 2e9)}) == 2
