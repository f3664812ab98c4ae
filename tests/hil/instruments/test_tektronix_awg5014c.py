"""The emulated AWG5014C: judged by QCoDeS' driver, by its limits, and by what the plant is told."""

from typing import Any

import numpy as np
import pytest
from qcodes.instrument_drivers.tektronix import TektronixAWG5014

from qctl.hil.instruments.awg_waveforms import MAX_POINTS, Waveform, describe
from qctl.hil.instruments.tektronix_awg5014c import TektronixAwg5014c


def upload(name: str, words: np.ndarray) -> bytes:
    data = words.astype("<u2").tobytes()
    length = str(len(data)).encode()
    head = f'WLIS:WAV:NEW "{name}",{len(words)},INT\nWLIS:WAV:DATA "{name}",#{len(length)}'.encode()
    return head + length + data


@pytest.fixture
def running(bench: Any) -> Any:
    """A generator with three elements that wait for the trigger and return to themselves."""
    awg = bench(TektronixAwg5014c)
    for number in range(3):
        assert awg.ask(upload(f"w{number}", np.array([8191, 16382, 0, 8191 + number]))) == b""
    awg.ask("AWGC:RMOD SEQ;:SEQ:LENG 3;:SOUR1:VOLT 1.5;VOLT:OFFS 0.1;:SOUR1:FREQ 1.2E9;:OUTP1 ON")
    for step in (1, 2, 3):
        awg.ask(f'SEQ:ELEM{step}:WAV1 "w{step - 1}";TWA 1;LOOP:COUN 1;:SEQ:ELEM{step}:GOTO:STAT 1;IND {step}')
    awg.ask("AWGC:RUN")
    assert awg.ask("AWGC:RST?;:SYST:ERR?") == b'1;0,"No error"\n'
    return awg


def test_qcodes_driver_sets_and_reads_it(awg: Any) -> None:
    driver = TektronixAWG5014("awg", awg.address, visalib="@py", timeout=5, terminator="\n")
    try:
        assert driver.get_idn()["model"] == "AWG5014C"
        driver.clock_freq(1e9)
        driver.ref_source("EXT")
        driver.ch2.amp(0.75)
        driver.ch2.offset(-0.25)
        driver.ch2.state(1)
        driver.trigger_level(0.5)
        driver.send_waveform_to_list(np.linspace(-1, 1, 300), np.zeros(300), np.ones(300), "ramp")
        driver.sequence_length(2)
        driver.set_sqel_waveform("ramp", 2, 1)
        driver.set_sqel_trigger_wait(1, 1)
        driver.set_sqel_goto_state(1, 1)
        driver.set_sqel_goto_target_index(1, 1)
        driver.run_mode("SEQ")
        driver.start()
        assert driver.get_state() == "Waiting for trigger"
        assert [driver.clock_freq(), driver.ch2.amp(), driver.ch2.offset(), driver.ch2.state()] == [1e9, 0.75, -0.25, 1]
        assert driver.ref_source() == "EXT"
        assert driver.get_sqel_waveform(2, 1) == '"ramp"'
        assert driver.get_error().startswith('0,"No error"')
        driver.stop()
        assert driver.get_state() == "Idle"
    finally:
        driver.close()


def test_waveform_and_jump_reach_the_plant(running: Any) -> None:
    verb, points, levels, rate_hz, position = running.plant.calls[-1]
    assert (verb, rate_hz, position, list(points)) == ("sequence", 1.2e9, 1, [1, 2, 3])
    assert levels[1] == (1.5, 0.1, True)
    assert list(points[1][0][0][0]) == [1] and not levels[2][2]
    np.testing.assert_allclose(running.plant.heard(1)[0][0], [0, 1, -1, 0])
    running.ask("SEQ:JUMP:IMM 3")
    assert running.plant.calls[-1] == ("position", 3)
    assert running.ask("AWGC:SEQ:POS?") == b"3\n"
    np.testing.assert_allclose(running.plant.heard(1)[0][0], [0, 1, -1, 2 / 8191], rtol=1e-6)
    running.ask("AWGC:STOP")
    assert running.plant.calls[-1][1][1].digest is None and running.plant.calls[-1][3] is False


def test_reply_comes_after_the_plant_was_told(running: Any) -> None:
    assert running.ask("SEQ:JUMP:IMM 2;*OPC?") == b"1\n"
    assert running.plant.calls[-1] == ("position", 2)


def test_markers_do_not_change_the_analog_waveform(bench: Any) -> None:
    awg = bench(TektronixAwg5014c)
    awg.ask(upload("a", np.array([8191, 100])))
    awg.ask(upload("b", np.array([8191 | 0x4000, 100 | 0xC000])))
    assert awg.box.list.get("a").digest == awg.box.list.get("b").digest
    assert awg.ask('WLIS:WAV:DATA? "b",1,1') == b"#12" + bytes([100, 0xC0]) + b"\n"


