"""Slow voltages at their limits on every path over the real wire: set, list, sweep, raw text; NaN included."""

from __future__ import annotations

import math
from typing import Any

import pytest

from qctl.errors import LimitError

STEP_V = 1e-5
BEYOND = 1.0 + STEP_V
SLEW = 0.1


def refused(lab: Any, *arguments: Any) -> str:
    """Check that a call is refused and the output has not moved; return the message."""
    source = lab.client.instruments["dc0"]
    before = source.get("output1_present_v")
    with pytest.raises(LimitError) as caught:
        (source.set if arguments[0].startswith("output") else source.call)(*arguments)
    assert source.get("output1_present_v") == before
    assert "dc0" in caught.value.message
    return caught.value.message


def arrive(lab: Any, volts: float) -> None:
    """Wait until the output is there."""
    source = lab.client.instruments["dc0"]
    lab.until(lambda: abs(source.get("output1_present_v") - volts) < 1e-4, f"output at {volts} V")


def test_set(small: Any) -> None:
    source = small.client.instruments["dc0"]
    source.set("output1_voltage_v", 1.0)
    arrive(small, 1.0)
    for value in (BEYOND, -BEYOND, math.nan, math.inf):
        refused(small, "output1_voltage_v", value)
    source.set("output1_voltage_v", 0.0)
    arrive(small, 0.0)


def test_list(small: Any) -> None:
    source = small.client.instruments["dc0"]
    source.call("run_list", 1, [0.99, 1.0], 0.1)
    arrive(small, 1.0)
    refused(small, "run_list", 1, [0.99, BEYOND], 0.1)
    refused(small, "run_list", 1, [0.99, math.nan], 0.1)
    assert "V/s" in refused(small, "run_list", 1, [0.989, 1.0], 0.1)
    source.set("output1_voltage_v", 0.0)
    arrive(small, 0.0)


def test_sweep(small: Any) -> None:
    source = small.client.instruments["dc0"]
    source.call("run_sweep", 1, 0.0, 1.0, 101, 0.1)
    arrive(small, 1.0)
    refused(small, "run_sweep", 1, 0.0, BEYOND, 101, 0.1)
    refused(small, "run_sweep", 1, math.nan, 1.0, 101, 0.1)
    assert "V/s" in refused(small, "run_sweep", 1, 0.0, 1.0, 100, 0.1)
    source.set("output1_voltage_v", 0.0)
    arrive(small, 0.0)


def test_raw_text(small: Any) -> None:
    source = small.client.instruments["dc0"]
    source.raw("SOUR1:VOLT 1.0")
    arrive(small, 1.0)
    for text in (f"sour1:volt {BEYOND}", f"SOURce1:DC:VOLTage:LEVel:IMMediate:AMPLitude {BEYOND}", "SOUR1:VOLT NAN"):
        with pytest.raises(LimitError):
            source.raw(text)
    with pytest.raises(LimitError):
        source.raw("SOUR1:VOLT:SLEW 0.2")
    assert source.get("output1_slew_v_per_s") <= SLEW
    source.raw("SOUR1:VOLT 0")
    arrive(small, 0.0)
