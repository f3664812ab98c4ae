"""Newer calibrated values: the run is what the full compile makes, and what they don't reach stays the same object."""

import importlib.util
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.errors import CompileError
from qctl.lab.snapshot import Snapshot
from qctl.program.cache import Cache

_SPEC = importlib.util.spec_from_file_location("patches", Path(__file__).with_name("test_patch.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
LABS, ansatz, check, played, values_of = (
    _MODULE.LABS, _MODULE.ansatz, _MODULE.check, _MODULE.played, _MODULE.values_of,
)  # fmt: skip


def changed_values(lab, kind, number=1, factor=0.9, name=""):
    """Return a snapshot in which one value is another one."""
    design = lab.processors[next(iter(lab.processors))]
    name = name or design.qubits[1]
    qubit, couplers = design.qubit[name], {}
    edit = msgspec.structs.replace
    if kind == "frequency":
        qubit = edit(qubit, frequency_hz=qubit.frequency_hz + 1.7e6)
    elif kind.startswith("drive."):
        key = kind.partition(".")[2]
        factor = 2.0 if key == "length_s" else factor
        qubit = edit(qubit, drive=edit(qubit.drive, **{key: getattr(qubit.drive, key) * factor}))
    elif kind.startswith("readout."):
        key = kind.partition(".")[2]
        value = getattr(qubit.readout, key)
        new = 0.37 if key in ("angle_rad", "threshold_v") else value * (2.0 if key == "length_s" else factor)
        qubit = edit(qubit, readout=edit(qubit.readout, **{key: new + (2e6 if key == "frequency_hz" else 0)}))
        if key == "frequency_hz":
            qubit = edit(qubit, readout=edit(qubit.readout, frequency_hz=value + 2e6))
    elif kind.startswith("cz."):
        key = kind.partition(".")[2]
        pair, coupler = next(iter(design.coupler.items()))
        ends = pair.split("-")
        new = {"phase_rad": {ends[0]: 0.3, ends[1]: -0.2}}.get(key) or getattr(coupler.cz, key) * factor
        couplers = {pair: edit(coupler, cz=edit(coupler.cz, **{key: new}))}
    qubits = {} if couplers else {name: qubit}
    return Snapshot(number=number, time_s=0.0, processor=design.name, qubits=qubits, couplers=couplers)


def design_values(lab):
    """Return a snapshot without changes: with one, layouts follow errors and lifetimes."""
    return Snapshot(number=1, time_s=0.0, processor=next(iter(lab.processors)), qubits={}, couplers={})


KINDS = [
    "frequency", "drive.amplitude_v", "drive.beta_s", "drive.sigma_s", "drive.length_s", "readout.amplitude_v",
    "readout.frequency_hz", "readout.length_s", "readout.angle_rad", "readout.threshold_v", "cz.amplitude_v",
    "cz.phase_rad",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lab", LABS)
def test_a_newer_snapshot_is_what_the_full_compile_makes(lab, kind):
    rack, c = LABS[lab], ansatz()
    circuits = [c.bind(values_of(c, k)) for k in range(3)]
    base = design_values(rack)
    ready = qctl.compile(circuits, rack, shots=10, snapshot=base)
    ready = ready.patched([*circuits[:2], c.bind(values_of(c, 8))], snapshot=base)
    ready = ready.patched(circuits, snapshot=base)
    snapshot = changed_values(rack, kind)
    newer = ready.patched(snapshot=snapshot)
    check(newer, circuits, rack, shots=10, snapshot=snapshot)
    if not kind.endswith("length_s"):
        assert newer.patch.whole == ""
        assert newer.patch.n_programs < len(newer.programs)
    circuits[1] = c.bind(values_of(c, 5))
    both = newer.patched(circuits)
    assert both.patch.whole == ""
    check(both, circuits, rack, shots=10, snapshot=snapshot)
    back = both.patched(snapshot=base)
    check(back, circuits, rack, shots=10, snapshot=base)
    check(back.patched(snapshot=None), circuits, rack, shots=10)


def test_a_threshold_makes_no_device_program_new():
    rack, c = LABS["transmon5"], ansatz()
    ready = qctl.compile(c.bind(values_of(c, 0)), rack, shots=10, snapshot=design_values(rack))
    newer = ready.patched(snapshot=changed_values(rack, "readout.threshold_v", name=ready.compiled[0].layout[0]))
    assert newer.patch.n_programs == newer.patch.n_plays == 0
    assert [spec.threshold for spec in newer.lowered.captures] != [spec.threshold for spec in ready.lowered.captures]


def test_a_pulse_over_the_range_is_refused_as_the_full_compile_refuses_it():
    rack, c = LABS["transmon5"], ansatz()
    bound = c.bind(values_of(c, 0))
    design = next(iter(rack.processors.values()))
    edit = msgspec.structs.replace
    qubits = {name: edit(one, drive=edit(one.drive, amplitude_v=40.0)) for name, one in design.qubit.items()}
    strong = Snapshot(number=3, time_s=0.0, processor=design.name, qubits=qubits)
    ready = qctl.compile(bound, rack, shots=10, snapshot=design_values(rack))
    with pytest.raises(CompileError) as wanted:
        qctl.compile(bound, rack, shots=10, snapshot=strong)
    with pytest.raises(CompileError) as found:
        ready.patched(snapshot=strong)
    assert str(found.value) == str(wanted.value)
    other = c.bind(values_of(c, 4))
    check(ready.patched(other), other, rack, shots=10, snapshot=design_values(rack))


@pytest.mark.parametrize("lab", LABS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_values_after_any_others_are_what_the_full_compile_makes(lab, data):
    rack, c = LABS[lab], ansatz(2)
    bound, snapshot = c.bind(values_of(c, 0)), None
    ready = qctl.compile(bound, rack, shots=10)
    for _ in range(3):
        if data.draw(st.booleans()):
            bound = c.bind(values_of(c, data.draw(st.integers(0, 5))))
        if data.draw(st.booleans()):
            factor = data.draw(st.sampled_from([0.0, 0.5, 0.97, 1.0, 1.02, 30.0]))
            kind = data.draw(st.sampled_from(KINDS))
            snapshot = changed_values(rack, kind, factor=factor)
        try:
            full = qctl.compile(bound, rack, shots=10, snapshot=snapshot)
        except CompileError as error:
            with pytest.raises(CompileError) as found:
                ready.patched(bound, snapshot=snapshot)
            assert str(found.value) == str(error)
            snapshot = None
            continue
        ready = ready.patched(bound, snapshot=snapshot)
        assert played(ready) == played(full)


def test_a_cache_patches_what_has_the_same_shape():
    rack, c, cache = LABS["transmon5"], ansatz(), Cache()
    base = design_values(rack)
    first = qctl.compile(c.bind(values_of(c, 0)), rack, shots=10, cache=cache, snapshot=base)
    second = qctl.compile(c.bind(values_of(c, 1)), rack, shots=10, cache=cache, snapshot=base)
    assert second.patch.whole == "" and second.patch.n_plays > 0
    check(second, c.bind(values_of(c, 1)), rack, shots=10, snapshot=base)
    snapshot = changed_values(rack, "readout.amplitude_v", name=first.compiled[0].layout[0])
    newer = qctl.compile(c.bind(values_of(c, 1)), rack, shots=10, cache=cache, snapshot=snapshot)
    assert newer.patch.whole == "" and 0 < newer.patch.n_programs < len(newer.programs)
    check(newer, c.bind(values_of(c, 1)), rack, shots=10, snapshot=snapshot)
    assert qctl.compile(c.bind(values_of(c, 0)), rack, shots=10, cache=cache, snapshot=base) is first
    other = qctl.compile(c.bind(values_of(c, 1)), rack, shots=11, cache=cache, snapshot=base)
    assert other.patch.whole
