"""Our driver against the server that Qblox ships for tests (its dummy cluster), put on TCP ports here.

The dummy runs no programs: it keeps what it is sent, answers queries as the firmware does, and returns bins that a test
gives it. Its assembler needs a newer libc than some machines have and is judged elsewhere, so it is left out.
"""

from __future__ import annotations

import asyncio
import gc
import re
import threading

import numpy as np
import pytest
from qblox_instruments import ClusterType, DummyBinnedAcquisitionData
from qblox_instruments.ieee488_2 import ClusterDummyTransport, ModuleDummyTransport

import qctl
from qctl.errors import RefusedError, VersionError
from qctl.instruments.registry import open_device
from qctl.lab import load_lab, parse_lab

LAB = "docs/examples/qblox2.toml"
FIRMWARE = "0.13.0"
"""What the dummy is made to say, the oldest that the driver takes; its own 0.0.0 is refused."""
SLOTS = {2: ClusterType.CLUSTER_QCM, 3: ClusterType.CLUSTER_QCM, 4: ClusterType.CLUSTER_QRM,
         6: ClusterType.CLUSTER_QCM_RF, 8: ClusterType.CLUSTER_QRM_RF, 10: ClusterType.CLUSTER_QRC}  # fmt: skip


class Server(threading.Thread):
    """The dummy on one port for the cluster and one for each module; each line or block is a command of its own."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ready, self.ports, self.sent = threading.Event(), {}, []
        self.firmware = FIRMWARE

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        self.dummy = ClusterDummyTransport(SLOTS, use_running_loop=True)
        boxes = {0: self.dummy} | {slot: self.dummy.get_module_transport(slot) for slot in SLOTS}
        for slot, box in boxes.items():
            server = await asyncio.start_server(lambda r, w, b=box, s=slot: self.talk(r, w, b, s), "127.0.0.1", 0)
            self.ports[slot] = server.sockets[0].getsockname()[1]
        self.loop = asyncio.get_running_loop()
        self.ready.set()
        await asyncio.Event().wait()

    async def talk(self, reader, writer, box, slot):
        pending = b""
        while data := await reader.read(1 << 16):
            pending += data
            while True:
                line, size = cut(pending)
                if not size:
                    break
                pending = pending[size:]
                if line.strip():
                    self.sent.append((slot, line))
                    await self.answer(line, writer, box)

    async def answer(self, line, writer, box):
        header = line.split(b" ")[0].split(b"#")[0]
        if b"#" in line and not header.endswith(b"?"):
            await box.write_binary(line)
            return
        box._bin_out = None
        await box.write(line.decode())
        if header.endswith(b"?"):
            known = re.sub(r"[0-9]+", "#", header.decode()) in box._cmds  # what it doesn't know, it answers with 0
            binary = known and box._bin_out is not None
            text = str(box._data_out).replace("0.0.0", self.firmware) if header == b"*IDN?" else box._data_out
            writer.write(box._bin_out if binary else f"{text}\r\n".encode())
            await writer.drain()


def cut(pending):
    """Return the first command of a stream without its end, and how long it is with it; 0 if it isn't whole."""
    newline, mark = pending.find(b"\n"), pending.find(b"#")
    if mark >= 0 and (newline < 0 or mark < newline):
        if len(pending) < mark + 2 or len(pending) < mark + 2 + (digits := int(pending[mark + 1 : mark + 2])):
            return b"", 0
        end = mark + 2 + digits + int(pending[mark + 2 : mark + 2 + digits])
        return (pending[:end], end + 1) if len(pending) > end else (b"", 0)
    return (pending[:newline].rstrip(b"\r"), newline + 1) if newline >= 0 else (b"", 0)


@pytest.fixture
def server(monkeypatch):
    def assembled(self, parameters, arguments, block):
        text = self._decode_bin(block).decode()
        self._asm_status = "nonsense" not in text
        if not self._asm_status:
            self._system_error.append("Assembly failed.")

    monkeypatch.setattr(ModuleDummyTransport, "_set_sequencer_program", assembled)
    gc.collect()  # what is left of vendor clients closes itself when collected, and cannot in the thread of a loop
    found = Server()
    found.start()
    assert found.ready.wait(10)
    return found


