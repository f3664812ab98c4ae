"""OpenPulse's waveform functions as envelopes."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from qctl.errors import ParseError
from qctl.formats.openqasm3_values import Duration, Pulse
from qctl.program.envelopes import constant, drag, gaussian, samples, sine
from qctl.program.expressions import Expression
from qctl.program.tables import Waveform

__all__ = ["WAVEFORMS", "seconds", "waveform_of"]

MAX_SAMPLES = 1_000_000
"""Samples of one waveform that is written out."""


def seconds(duration: Any) -> float | Expression:
    """Return a duration in seconds; raise ParseError for anything else, or a negative one."""
    if not isinstance(duration, Duration):
        raise ParseError("expected a duration")
    if isinstance(duration.seconds, Expression):
        return duration.seconds
    if duration.seconds < 0:
        raise ParseError(f"duration = {float(duration.seconds):g} s is below 0")
    return float(duration.seconds)


def waveform_of(value: Any, dt_s: Fraction) -> Pulse:
    """Return a pulse from a pulse or from a list of samples, ``dt`` apart."""
    if isinstance(value, Pulse):
        return value
    if not isinstance(value, list):
        raise ParseError("expected a waveform")
    if not 1 <= len(value) <= MAX_SAMPLES:
        raise ParseError(f"a waveform of {len(value)} samples is outside [1, {MAX_SAMPLES}]")
    for sample in value:
        if isinstance(sample, bool) or not isinstance(sample, (int, float, complex)):
            raise ParseError("a sample is not a number")
    return Pulse(samples(value, 1 / dt_s))


def _number(value: Any, what: str) -> Any:
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ParseError(f"{what} is not a real number")
    return float(value)


def _amplitude(value: Any) -> tuple[Any, float]:
    """Return the real amplitude and the phase of a complex one."""
    if isinstance(value, complex):
        return (value.real, 0.0) if value.imag == 0 else cmath.polar(value)
    return _number(value, "the amplitude"), 0.0


def _constant(amp: Any, length: Any, dt_s: Fraction) -> Pulse:
    size, phase = _amplitude(amp)
    return Pulse(constant(seconds(length), size), phase)


def _gaussian(amp: Any, length: Any, sigma: Any, dt_s: Fraction) -> Pulse:
    size, phase = _amplitude(amp)
    return Pulse(gaussian(seconds(length), size, seconds(sigma)), phase)


def _drag(amp: Any, length: Any, sigma: Any, beta: Any, dt_s: Fraction) -> Pulse:
    """Return a DRAG pulse; beta is a time, or a number of dt as in Qiskit."""
    size, phase = _amplitude(amp)
    if isinstance(beta, Duration):
        beta_s = beta.seconds if isinstance(beta.seconds, Expression) else float(beta.seconds)
    else:
        beta_s = _number(beta, "beta") * float(dt_s)
    return Pulse(drag(seconds(length), size, seconds(sigma), beta_s), phase)


def _sine(amp: Any, length: Any, frequency: Any, phase_rad: Any, dt_s: Fraction) -> Pulse:
    size, phase = _amplitude(amp)
    wave = sine(seconds(length), size, _number(frequency, "the frequency"), _number(phase_rad, "the phase"))
    return Pulse(wave, phase)


def _phase_shift(pulse: Any, angle: Any, dt_s: Fraction) -> Pulse:
    found = waveform_of(pulse, dt_s)
    return Pulse(found.waveform, found.phase_rad + _number(angle, "the angle"))


def _scale(pulse: Any, factor: Any, dt_s: Fraction) -> Pulse:
    found = waveform_of(pulse, dt_s)
    return Pulse(_scaled(found.waveform, _number(factor, "the factor")), found.phase_rad)


def _scaled(wave: Waveform, factor: Any) -> Waveform:
    return replace(wave, amp=factor if wave.amp == 1.0 else wave.amp * factor)


def _checked(name: str, n: int, function: Callable[..., Pulse]) -> Callable[[list[Any], Fraction], Pulse]:
    def call(arguments: list[Any], dt_s: Fraction) -> Pulse:
        if len(arguments) != n:
            raise ParseError(f"waveform {name!r} takes {n} arguments, not {len(arguments)}")
        return function(*arguments, dt_s)

    return call


WAVEFORMS: dict[str, Callable[[list[Any], Fraction], Pulse]] = {
    name: _checked(name, n, function)
    for name, n, function in (
        ("constant", 2, _constant),
        ("gaussian", 3, _gaussian),
        ("drag", 4, _drag),
        ("sine", 4, _sine),
        ("phase_shift", 2, _phase_shift),
        ("scale", 2, _scale),
    )
}
"""OpenPulse's waveform functions: amplitude in volts at the output, lengths as durations.

Source: OpenQASM 3 specification, "OpenPulse Grammar", section "Waveforms". The Gaussians start and end at 0, as
Qiskit's lifted ones do.
"""
