"""Sampled envelopes: kept, rounded to whole samples, resampled by holding, refused when symbolic."""

import os
import pickle
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.program.sampling import envelope_samples

RATE = Fraction(1_200_000_000)


def test_same_envelope_is_sampled_once():
    first = envelope_samples(qctl.gaussian(40e-9, amp=1.0), RATE)
    assert envelope_samples(qctl.gaussian(40e-9, amp=1.0), RATE) is first
    assert not first.flags.writeable
    assert len(first) == 48


def test_length_is_rounded_to_whole_samples():
    assert [len(envelope_samples(qctl.constant(t, 1.0), RATE)) for t in (1e-9, 1.3e-9, 0.3e-9)] == [1, 2, 0]


def test_samples_of_another_rate_are_held():
    wave = qctl.samples([1, 2, 3j], 0.4e9)
    np.testing.assert_array_equal(envelope_samples(wave, RATE), np.repeat([1, 2, 3j], 3))
    np.testing.assert_array_equal(envelope_samples(wave, Fraction(400_000_000)), [1, 2, 3j])


def test_symbolic_parameter_is_refused():
    with pytest.raises(CompileError, match="gaussian has the parameter t"):
        envelope_samples(qctl.gaussian(qctl.Parameter("t"), amp=1.0, sigma_s=1e-9), RATE)


def test_impossible_shape_is_refused():
    with pytest.raises(CompileError, match="flat_top pulse of 1e-08 s: rise_s"):
        envelope_samples(qctl.flat_top(1e-8, 1.0, 6e-9), RATE)


def test_a_waveform_that_was_sent_to_another_process_is_known_there():
    script = "import pickle, sys; w, other = pickle.load(sys.stdin.buffer); assert {w: 1}[other] == 1"
    sent, other = (qctl.gaussian(40e-9, amp=0.5) for _ in range(2))
    assert hash(sent) == hash(other)
    content = pickle.dumps((sent, qctl.gaussian(40e-9, amp=0.5)))
    subprocess.run([sys.executable, "-c", script], input=content, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