@pytest.fixture
def lab(server):
    with open(LAB) as file:
        text = file.read()
    for slot, port in server.ports.items():
        text = text.replace(f"::{25000 + slot if slot else 5025}::", f"::{port}::")
    return parse_lab(text)


def programs(lab, amplitudes=(-0.5, 0.0, 0.5), **options):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.array(amplitudes), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    (batch,) = qctl.compile(p, lab, shots=2, **options).lowered.batches
    return {one.instrument: one for one in batch.programs}


def test_uploads_are_what_the_vendors_server_keeps(server, lab):
    made = programs(lab)
    for name in ("qcm0", "qrm0"):
        device = open_device(lab.instrument(name), lab)
        assert device.load(made[name]) > 0
        module = server.dummy.get_module_transport({"qcm0": 2, "qrm0": 4}[name])
        held = module._awg_waveforms["0"]
        for key, blob in made[name].blobs.items():
            assert any(
                np.array_equal(np.frombuffer(w["wave"], "<f4"), blob / np.float32(32768)) for w in held.values()
            ), key
        n_before = len(server.sent)
        assert device.load(made[name]) == 0
        assert not any(b"WAVeform" in line or b"PROGram" in line for _, line in server.sent[n_before:])
        n_before = len(server.sent)
        assert device.load(programs(lab, (-0.5, 0.1, 0.5))[name]) == 0
        again = [line for _, line in server.sent[n_before:]]
        assert sum(b"PROGram" in line for line in again) == (name == "qcm0") and not any(b"WAVe" in x for x in again)
        device.start()
        assert module._sequencer_status["0"].startswith("OKAY;ARMED")
        device.stop()
        device.safe()
        device.close()


@pytest.mark.parametrize("averaged", [False, True])
def test_bins_come_back_as_the_vendors_server_has_them(server, lab, averaged):
    device, cluster = (open_device(lab.instrument(name), lab) for name in ("qrm0", "cluster0"))
    made = programs(lab, averaged=averaged)
    device.load(made["qrm0"])
    cluster.load(made["cluster0"])
    device.start()
    cluster.fire()
    values = (np.arange(3 if averaged else 6) / 10 + 0.1j).tolist()
    data = [DummyBinnedAcquisitionData((v.real * 1000, v.imag * 1000), 0, 7 if averaged else 1) for v in values]
    server.dummy.set_dummy_binned_acquisition_data(4, 0, "q0", data)
    server.dummy.get_module_transport(4)._start(["0"], [], None)
    assert device.finished()
    ((key, found),) = device.integrated().items()
    assert key == ("q0.readout", "q0")
    np.testing.assert_allclose(found, 0.5 * np.array(values).reshape(-1, 3), atol=1e-6)
    device.close()
    cluster.close()


def test_mixers_inside_are_set_as_the_vendors_server_keeps_them(server):
    with open("docs/examples/qblox_rf2.toml") as file:
        text = file.read()
    for old, slot in ((5025, 0), (25002, 2), (25003, 6), (25004, 8)):
        text = text.replace(f"::{old}::", f"::{server.ports[slot]}::")
    text = text.replace('output = "rf0:1"', 'output = "rf0:2"\nmixer = { offset_v = [0.01, -0.02] }', 1)
    rack = parse_lab(text.replace('[ports."q1.drive"]\noutput = "rf0:2"', '[ports."q1.drive"]\noutput = "rf0:1"'))
    made = programs(rack, amplitudes=(-0.1, 0.1))
    for name, slot in (("rf0", 6), ("qrm0", 8)):
        device = open_device(rack.instrument(name), rack)
        assert device.load(made[name]) > 0
        del server.sent[:]
        device.load(made[name])
        assert all(line.endswith(b"?") for _, line in server.sent)
        device.start()
        box = server.dummy.get_module_transport(slot)
        if name == "rf0":
            kept = {key: float(value) for key, value in box._port_cfg["out1"].items() if key != "amp_offs"}
            assert kept == {"lo_freq": 4.95e9, "lo_ena": 1, "out_att": 4}
            assert [float(box._port_cfg[f"out{k}"]["amp_offs"]) for k in (2, 3)] == [10, -20]
            assert box._channelmap["0"] == [[2], [3]]
        else:
            assert float(box._port_cfg["out1"]["lo_freq"]) == 6.95e9  # its one LO has the number 1
            assert float(box._port_cfg["in0"]["in_att"]) == 2
            assert box._channelmap["0"] == box._acq_channelmap["0"] == [[0], [1]]
        device.safe()
        device.close()


