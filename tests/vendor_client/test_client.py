"""Qblox's own client on the emulated cluster, over TCP: it finds the modules, uploads, arms, starts and reads bins.

Needs qblox-instruments 1.4.1 or later, the first whose client takes any ports.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qblox_instruments import Cluster
from qblox_instruments.pnp import PortsInfo
from qblox_instruments.types import AcquisitionEncodingConfig, DebugLevel, InstrumentType

MODULES = "2=qcm0:qblox-qcm,4=qrm0:qblox-qrm,6=rfc0:qblox-qcm-rf,8=rfr0:qblox-qrm-rf,10=qrc0:qblox-qrc"


@pytest.fixture(scope="module")
def cluster():
    command = [sys.executable, "-m", "qctl.hil.instruments", "--model", "qblox-cluster", "--name", "cluster0"]
    process = subprocess.Popen([*command, "--modules", MODULES], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().split("::")[2])
        found = Cluster(
            "judge", identifier="127.0.0.1", ports=PortsInfo(scpi=port, module_scpi_base=port),
            debug=DebugLevel.ERROR_CHECK,
        )  # fmt: skip
        yield found
        found.close()
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def sequencer(cluster):
    cluster.reset()
    one = cluster.module4.sequencer0
    cluster.module4.disconnect_outputs()
    cluster.module4.disconnect_inputs()
    one.connect_sequencer("io0_1")
    one.sync_en(True)
    one.integration_length_acq(100)
    return one


def sequence(program):
    return {
        "waveforms": {"a": {"data": [0.5] * 100, "index": 0}, "b": {"data": [0.0] * 100, "index": 1}},
        "weights": {"half": {"data": [0.5] * 40, "index": 0}},
        "acquisitions": {"m": {"num_bins": 3, "index": 0}, "w": {"num_bins": 1, "index": 1}},
        "program": program,
    }


AVERAGED = """wait_sync 4
move 100,R0
l: play 0,1,4
acquire 0,0,1000
acquire_weighed 1,0,0,0,65528
wait 65528
loop R0,@l
stop 7
"""


def test_modules_and_state(cluster):
    assert {m.slot_idx: m.module_type for m in cluster.modules if m.present()} == {
        2: InstrumentType.QCM, 4: InstrumentType.QRM, 6: InstrumentType.QCM, 8: InstrumentType.QRM,
        10: InstrumentType.QRC,
    }  # fmt: skip
    assert [m.slot_idx for m in cluster.modules if m.present() and m.is_rf_type] == [6, 8, 10]
    assert cluster.get_system_status().status.name == "OKAY"
    cluster.reference_source("external")
    assert cluster.reference_source() == "external"


def test_settings_come_back_as_they_were_set(cluster, sequencer):
    sequencer.nco_freq(123.5e6)
    sequencer.mod_en_awg(True)
    sequencer.thresholded_acq_rotation(30)
    cluster.module2.out3_offset(-1.25)
    cluster.module4.in0_gain(6)
    assert sequencer.nco_freq() == 123.5e6 and sequencer.mod_en_awg() is True
    assert sequencer.thresholded_acq_rotation() == pytest.approx(30)
    assert cluster.module2.out3_offset() == -1.25 and cluster.module4.in0_gain() == 6
    assert sequencer.connect_out1() == "Q" and sequencer.connect_acq_I() == "in0"


def test_mixers_inside_are_set_as_the_client_sets_them(cluster):
    drive, read = cluster.module6, cluster.module8
    drive.out1_lo_freq(5.1e9)
    drive.out1_lo_en(True)
    drive.out1_att(14)
    drive.out1_offset_path1(-12.5)
    read.out0_in0_lo_freq(7.07e9)
    read.out0_in0_lo_en(True)
    read.in0_att(8)
    assert (drive.out1_lo_freq(), drive.out1_lo_en(), drive.out1_att()) == (5.1e9, True, 14)
    assert (drive.out0_lo_freq(), drive.out0_att()) == (6e9, 0)
    assert drive.out1_offset_path1() == -12.5
    assert (read.out0_in0_lo_freq(), read.out0_in0_lo_en(), read.in0_att()) == (7.07e9, True, 8)
    drive.disconnect_outputs()
    drive.sequencer2.connect_sequencer("out1")
    assert drive.sequencer2.connect_out1() == "IQ"
    with pytest.raises(Exception, match="60"):
        drive.out1_att(62)


@pytest.fixture
def qrc(cluster):
    cluster.reset()
    cluster.module10.disconnect_outputs()
    cluster.module10.disconnect_inputs()
    return cluster.module10


def test_qrc_is_set_as_the_client_sets_it(qrc):
    qrc.out0_in0_lo_freq(6.9e9)
    qrc.out5_lo_freq(4.9e9)
    qrc.out5_att(6.5)
    qrc.in1_att(0.5)
    assert (qrc.out0_in0_lo_freq(), qrc.out1_in1_lo_freq(), qrc.out5_lo_freq()) == (6.9e9, 0.5e9, 4.9e9)
    assert (qrc.out5_att(), qrc.out4_att(), qrc.in1_att(), qrc.in0_att()) == (6.5, 0.0, 0.5, 0.0)
    with pytest.raises(ValueError, match="exceeds maximum allowed 26"):
        qrc.out5_att(30.0)
    for number, output in ((0, "out2"), (7, "out5"), (8, "out4")):
        one = qrc.sequencers[number]
        one.connect_sequencer(output)
        assert getattr(one, f"connect_{output}")() == "IQ"
    with pytest.raises(RuntimeError, match="Prohibited"):
        qrc.sequencer8.connect_sequencer("out0")


def test_qrc_counts_as_the_client_does(qrc):
    reads, plays = qrc.sequencer3, qrc.sequencer11
    reads.connect_sequencer("out1", "in1")
    reads.integration_length_acq(100)
    reads.thresholded_acq_threshold(15.0)
    plays.connect_sequencer("out5")
    plays.sequence({"waveforms": sequence("")["waveforms"], "weights": {}, "acquisitions": {},
                    "program": "wait_sync 4\nplay 0,1,100\nstop 3\n"})  # fmt: skip
    reads.sequence(sequence(AVERAGED))
    for one in (reads, plays):
        one.sync_en(True)
        one.arm_sequencer()
    qrc.start_sequencer()
    assert [one.get_sequencer_status(1).exit_code for one in (reads, plays)] == [7, 3]
    bins = reads.get_acquisitions()["m"]["acquisition"]["bins"]
    np.testing.assert_allclose(bins["integration"]["path0"][0], 100 * 0.1 / 0.5, rtol=1e-3)
    assert bins["avg_cnt"] == [100, 0, 0] and bins["threshold"][0] == 1.0
    reads.thresholded_acq_threshold(25.0)
    reads.arm_sequencer()
    reads.delete_acquisition_data(all=True)
    plays.sync_en(False)
    reads.start_sequencer()
    reads.get_sequencer_status(1)
    assert reads.get_acquisitions()["m"]["acquisition"]["bins"]["threshold"][0] == 0.0


def test_program_runs_and_bins_are_read(sequencer):
    sequencer.sequence(sequence(AVERAGED))
    sequencer.thresholded_acq_threshold(5.0)
    assert sequencer.get_sequencer_status().state.name == "IDLE"
    sequencer.arm_sequencer()
    assert sequencer.get_sequencer_status().state.name == "ARMED"
    sequencer.start_sequencer()
    status = sequencer.get_sequencer_status(1)
    assert (status.state.name, status.status.name, status.exit_code) == ("STOPPED", "OKAY", 7)
    assert sequencer.get_acquisition_status(1)
    found = sequencer.get_acquisitions()
    bins = found["m"]["acquisition"]["bins"]  # without a plant, inputs see 0.1 V of their 0.5 V
    np.testing.assert_allclose(bins["integration"]["path0"][0], 100 * 0.1 / 0.5, rtol=1e-3)
    assert bins["avg_cnt"] == [100, 0, 0] and bins["threshold"][0] == 1.0
    assert np.isnan(bins["integration"]["path1"][1])
    weighed = found["w"]["acquisition"]["bins"]["integration"]["path1"][0]
    np.testing.assert_allclose(weighed, 20 * 0.1 / 0.5, rtol=1e-3)
    whole = sequencer.get_acquisitions(acq_encoding=AcquisitionEncodingConfig.default_packing())
    np.testing.assert_array_equal(whole["m"]["acquisition"]["bins"]["avg_cnt"], bins["avg_cnt"])
    np.testing.assert_array_equal(whole["m"]["acquisition"]["bins"]["integration"]["path0"],
                                  bins["integration"]["path0"])  # fmt: skip
    assert sorted(sequencer.get_waveforms()) == ["a", "b"] and list(sequencer.get_weights()) == ["half"]
    sequencer.delete_acquisition_data(all=True)
    assert sequencer.get_acquisitions()["m"]["acquisition"]["bins"]["avg_cnt"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("program", "flag"),
    [
        ("wait_sync 4\nplay 5,0,100\nstop\n", "AWG_WAVE_PLAYBACK_INDEX_INVALID_PATH_0"),
        ("wait_sync 4\nacquire 9,0,100\nstop\n", "ACQ_INDEX_INVALID"),
        ("wait_sync 4\nacquire 0,3,100\nstop\n", "ACQ_BIN_INDEX_INVALID"),
        ("wait_sync 4\nacquire_weighed 0,0,0,4,100\nstop\n", "ACQ_WEIGHT_PLAYBACK_INDEX_INVALID_PATH_1"),
        ("wait_sync 4\nillegal\nstop\n", "SEQUENCE_PROCESSOR_Q1_ILLEGAL_INSTRUCTION"),
        ("wait_sync 4\n" + "nop\n" * 200 + "play 0,1,4\nstop\n", "SEQUENCE_PROCESSOR_RT_EXEC_COMMAND_UNDERFLOW"),
    ],
)
def test_flags_are_those_that_the_client_knows(sequencer, program, flag):
    sequencer.sequence(sequence(program))
    sequencer.arm_sequencer()
    sequencer.start_sequencer()
    status = sequencer.get_sequencer_status(1)
    assert flag in [one.name for one in status.err_flags] and status.status.name == "ERROR"


def test_refusals_reach_the_client(sequencer):
    with pytest.raises(RuntimeError, match="unknown instruction wat"):
        sequencer.sequence(sequence("wat 4\nstop\n"))
    with pytest.raises(RuntimeError, match="memory of 16384 samples is full"):
        sequencer.sequence(sequence("stop\n") | {"waveforms": {"x": {"data": [0.0] * 16_385, "index": 0}}})


def test_sequencer_that_synchronises_and_is_not_armed_holds_up_the_others(cluster, sequencer):
    cluster.module2.sequencer3.sync_en(True)
    sequencer.sequence(sequence(AVERAGED))
    sequencer.arm_sequencer()
    sequencer.start_sequencer()
    assert sequencer.get_sequencer_status().state.name == "RUNNING"
    sequencer.stop_sequencer()
    assert "FORCED_STOP" in [flag.name for flag in sequencer.get_sequencer_status().info_flags]
