"""The driver of Qblox modules: what it sends, what it leaves out, and what it does when a module complains.

Source of each command: qblox-instruments 1.4.1, `scpi/layers/cluster_mm_1_2.py`; bins as in `native/cluster.py`,
`_read_bin_raw_data_async`.
"""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from qblox_box import emulated_cluster, lab_at

import qctl
from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.qblox.body import Acquisition, QbloxBody, Sequencer
from qctl.instruments.qblox.driver import QbloxModule
from qctl.instruments.qblox.results import columns, volts
from qctl.instruments.registry import open_device
from qctl.lab import Lab
from qctl.program.device_program import DeviceProgram

CONFIG = {
    "acq": [{"demod": {"en": False}, "th_acq": {"non_weighed_integration_len": 1024, "discr_threshold": 0.5}}],
    "awg": [{"mixer": {"en": False, "corr_gain_ratio": 1.0}, "nco": {"freq_hz": 5.0}, "gain_path": [0.5, 0.5]}],
    "seq_proc": {"sync_en": True, "trg": [{"count_threshold": 1}]},
}
NO_ERROR = ("SYSTem:ERRor:COUNt?", "0")


@pytest.fixture(scope="module")
def port():
    with emulated_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def lab(port) -> Lab:
    return lab_at(port)


def text(content) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def configured(**changes):
    """Return the settings of `CONFIG` with those that a program needs."""
    wanted = json.loads(json.dumps(CONFIG))
    wanted["awg"][0]["nco"]["freq_hz"], wanted["awg"][0]["gain_path"] = 0.0, [1.0, 1.0]
    wanted["awg"][0]["mixer"]["en"] = wanted["acq"][0]["demod"]["en"] = True
    wanted["acq"][0]["th_acq"]["non_weighed_integration_len"] = 400
    wanted["seq_proc"] |= {"sync_en": False} | changes
    return wanted


def program(amplitude: float = 0.5) -> DeviceProgram:
    words = np.array([0, 16384, 32767], np.int16)
    one = Sequencer(
        0, "q0.readout", (1, 2), (1, 2), True, 1.0, 0.0, (0.0, 0.1), 400, f"set_awg_gain {amplitude}\nstop\n",
        {0: "aa"}, {}, {"m": Acquisition(0, 4)},
    )  # fmt: skip
    body = QbloxBody((one,), 2, 2, False, 200_000)
    return DeviceProgram("qrm0", "qblox-qrm", body.to_bytes(), {"aa": words}, 2)


def off(number: int):
    """Return what is said to a sequencer that takes no part."""
    place = f"SEQuencer{number}"
    quiet = {**CONFIG, "seq_proc": {**CONFIG["seq_proc"], "sync_en": False}}
    return [
        (f"{place}:CONFiguration?", [text(CONFIG)]),
        ((f"{place}:CONFiguration ", text(quiet)), None),
        ((f"{place}:CHANnelmap ", b"[[],[]]"), None),
        ((f"{place}:ACQ:CHANnelmap ", b"[[],[]]"), None),
        NO_ERROR,
    ]


def first_load():
    place = "SEQuencer0"
    return [
        (f"{place}:CONFiguration?", [text(CONFIG)]),
        ((f"{place}:CONFiguration ", text(configured())), None),
        ((f"{place}:CHANnelmap ", b"[[0],[1]]"), None),
        ((f"{place}:ACQ:CHANnelmap ", b"[[0],[1]]"), None),
        NO_ERROR,
        ((f"{place}:PROGram ", b"set_awg_gain 0.5\nstop\n"), None),
        NO_ERROR,
        (f'{place}:AWG:WLISt:WAVeform:DELete "all"', None),
        (f'{place}:AWG:WLISt:WAVeform:NEW "w0",3,0', None),
        ((f'{place}:AWG:WLISt:WAVeform:DATA "w0",', np.array([0, 0.5, 32767 / 32768], "<f4").tobytes()), None),
        (f'{place}:AWG:WLISt:WAVeform:INDex "w0",0', None),
        (f'{place}:ACQ:WLISt:WEIght:DELete "all"', None),
        (f'{place}:ACQ:ALISt:ACQuisition:DELete "all"', None),
        (f'{place}:ACQ:ALISt:ACQuisition:NEW "m",4', None),
        (f'{place}:ACQ:ALISt:ACQuisition:INDex "m",0', None),
        NO_ERROR,
        *(turn for number in range(1, 6) for turn in off(number)),
        ("AFE:OFFSet:DAC0 0", None),
        ("AFE:OFFSet:DAC1 0.1", None),
        ("AFE:GAIN:INAMP0 0", None),
        ("AFE:GAIN:INAMP1 0", None),
        NO_ERROR,
    ]


def test_everything_is_sent_once_and_a_changed_program_alone_the_second_time(lab):
    turns = [
        *first_load(),
        *[NO_ERROR, NO_ERROR],
        *[(("SEQuencer0:PROGram ", b"set_awg_gain 0.6\nstop\n"), None), NO_ERROR, NO_ERROR, NO_ERROR],
    ]
    with TranscriptLink(turns) as link:
        device = QbloxModule(link, lab.instrument("qrm0"))
        assert device.load(program()) == 12
        assert device.load(program()) == 0
        assert device.load(program(0.6)) == 0