def test_bytes_and_waveforms_are_counted_behind_its_back(awg: Any) -> None:
    client = awg.client()
    client.write_raw(upload("a", np.zeros(1000)) + b"\n")
    assert client.query("*OPC?") == "1"
    assert awg.control(get="counters") == {"waveform_bytes": 2000, "waveforms": 1}


def test_counts_reach_the_plant(bench: Any) -> None:
    awg = bench(TektronixAwg5014c)
    awg.ask(upload("a", np.zeros(10)))
    assert ("count", {"waveforms": 1, "waveform_bytes": 20}) in awg.plant.calls


def test_longest_waveform_passes_and_one_more_point_fails(bench: Any) -> None:
    awg = bench(TektronixAwg5014c)
    awg.ask(f'WLIS:WAV:NEW "a",{MAX_POINTS},INT')
    assert awg.error() == 0
    awg.ask(f'WLIS:WAV:NEW "b",{MAX_POINTS + 1},INT')
    assert awg.error() == -222


def test_memory_of_a_sequence_passes_when_full_and_fails_with_one_more_point(bench: Any) -> None:
    awg = bench(TektronixAwg5014c)
    awg.ask(f'WLIS:WAV:NEW "a",{MAX_POINTS - 300},INT;:WLIS:WAV:NEW "b",300,INT;:WLIS:WAV:NEW "c",301,INT')
    awg.ask('AWGC:RMOD SEQ;:SEQ:LENG 2;:SEQ:ELEM1:WAV1 "a";TWA 1;:SEQ:ELEM2:WAV1 "b";TWA 1')
    awg.ask("SEQ:ELEM1:GOTO:STAT 1;IND 1;:SEQ:ELEM2:GOTO:STAT 1;IND 2;:AWGC:RUN")
    assert awg.error() == 0
    awg.ask('AWGC:STOP;:SEQ:ELEM2:WAV1 "c";:AWGC:RUN')
    assert awg.error() == -225


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("SEQ:LENG 8000", 0),
        ("SEQ:LENG 8001", -222),
        ("SEQ:ELEM1:TWA 1", -222),
        ('SOUR1:WAV "none"', -224),
        ("SOUR1:VOLT 4.5", 0),
        ("SOUR1:VOLT 4.501", -222),
        ("SOUR1:VOLT:OFFS -2.26", -222),
        ("SOUR1:FREQ 1.2E9", 0),
        ("SOUR1:FREQ 1.3E9", -222),
        ("SOUR5:VOLT 1", -114),
        ("SEQ:LENG 1;JUMP:IMM 1", -221),
        ("AWGC:RUN", -221),
        ('WLIS:WAV:NEW "a",10,FLOAT', -224),
        ('WLIS:WAV:NEW "a",4,INT;:WLIS:WAV:DATA "a",#210' + 10 * "x", -223),
        ('WLIS:WAV:NEW "a",4,INT;:WLIS:WAV:DATA "a",#17' + 7 * "x", -161),
        ('WLIS:WAV:NEW "a",4,INT;:WLIS:WAV:DATA "a",123', -104),
        ('WLIS:WAV:DATA "a",#12xx', -224),
        ('WLIS:WAV:DEL "a"', 0),
        ("TRIG:SOUR MAYBE", -224),
    ],
)
def test_limits(bench: Any, message: str, number: int) -> None:
    awg = bench(TektronixAwg5014c)
    awg.ask(message)
    assert awg.error() == number


def test_real_waveforms_are_taken(bench: Any) -> None:
    awg = bench(TektronixAwg5014c)
    points = np.array([(0.0, 0), (1.0, 0x40), (-1.0, 0xC0)], dtype=[("level", "<f4"), ("markers", "u1")])
    awg.ask(b'WLIS:WAV:NEW "r",3,REAL\nWLIS:WAV:DATA "r",#215' + points.tobytes())
    assert awg.error() == 0
    np.testing.assert_array_equal(awg.box.list.get("r").words, [8191, 16382 | 0x4000, 0xC000])


def test_element_that_waits_and_leaves_for_another_that_waits_is_refused(running: Any) -> None:
    running.ask("SEQ:ELEM2:LOOP:INF 1;:SEQ:JUMP:IMM 2")
    assert running.error() == -300
    running.ask("SEQ:ELEM3:GOTO:IND 1;:SEQ:JUMP:IMM 3")
    assert running.error() == -300
    assert running.ask("AWGC:SEQ:POS?") == b"1\n"


