"""The emulated data server as clients see it: nodes, refusals, uploads, and runs on a plant of nothing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))
from zurich_server import zurich_server

from qctl.hil.labone.core import compile_seqc, errors, ziDAQServer

QA = "/dev12001/qachannels/0"
SG = "/dev12001/sgchannels/0"
PROGRAM = "waitDigTrigger(1);\nrepeat (100) {\nplayZero(400);\nplayZero(99600);\nstartQA(QA_GEN_0,QA_INT_0,0,0,0);\n}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with zurich_server(tmp_path_factory.mktemp("zurich")) as found:
        yield found


@pytest.fixture
def daq(server):
    found = ziDAQServer("127.0.0.1", server.port, 6)
    found.connectDevice("dev12001", "1GbE")
    yield found
    found.disconnect()


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("/dev12001/nix/0", 1, errors.NotFoundError),
        ("/dev99/system/fwrevision", 1, errors.NotFoundError),
        (f"{QA}/readout/integration/weights/16/wave", np.ones(8, complex), errors.NotFoundError),
        ("/dev12001/features/devtype", "SHFSG", errors.ReadOnlyError),
        (f"{QA}/readout/result/acquired", 1, errors.ReadOnlyError),
        (f"{SG}/output/range", "ten", errors.InvalidArgumentError),
        (f"{SG}/output/range", float("nan"), errors.InvalidArgumentError),
        (f"{QA}/readout/integration/weights/0/wave", np.ones(8), errors.InvalidArgumentError),
        (f"{QA}/readout/integration/weights/0/wave", np.ones(4097, complex), errors.InvalidArgumentError),
        (f"{QA}/generator/waveforms/0/wave", np.full(64, 1.1 + 0j), errors.InvalidArgumentError),
        (f"{SG}/awg/waveform/waves/0", np.zeros(32, np.int16), errors.CoreError),
        (f"{SG}/awg/enable", 1, errors.CoreError),
        (f"{SG}/awg/elf/data", np.zeros(100, np.uint8), errors.CoreError),
    ],
)
def test_what_a_node_does_not_take_is_refused_by_the_clients_error(daq, path, value, kind):
    with pytest.raises(kind) as caught:
        daq.set([(path, value)])
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("path", "value", "taken"),
    [
        (f"{SG}/output/range", 8.0, 10.0),
        (f"{SG}/output/range", 40.0, 10.0),
        ("/dev12001/synthesizers/1/centerfreq", 5.13e9, 5.1e9),
        (f"{QA}/readout/integration/length", 1001, 1000),
        ("/dev12002/sigouts/0/range", 0.7, 0.8),
        ("/dev12002/sigouts/0/offset", -9.0, -1.25),
        ("/DEV12002/SIGOUTS/1/RANGE", 2.0, 2.0),
    ],
)
def test_numbers_are_coerced_into_the_range_without_an_error(daq, path, value, taken):
    daq.set([(path, value)])
    assert daq.getDouble(path) == pytest.approx(taken)


def test_nodes_are_read_one_by_one_and_at_once(daq):
    daq.set([(f"{SG}/oscs/{k}/freq", 1e6 * k) for k in range(8)])
    found = daq.get(f"{SG}/oscs/*/freq", flat=True)
    assert [found[f"{SG}/oscs/{k}/freq"]["value"][0] for k in range(8)] == [1e6 * k for k in range(8)]
    whole = daq.get("/dev12001/*", flat=True)
    assert len(whole) > 150 and not any("elf" in path or path.endswith("/acquired") for path in whole)
    assert daq.getString("/dev12001/features/devtype") == "SHFQC" and daq.getInt("/dev12001/system/fwrevision") > 0
    assert f"{SG}/output/on" in daq.listNodes(SG)
    with pytest.raises(errors.InvalidArgumentError):
        daq.getInt("/dev12001/features/devtype")
    with pytest.raises(errors.CoreError, match="flat"):
        daq.get("/dev12001/*")


def loaded(daq, text=PROGRAM):
    daq.set([(f"{QA}/generator/enable", 0), (f"{QA}/readout/result/enable", 0)])
    elf, extra = compile_seqc(text, "SHFQC", "QC6CH", 0, sequencer="qa")
    assert extra["messages"] == ""
    daq.setVector(f"{QA}/generator/elf/data", np.frombuffer(elf, np.uint8))
    assert daq.getInt(f"{QA}/generator/ready") == 1
    daq.set(
        [
            (f"{QA}/generator/waveforms/0/wave", np.full(1000, 0.1 + 0j)),
            (f"{QA}/readout/integration/weights/0/wave", np.exp(0.5j) * np.ones(1000)),
            (f"{QA}/readout/integration/length", 1000),
            (f"{QA}/input/on", 1),
            (f"{QA}/generator/auxtriggers/0/channel", 8),
        ]
    )


def ran(daq, **result):
    settings = [(f"{QA}/readout/result/{name}", value) for name, value in result.items()]
    daq.set([*settings, (f"{QA}/readout/result/enable", 1), (f"{QA}/generator/enable", 1)])
    daq.set([("/dev12001/system/internaltrigger/enable", 1)])
    until_s = time.monotonic() + 20
    while daq.getInt(f"{QA}/generator/enable"):
        assert time.monotonic() < until_s
        time.sleep(0.005)
    path = f"{QA}/readout/result/data/0/wave"
    return daq.get(path, flat=True)[path][0]["vector"]


@pytest.mark.parametrize(("length", "averages", "mode"), [(100, 1, 0), (1, 100, 0), (10, 10, 0), (10, 10, 1)])
def test_results_are_logged_and_averaged(daq, length, averages, mode):
    loaded(daq)
    found = ran(daq, length=length, averages=averages, mode=mode)
    assert len(found) == length and daq.getInt(f"{QA}/readout/result/acquired") == 100
    assert daq.getInt(f"{QA}/readout/result/enable") == 0
    np.testing.assert_allclose(found, 1000 * (0.1 + 0.1j) * np.exp(0.5j), atol=0.02)


def test_logger_that_waits_for_more_results_stays_on(daq):
    loaded(daq)
    ran(daq, length=101, averages=1, mode=0)
    assert daq.getInt(f"{QA}/readout/result/enable") == 1 and daq.getInt(f"{QA}/readout/result/acquired") == 100


def test_new_program_forgets_waveforms_and_table(daq, server):
    text = "wave a = placeholder(32);\nassignWaveIndex(1,2,a,1,2,a,0);\nwaitDigTrigger(1);\nexecuteTableEntry(0);\n"
    elf, _ = compile_seqc(text, "SHFQC", sequencer="sg")
    daq.setVector(f"{SG}/awg/elf/data", elf)
    daq.set([(f"{SG}/awg/waveform/waves/0", np.zeros(64, np.int16))])
    table = {"header": {"version": "1.1.0"}, "table": [{"index": 0, "waveform": {"index": 0}}]}
    daq.setVector(f"{SG}/awg/commandtable/data", json.dumps(table))
    assert daq.getInt(f"{SG}/awg/commandtable/status") == 1
    before = server.counters()
    with pytest.raises(errors.CoreError, match="63 values for 2 waveforms of 32 samples"):
        daq.set([(f"{SG}/awg/waveform/waves/0", np.zeros(63, np.int16))])
    assert server.counters() == before
    daq.setVector(f"{SG}/awg/elf/data", elf)
    daq.set([(f"{SG}/awg/auxtriggers/0/channel", 8), (f"{SG}/awg/enable", 1)])
    daq.set([("/dev12001/system/internaltrigger/enable", 1)])
    until_s = time.monotonic() + 20
    while daq.getInt(f"{SG}/awg/enable"):
        assert time.monotonic() < until_s
        time.sleep(0.005)
    assert daq.getInt(f"{SG}/awg/sequencer/status") & 8  # the table is gone, so the entry is not there


@pytest.mark.parametrize(
    "row",
    [
        {"index": 4096},
        {"index": 0, "amplitude00": {"value": 1.5}},
        {"index": 0, "amplitude": {"value": 0.5}},
        {"index": 0, "waveform": {"index": -1}},
        {"index": 0, "waveform": {"index": 0, "length": 20}},
        {"index": 0, "oscillatorSelect": {"value": 8}},
        {"index": 0, "phase": {"value": 3.0, "increment": True}},
    ],
)
def test_table_outside_the_schema_is_shown_in_the_status(daq, row):
    daq.setVector(f"{SG}/awg/commandtable/data", json.dumps({"header": {"version": "1.1.0"}, "table": [row]}))
    assert daq.getInt(f"{SG}/awg/commandtable/status") == 8


def test_compiler_needs_what_the_vendors_needs():
    for device, more, words in (
        ("SHFQC", {}, "sequencer type"),
        ("HDAWG8", {}, "samplerate"),
        ("MFLI", {}, "Unknown device type"),
    ):
        with pytest.raises(errors.CoreError, match=words):
            compile_seqc(PROGRAM, device, **more)
    with pytest.raises(errors.CoreError, match="Compiler Error: line 1"):
        compile_seqc("playZero(", "SHFSG8")


def test_server_that_is_not_there_is_an_error_of_the_client():
    with pytest.raises(errors.CoreError, match=r"Could not connect to 127\.0\.0\.1:9"):
        ziDAQServer("127.0.0.1", 9, 6)
    with pytest.raises(errors.CoreError, match="API level 3"):
        ziDAQServer("127.0.0.1", 9, 3)