def test_run_is_armed_watched_and_read(lab):
    bins = np.zeros(4, [("v", "<u8"), ("i", "<i8"), ("q", "<i8"), ("t", "<u4"), ("n", "<u4")])
    bins["v"], bins["n"], bins["i"], bins["q"] = 1, 1, np.arange(4) * 400 * 2048**2, -400 * 2048**2
    scope = [b"", b"\0", b"\0\0\0\0"]
    turns = [
        *first_load(),
        (("SEQuencer0:CONFiguration ", text(configured(sync_en=True))), None),
        ('SEQuencer0:ACQ:ALISt:ACQuisition:DATA:DELete "m"', None),
        ("SEQuencer0:ARM", None),
        NO_ERROR,
        ("SEQuencer0:STATE?", "OKAY;RUNNING;0;;;;"),
        ("SEQuencer0:STATE?", "OKAY;STOPPED;0;ACQ BINNING DONE,;;;"),
        ('SEQuencer0:ACQ:ALISt:ACQuisition:DATA? "m"', [*scope, *scope, bins.tobytes()]),
        *((f"SEQuencer{number}:STOP", None) for number in range(6)),
        (("SEQuencer0:CONFiguration ", text(configured())), None),
        NO_ERROR,
    ]
    with TranscriptLink(turns) as link:
        device = QbloxModule(link, lab.instrument("qrm0"))
        device.load(program())
        device.start()
        assert not device.finished()
        assert device.finished()
        ((key, values),) = device.integrated().items()
        assert key == ("q0.readout", "m")
        np.testing.assert_allclose(values, 0.5 * (np.arange(4).reshape(2, 2) - 1j))
        device.stop()


def test_error_flags_are_refusals_in_the_modules_words(lab):
    state = "ERROR;STOPPED;0;;;SEQUENCE PROCESSOR RT EXEC COMMAND UNDERFLOW,;too slow"
    with TranscriptLink([*first_load(), ("SEQuencer0:STATE?", state)]) as link:
        device = QbloxModule(link, lab.instrument("qrm0"))
        device.load(program())
        with pytest.raises(RefusedError, match=r"q0.readout, stopped: .*RT EXEC COMMAND UNDERFLOW; too slow"):
            device.finished()


def test_refused_program_is_not_taken_for_held(lab):
    turns = first_load()
    place = next(k for k, turn in enumerate(turns) if turn[0] == ("SEQuencer0:PROGram ", b"set_awg_gain 0.5\nstop\n"))
    refused = [("SYSTem:ERRor:COUNt?", "1"), ("SYSTem:ERRor:NEXT?", '-300,"Assembly failed."')]
    with TranscriptLink([*turns[: place + 1], *refused, turns[0]]) as link:
        device = QbloxModule(link, lab.instrument("qrm0"))
        with pytest.raises(RefusedError, match=r"program of sequencer 0 \(q0.readout\): Assembly failed"):
            device.load(program())
        with pytest.raises(AssertionError):  # it begins anew, and the transcript ends
            device.load(program())


def test_bins_that_are_no_whole_records_are_refused():
    values = volts(np.zeros(3 * 32, np.uint8).tobytes(), 1.0, 0)
    with pytest.raises(qctl.errors.DeviceError, match="3 bins are no 2 records"):
        columns(values, 2)
    with pytest.raises(qctl.errors.DeviceError, match="no whole number of bins"):
        volts(b"12345", 1.0, 0)


def rabi(lab, averaged, values=(-0.5, 0.0, 0.5)):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.array(values), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    (batch,) = qctl.compile(p, lab, shots=50, averaged=averaged).lowered.batches
    return {one.instrument: one for one in batch.programs}


@pytest.mark.parametrize("averaged", [False, True])
def test_a_run_on_the_emulated_cluster(lab, averaged):
    programs = rabi(lab, averaged)
    devices = {name: open_device(lab.instrument(name), lab) for name in programs}
    try:
        first = {name: devices[name].load(one) for name, one in programs.items()}
        assert first["qcm0"] > 0 and first["qrm0"] > 0
        assert sum(devices[name].load(one) for name, one in rabi(lab, averaged, (-0.4, 0.1, 0.5)).items()) == 0
        assert sum(devices[name].load(one) for name, one in programs.items()) == 0
        modules = [devices[name] for name in programs if name != "cluster0"]
        for _ in range(2):
            for module in modules:
                module.start()
            devices["cluster0"].fire()
            until_s = time.monotonic() + 30
            while not all(module.finished() for module in modules):
                assert time.monotonic() < until_s
            ((key, values),) = devices["qrm0"].integrated().items()
            assert key == ("q0.readout", "q0") and values.shape == ((1, 3) if averaged else (50, 3))
            assert np.abs(values).max() < 1e-3
            for device in devices.values():
                device.stop()
    finally:
        for device in devices.values():
            device.safe()
            device.close()


def test_settings_are_checked_confirmed_and_read_back(lab):
    device = open_device(lab.instrument("qrm0"), lab)
    try:
        device.set("output1_offset_v", 0.125)
        assert device.get("output1_offset_v") == 0.125
        device.set("input2_gain_db", 6)
        assert device.get("input2_gain_db") == 6
        with pytest.raises(LimitError, match=r"output1_offset_v = 0.6 is outside \[-0.5, 0.5\]"):
            device.set("output1_offset_v", 0.6)
        with pytest.raises(RequestError, match="no parameter"):
            device.set("identity", 1)
        assert device.get("sequencer0_state").split(";")[0] == "OKAY"
        assert device.identify().startswith("Qblox,Cluster QRM,")
        device.safe()
        assert device.get("output1_offset_v") == 0.0
    finally:
        device.close()


def test_cluster_takes_its_reference_and_says_what_it_holds(lab):
    device = open_device(lab.instrument("cluster0"), lab)
    try:
        assert device.get("reference") == "external" and device.locked()
        assert device.get("n_modules") == 3 and device.get("flags") == ""
        device.set("reference", "internal")
        assert not device.locked()
        with pytest.raises(RequestError, match="internal or external"):
            device.set("reference", "moon")
        device.set("reference", "external")
    finally:
        device.close()
