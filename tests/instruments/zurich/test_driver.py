"""The driver against an emulated data server: what is uploaded, what is refused, what comes back."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from zurich_server import EXAMPLE, lab_at, zurich_server

import qctl
from qctl.device import Following, SelfTimed, TriggerSource
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.instruments.registry import open_device
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich.nodes import power_dbm
from qctl.instruments.zurich.session import open_session
from qctl.lab import parse_lab


@pytest.fixture
def server(tmp_path):
    with zurich_server(tmp_path) as found:
        yield found


@pytest.fixture
def lab(server):
    return lab_at(server)


@pytest.fixture
def box(lab):
    device = open_device(lab.instrument("qc0"), lab)
    yield device
    device.close()


def rabi(lab, amplitudes, shots=50, averaged=True):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", amplitudes, "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=shots, averaged=averaged)
    (batch,) = ready.lowered.batches
    return next(program for program in batch.programs if program.instrument == "qc0")


def play(box):
    box.start()
    box.fire()
    until_s = time.monotonic() + 20
    while not box.finished():
        assert time.monotonic() < until_s
        time.sleep(0.005)
    return box.integrated()


def test_box_is_identified_and_says_what_it_can(box, lab):
    assert box.identify() == "Zurich Instruments,SHFQC,12001,72000"
    assert isinstance(box, Following) and isinstance(box, SelfTimed) and isinstance(box, TriggerSource)
    hd = open_device(lab.instrument("hd0"), lab)
    assert isinstance(hd, SelfTimed) and not isinstance(hd, TriggerSource)
    assert hd.identify().startswith("Zurich Instruments,HDAWG8")


@pytest.mark.parametrize("averaged", [True, False])
def test_results_come_by_port_and_point(box, lab, averaged):
    box.load(rabi(lab, [0.05, 0.1, 0.2], averaged=averaged))
    found = play(box)
    assert list(found) == [("q0.readout", "q0")]
    values = found["q0.readout", "q0"]
    assert values.shape == (1 if averaged else 50, 3)
    # A plant of nothing has 0.1 V at both inputs; the readout is at the carrier, so the weights don't turn.
    np.testing.assert_allclose(values, 0.1 + 0.1j, atol=1e-4)


def test_repeated_run_uploads_nothing_and_a_changed_amplitude_the_table_only(box, lab, server):
    assert box.load(rabi(lab, [0.05, 0.1])) > 0
    before = server.counters()
    assert box.load(rabi(lab, [0.05, 0.1])) == 0
    assert server.counters() == before
    assert box.load(rabi(lab, [0.05, 0.11])) == 0
    after = server.counters()
    assert {name for name in after if after[name] != before[name]} == {"tables", "table_bytes"}
    assert after["tables"] == before["tables"] + 1
    play(box)


def test_new_shots_are_a_new_program_which_takes_the_waveforms_with_it(box, lab, server):
    box.load(rabi(lab, [0.05, 0.1]))
    before = server.counters()
    box.load(rabi(lab, [0.05, 0.1], shots=60))
    after = server.counters()
    assert after["programs"] == before["programs"] + 2 and after["tables"] == before["tables"] + 1
    assert after["waveforms"] == before["waveforms"] + 1  # the drive's; generators keep theirs
    assert after["weights"] == before["weights"]


def test_box_that_somebody_else_has_set_gets_everything_anew(box, lab):
    n_bytes = box.load(rabi(lab, [0.05, 0.1]))
    box.forget()
    with pytest.raises(RequestError, match="qc0: no program is loaded"):
        box.start()
    assert box.load(rabi(lab, [0.05, 0.1])) == n_bytes


def test_value_that_the_data_server_coerces_is_refused_by_name(box, lab):
    program = rabi(lab, [0.05, 0.1])
    body = ZurichBody.from_bytes(program.body)
    (core,) = body.cores
    odd = msgspec.structs.replace(body, cores=(msgspec.structs.replace(core, lo_hz=9.0e9),))
    changed = type(program)(program.instrument, program.model, odd.to_bytes(), program.blobs, program.n_points)
    with pytest.raises(RefusedError, match="qc0: synthesizers/1/centerfreq was set to 9e\\+09 but reads 8500000000"):
        box.load(changed)


def test_command_table_that_is_refused_says_whose_it_is(box, lab):
    program = rabi(lab, [0.05, 0.1])
    body = ZurichBody.from_bytes(program.body)
    (core,) = body.cores
    odd = msgspec.structs.replace(core, command_table=core.command_table.replace('"value":0.05', '"value":1.5'))
    changed = type(program)(
        program.instrument, program.model, msgspec.structs.replace(body, cores=(odd,)).to_bytes(), program.blobs,
        program.n_points,
    )  # fmt: skip
    with pytest.raises(RefusedError, match=r"command table of core 0 \(q0.drive\) was refused"):
        box.load(changed)
    assert box.load(program) >= 0


def test_program_that_the_compiler_refuses_is_refused_in_its_words(box, lab):
    program = rabi(lab, [0.05, 0.1])
    body = ZurichBody.from_bytes(program.body)
    (core,) = body.cores
    odd = msgspec.structs.replace(body, cores=(msgspec.structs.replace(core, program="playWav(3);\n"),))
    changed = type(program)(program.instrument, program.model, odd.to_bytes(), program.blobs, program.n_points)
    with pytest.raises(RefusedError, match="qc0: the compiler says: Compiler Error: line 1: playWav"):
        box.load(changed)


def test_settings_are_read_at_once_and_set_within_limits(lab):
    box = open_device(lab.instrument("hd0"), lab)
    found = box.get_all()
    assert found["output1_offset_v"] == 0.0 and found["reference"] == "external"
    box.set("output1_offset_v", 0.25)
    assert box.get("output1_offset_v") == 0.25
    with pytest.raises(LimitError, match=r"hd0: output1_offset_v = 1\.2 is outside"):
        box.set("output1_offset_v", 1.2)
    with pytest.raises(RequestError, match="'zsinc' is not one of internal, external, zsync"):
        box.set("reference", "zsinc")
    with pytest.raises(RequestError, match="hd0 has no parameter 'output9_on'"):
        box.get("output9_on")
    box.safe()
    assert box.get("output1_offset_v") == 0.0
    box.close()


def test_lost_reference_is_seen(box, server):
    assert box.locked()
    server.faults(unlocked=True)
    assert not box.locked()
    server.faults()
    assert box.locked()


def test_dead_data_server_is_a_device_error_by_name(box, lab, server):
    box.load(rabi(lab, [0.05, 0.1]))
    server.stop()
    with pytest.raises(DeviceError, match="qc0: the data server says: The connection to the Data Server") as caught:
        box.start()
    assert not isinstance(caught.value, RefusedError | LimitError)
    with pytest.raises(DeviceError, match=r"qc0: zhinst-emulated://127.0.0.1:\d+/dev12001 can't be opened"):
        open_device(lab.instrument("qc0"), lab)


def test_other_device_than_lab_toml_says_is_refused(lab):
    other = msgspec.structs.replace(lab.instrument("hd0"), address=lab.instrument("qc0").address)
    with pytest.raises(DeviceError, match="hd0: dev12001 is a Zurich Instruments,SHFQC,12001,72000, not a HDAWG"):
        open_device(other, lab)
    nowhere = msgspec.structs.replace(other, address=other.address.replace("12001", "99999"))
    with pytest.raises(DeviceError, match="Device DEV99999 not found"):
        open_device(nowhere, lab)


def test_address_must_be_a_data_servers_and_the_client_installed(lab, monkeypatch):
    instrument = lab.instrument("qc0")
    with pytest.raises(RequestError, match=r"qc0: TCPIP::10\.0\.0\.1::1::SOCKET is no address of a data server"):
        open_session(msgspec.structs.replace(instrument, address="TCPIP::10.0.0.1::1::SOCKET"))
    monkeypatch.setitem(sys.modules, "zhinst", None)
    with pytest.raises(RequestError, match=r"pip install 'qctl\[zurich\]'"):
        open_session(msgspec.structs.replace(instrument, address="zhinst://127.0.0.1:8004/dev12001"))


SEPARATE = """
[instruments.qc0]
model = "zurich-shfsg"
address = "{0}/dev12001"
clock_hz = 2.0e9
reference = "external"
safe = {{ outputs = "off" }}
line.1 = {{ width_s = 1.0e-7 }}
output.1 = {{ limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 4.8e9 }}
output.8 = {{ limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 5.2e9 }}