def input_attenuators(monkeypatch, server):
    """Give the dummy QRC what its client sends and it lacks: AFE:IN:ATT, made like its AFE:OUT:ATT."""
    box, held = server.dummy.get_module_transport(10), {}

    def put(parameters, arguments, block):
        held[arguments[0]] = float(arguments[1])
        box._bin_out = box._encode_bin(b'"Ok"')

    def get(parameters, arguments, block):
        box._data_out = held.get(arguments[0], 0.0)

    monkeypatch.setitem(box._cmds, "AFE:IN:ATT:SET?", put)
    monkeypatch.setitem(box._cmds, "AFE:IN:ATT:GET?", get)
    return box, held


def test_qrc_is_set_as_the_vendors_server_keeps_it(server, monkeypatch):
    box, held = input_attenuators(monkeypatch, server)
    with open("docs/examples/qblox_qrc2.toml") as file:
        text = file.read()
    for old, slot in ((5025, 0), (25002, 10), (25003, 2)):
        text = text.replace(f"::{old}::", f"::{server.ports[slot]}::")
    rack = parse_lab(text)
    made = programs(rack, amplitudes=(-0.1, 0.1))["qrc0"]
    device = open_device(rack.instrument("qrc0"), rack)
    assert set(box._out_att_indexed.values()) >= {31.5} and device.load(made) > 0
    del server.sent[:]
    device.load(made)
    assert all(line.endswith(b"?") and b"AFE" not in line for _, line in server.sent)
    output = rack.instrument("qrc0").output
    for k, one in output.items():
        if k in (1, 3):  # of the ports that the program is for
            assert box._out_freq_indexed[str(k - 1)] == round(one.lo_hz / 1e6)
            assert box._out_att_indexed[str(k - 1)] == one.attenuation_db
    assert box._in_freq_indexed["0"] == round(output[1].lo_hz / 1e6) and held == {"0": 2.0}
    assert box._channelmap["8"] == [[4], [5]] and box._channelmap["0"] == box._acq_channelmap["0"] == [[0], [1]]
    device.start()
    assert [box._sequencer_status[k].split(";")[1] for k in ("0", "8")] == ["ARMED", "ARMED"]
    data = [DummyBinnedAcquisitionData((1000.0 * k, 0.0), 0, 1) for k in range(4)]
    server.dummy.set_dummy_binned_acquisition_data(10, 0, "q0", data)
    box._start(["0"], [], None)
    # The dummy keeps what it is given as it is; the vendor's client reads that of a QRC as twice as much.
    found = device.integrated()["q0.readout", "q0"].real.ravel()
    np.testing.assert_allclose(found / 10 ** (2 / 20), 2 * 0.5 * np.arange(4.0), atol=1e-6)
    device.safe()
    assert box._channelmap["8"] == [[], []] and box._out_att_indexed["2"] == 31.5
    device.close()


def test_firmware_that_is_too_old_is_refused(server, lab):
    server.firmware = "0.0.0"
    words = r"qblox-qcm has firmware 0\.0\.0, and its limits are known from 0\.13\.0 on"
    with pytest.raises(VersionError, match=words):
        open_device(lab.instrument("qcm0"), lab)


def test_vendors_refusals_are_refusals(server, lab):
    device = open_device(lab.instrument("qcm0"), lab)
    bad = programs(lab)["qcm0"]
    body = bad.body.replace(b"wait_sync 4\n", b"nonsense 4\n" + b" ", 1)
    with pytest.raises(RefusedError, match="Assembly failed"):
        device.load(type(bad)(bad.instrument, bad.model, body, bad.blobs, bad.n_points))
    device.close()


def test_cluster_speaks_with_the_vendors_server(server, lab):
    device = open_device(lab.instrument("cluster0"), lab)
    assert device.identify().startswith("Qblox,Cluster MM,")
    assert device.get("n_modules") == len(SLOTS)
    device.close()
    assert load_lab(LAB).instrument("cluster0").model == "qblox-cluster"
