"""What a box can't play is refused before upload, on every target: with the pulse, the limit, the need and a remedy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from targets import TARGETS, Target

import qctl
from qctl.errors import CompileError, QctlError, VersionError
from qctl.instruments.firmware_versions import check_identity
from qctl.instruments.registry import capability_of

RACKS = {t.name: t for t in TARGETS if t.platform == "transmon"}
SEQUENCERS = [name for name, t in RACKS.items() if t.hear != "heard_generators"]
D0, F1, R0 = "q0.drive", "q1.flux", "q0.readout"


def refused(make: Callable[[Target], qctl.Program], target: str) -> str:
    """Return what the compiler says of a program that it has to refuse."""
    with pytest.raises(QctlError) as caught:
        qctl.compile(make(RACKS[target]), RACKS[target].lab(), shots=2)
    assert isinstance(caught.value, CompileError), caught.value
    return str(caught.value.message)


def _strong(target: Target) -> qctl.Program:
    p = qctl.Program([F1])
    p.play(F1, qctl.constant(target.pulse_s * 2, 1.001 * target.full_v[F1]))
    return p


@pytest.mark.parametrize("target", RACKS)
def test_amplitude_above_full_scale(target: str) -> None:
    words = refused(_strong, target)
    full_v = RACKS[target].full_v[F1]
    assert "constant pulse" in words and F1 in words
    assert f"{full_v:.4g} V" in words or f"{full_v:.3g} V" in words
    assert "lower it" in words or "make it weaker" in words


def _nowhere(target: Target) -> qctl.Program:
    p = qctl.Program([D0])
    with p.sweep("a", [0.0, 1.0]) as a:
        p.play(D0, qctl.constant(target.pulse_s, a / (a - 1.0)))
    return p


@pytest.mark.parametrize("target", RACKS)
def test_amplitude_that_is_no_number(target: str) -> None:
    words = refused(_nowhere, target)
    assert "amplitude of the constant pulse at instruction 1" in words and "undefined at point 1" in words


def _far(target: Target) -> qctl.Program:
    p = qctl.Program([D0])
    p.set_frequency(D0, 30e9)
    p.play(D0, qctl.constant(target.pulse_s, 0.01))
    return p


@pytest.mark.parametrize("target", RACKS)
def test_frequency_out_of_reach(target: str) -> None:
    words = refused(_far, target)
    assert "constant pulse" in words and D0 in words
    assert "from that of its LO" in words or "of its sample rate" in words or "reaches" in words


def _endless(target: Target) -> qctl.Program:
    p = qctl.Program([D0])
    p.play(D0, qctl.gaussian(2.0, 0.01))
    return p


@pytest.mark.parametrize("target", RACKS)
def test_pulse_longer_than_any_memory(target: str) -> None:
    words = refused(_endless, target)
    assert "gaussian pulse of 2 s" in words and "shorten it" in words
    assert "samples" in words or "fabric cycles" in words


def _patient(target: Target) -> qctl.Program:
    p = qctl.Program([D0])
    p.play(D0, qctl.constant(target.pulse_s, 0.01))
    p.delay(D0, 1e6)
    p.play(D0, qctl.constant(target.pulse_s, 0.01))
    return p


@pytest.mark.parametrize("target", RACKS)
def test_wait_longer_than_any_counter(target: str) -> None:
    words = refused(_patient, target)
    assert any(name in words for name in RACKS[target].lab().instruments)
    assert any(x in words for x in ("shorten", "split it", "nest two loops", "keep it within"))


def _many(target: Target) -> qctl.Program:
    rng = np.random.default_rng(1)
    p = qctl.Program([D0])
    for _ in range(9_000):
        p.play(D0, qctl.constant(2 * target.pulse_s, float(rng.uniform(0.01, 0.1)) * target.full_v[D0]))
        p.delay(D0, int(rng.integers(20, 60)) * 16e-9)
    return p


@pytest.mark.parametrize("target", [name for name in SEQUENCERS if name != "qm-opx"])
def test_table_or_program_that_is_overfull(target: str) -> None:
    words = refused(_many, target)
    assert "one shot needs" in words and "which has" in words
    assert "instructions" in words or "table entries" in words or "waveforms" in words


def _dense(target: Target) -> qctl.Program:
    rng = np.random.default_rng(1)
    p = qctl.Program([D0])
    for _ in range(200):
        p.shift_phase(D0, float(rng.uniform(0, 6)))
        p.play(
            D0,
            qctl.constant(
                8e-9 if target.name.startswith("qick") else 4e-9, float(rng.uniform(0.01, 0.1)) * target.full_v[D0]
            ),
        )
    return p


@pytest.mark.parametrize("target", ["qblox", "qblox-rf", "qblox-qrc", "qick", "qick-v1", "qm-opx"])
def test_pulses_that_would_come_late(target: str) -> None:
    words = refused(_dense, target)
    assert D0 in words or "board0" in words
    assert "leave more time" in words or "delay it" in words


def _both(target: Target) -> qctl.Program:
    p = qctl.Program([R0, "q1.readout"])
    for port in (R0, "q1.readout"):
        p.play(port, qctl.constant(800e-9, 0.95 * target.full_v[R0]))
    return p


@pytest.mark.parametrize("target", [name for name in RACKS if not name.startswith("qick")])
def test_ports_of_one_output_that_go_over_its_range_together(target: str) -> None:
    words = refused(_both, target)
    assert any(x in words for x in ("together reach", "is outside ±"))
    assert any(x in words for x in ("lower", "make them weaker"))


def _often(target: Target) -> qctl.Program:
    p = qctl.Program([R0])
    for k in range(40):
        p.capture(R0, into=f"m{k}", duration_s=400e-9)
        p.delay(R0, 400e-9)
    return p


@pytest.mark.parametrize("target", [name for name in SEQUENCERS if not name.startswith("qick")])
def test_more_results_than_a_box_has_room_for(target: str) -> None:
    words = refused(_often, target)
    assert any(x in words for x in ("acquisitions", "integrators"))


def test_firmware_that_the_limits_don_t_hold_for() -> None:
    can = capability_of("qblox-qcm")
    check_identity(can, "Qblox,Cluster QCM,1,fwVersion=0.13.0 fwBuild=x")
    check_identity(can, "")
    with pytest.raises(VersionError, match=r"has firmware 0\.12\.9.*known from 0\.13\.0 on.*update it"):
        check_identity(can, "Qblox,Cluster QCM,1,fwVersion=0.12.9 fwBuild=x")