def test_changed_settings_of_a_running_element_reach_the_plant(running: Any) -> None:
    running.ask("SEQ:JUMP:IMM 2")
    running.ask("SEQ:JUMP:IMM 1;:SOUR1:VOLT 0.5")
    assert running.plant.calls[-1][2][1] == (0.5, 0.1, True)
    running.ask('SEQ:ELEM1:WAV1 "w2"')
    assert running.plant.calls[-1][4] is None, "the plant knows where it waits"
    np.testing.assert_allclose(running.plant.heard(1)[0][0], [0, 1, -1, 2 / 8191], rtol=1e-6)
    running.ask('WLIS:WAV:DEL "w2"')
    assert running.plant.calls[-1][0] == "outputs" and running.plant.calls[-1][1][1].digest is None
    assert running.plant.calls[-1][3] is False


def test_elements_after_one_that_waits_are_played_with_it_and_come_back(running: Any) -> None:
    running.ask("SEQ:ELEM2:TWA 0;LOOP:COUN 65536;:SEQ:ELEM1:GOTO:IND 2;:SEQ:ELEM2:GOTO:IND 3;:SEQ:ELEM3:TWA 0")
    running.ask("SEQ:ELEM3:GOTO:IND 1")
    assert running.ask("AWGC:RST?;:SYST:ERR?") == b'1;0,"No error"\n'
    heard = running.plant.heard(1)
    assert [n_times for _, n_times in heard] == [1, 65536, 1]
    assert [samples[3] * 8191 for samples, _ in heard] == pytest.approx([0, 1, 2])
    running.ask("SEQ:JUMP:IMM 3")
    assert running.ask("AWGC:SEQ:POS?;:SYST:ERR?") == b'1;0,"No error"\n', "it goes on to the element that waits"


def test_event_leads_to_the_jump_target(running: Any) -> None:
    running.ask("SEQ:ELEM1:JTAR:TYPE IND;INDEX 3;:SEQ:ELEM3:JTAR:TYPE NEXT;:EVEN:JTIM ASYN")
    for place in (3, 1, 3):
        assert running.ask("EVEN:IMM;:AWGC:SEQ:POS?") == f"{place}\n".encode()
    running.ask("SEQ:JUMP:IMM 2")
    assert running.ask("EVEN;:AWGC:SEQ:POS?;:AWGC:RST?") == b"2;1\n", "an element without a target stays"
    running.ask("AWGC:EVEN:JMOD DJUM;:SEQ:JUMP:IMM 1;:EVEN:IMM")
    assert running.ask("AWGC:SEQ:POS?;:AWGC:EVEN:JMOD?;:SYST:ERR?") == b'1;DJUM;0,"No error"\n'
    running.ask("AWGC:STOP;:SEQ:ELEM2:TWA 0;:AWGC:EVEN:JMOD EJUM;:SEQ:ELEM1:JTAR:IND 2;:AWGC:RUN")
    assert running.error() == -300


def test_lost_reference_shows_and_refuses_to_run(running: Any) -> None:
    running.ask("AWGC:STOP;:SOUR1:ROSC:SOUR EXT")
    running.box.new_faults({"unlocked": True})
    assert running.ask("STAT:QUES:COND?") == b"32\n"
    running.ask("AWGC:RUN")
    assert running.error() == -241
    running.box.new_faults({})
    assert running.ask("STAT:QUES:COND?;:AWGC:RUN;:SYST:ERR?") == b'0;0,"No error"\n'


def test_short_waveforms_need_the_software_sequencer(running: Any) -> None:
    assert running.ask("AWGC:SEQ:TYPE?") == b"SOFT\n"


def test_waveforms_described_together_are_as_each_by_itself() -> None:
    random = np.random.default_rng(3)
    kinds = (np.full(300, 8191), random.integers(0, 1 << 16, 257), np.r_[random.integers(0, 16384, 20), [8191] * 40, 5])
    rows = [np.asarray(kind, "<u2") for kind in (*kinds, kinds[0][:1], kinds[1][:1], kinds[2][::-1])]

    def held() -> list[Waveform]:
        found = [Waveform(row.size, "INT") for row in rows]
        for one, row in zip(found, rows, strict=True):
            one.write(0, row)
        return found

    for chosen in (slice(None), slice(1), slice(1, 2), slice(3, 4), slice(0)):
        together = describe(held()[chosen])
        for one in held()[chosen]:
            n_points, runs = together[one.digest]
            assert n_points == one.n_points
            assert [start for start, _ in runs] == [start for start, _ in one.runs]
            for (_, part), (_, alone) in zip(runs, one.runs, strict=True):
                np.testing.assert_array_equal(part, alone)