[instruments.qa0]
model = "zurich-shfqa"
address = "{0}/dev12002"
clock_hz = 2.0e9
reference = "external"
trigger = {{ source = "qc0", line = 1 }}
safe = {{ outputs = "off" }}
output.2 = {{ limits_v = [-0.36, 0.36], amplitude_vpp = 0.6324555, lo_hz = 7.0e9 }}
input.2 = {{ range_v = 0.6324555 }}

[ports."q0.drive"]
output = "qc0:1"

[ports."q0.readout"]
feedline = "line0"
output = "qa0:2"
acquire = "qa0:2"
"""


def test_generator_and_analyser_of_their_own_take_their_programs(tmp_path):
    with zurich_server(tmp_path, "1=qc0:zurich-shfsg,2=qa0:zurich-shfqa") as server:
        head = EXAMPLE.read_text().split("[processors.qpu0.qubit.q1]")[0].replace('["q0", "q1"]', '["q0"]')
        head = head.replace('["rz", "sx", "cz"]', '["rz", "sx"]').replace("flux = { offset_v = 0.0 }\n", "")
        lab = parse_lab(head + SEPARATE.format(server.address))
        p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
        p.sx("q0")
        p.measure("q0", "q0")
        (batch,) = qctl.compile(p, lab, shots=20).lowered.batches
        boxes = {program.instrument: open_device(lab.instrument(program.instrument), lab) for program in batch.programs}
        assert set(boxes) == {"qc0", "qa0"}
        for program in batch.programs:
            boxes[program.instrument].load(program)
            boxes[program.instrument].start()
        assert not boxes["qa0"].finished()  # no wire reaches it behind a plant of nothing
        boxes["qa0"].stop()
        assert boxes["qa0"].get_all()["input2_range_dbm"] == 0.0
        assert boxes["qc0"].get("output8_center_hz") == 1e9  # nothing is played there
        for box in boxes.values():
            box.safe()
            box.close()


@pytest.mark.parametrize(("vpp", "dbm"), [(2.0, 10.0), (0.6324555, 0.0), (0.02, -30.0)])
def test_ranges_in_volts_are_those_in_dbm(vpp, dbm):
    assert power_dbm(vpp) == dbm
