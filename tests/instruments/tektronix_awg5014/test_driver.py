"""The AWG5014C driver: transcripts, what is uploaded and what is not, limits, reconnecting, and the emulated box."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from emulators import Emulator
from narrowed import narrow
from numpy.typing import NDArray

from qctl.device import Advancing, Player, Synchronised
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import open_device
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody, Channel, Step
from qctl.instruments.tektronix_awg5014.driver import TektronixAwg5014
from qctl.instruments.tektronix_awg5014.waveforms import waveform_name
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

Named = Callable[..., Instrument]
OK = ("SYST:ERR?", '0,"No error"')
STOPPED = [("AWGC:STOP", None)]


def whole(n_elements: int) -> tuple[str, str]:
    """Return the turn that ends a load."""
    return ("SYST:ERR?;:SEQ:LENG?", f'0,"No error";{n_elements}')


def words(*codes: int, n_samples: int = 250) -> NDArray[np.uint16]:
    return np.resize(np.array(codes or (can.CODE_ZERO,), "<u2"), n_samples)


def program(elements: list[dict[int, NDArray[np.uint16]]], **channels: Channel) -> DeviceProgram:
    blobs = {sha256(w.tobytes()).hexdigest(): w for element in elements for w in element.values()}
    points = tuple((Step({n: sha256(w.tobytes()).hexdigest() for n, w in element.items()}),) for element in elements)
    used = {int(key[1:]): channel for key, channel in channels.items()}
    return DeviceProgram("awg0", "tektronix-awg5014c", AwgBody(1.2e9, used, points).to_bytes(), blobs, len(elements))


def setting(text: str, value: str, reply: str | None = None) -> list[Any]:
    return [(f"{text} {value}", None), OK, (f"{text}?", reply or value)]


def upload(name: str, wave: NDArray[np.uint16]) -> Any:
    return ((f'WLIS:WAV:NEW "{name}",250,INT;:WLIS:WAV:DATA "{name}",0,250,', wave.tobytes()), None)


SETUP = [
    *setting("AWGC:RMOD", "SEQ"),
    *setting("SOUR1:FREQ", "1200000000"),
    *setting("TRIG:SOUR", "EXT"),
    *setting("TRIG:LEV", "0.5"),
    *setting("SOUR1:VOLT", "1"),
    *setting("SOUR1:VOLT:OFFS", "0"),
]
LOOPS = "SEQ:ELEM{k}:TWA 1;:SEQ:ELEM{k}:LOOP:COUN 1;:SEQ:ELEM{k}:GOTO:STAT 1;:SEQ:ELEM{k}:GOTO:IND {k}"


def first_load(wave: NDArray[np.uint16], held: list[Any]) -> list[Any]:
    name = waveform_name(sha256(wave.tobytes()).hexdigest())
    return [
        *STOPPED,
        *held,
        *SETUP,
        upload(name, wave),
        ("SEQ:LENG 0", None),
        ("SEQ:LENG 1", None),
        (f'SEQ:ELEM1:WAV1 "{name}";:' + LOOPS.format(k=1), None),
        whole(1),
    ]


def test_first_load_uploads_and_builds_the_sequence(named: Named) -> None:
    wave = words(8191, 16382, 0)
    with TranscriptLink(first_load(wave, [("WLIS:SIZE?", "0")])) as link:
        assert TektronixAwg5014(link, named("awg0")).load(program([{1: wave}], o1=Channel(1.0))) == 500


def test_second_load_of_the_same_program_sends_nothing_but_stop(named: Named) -> None:
    wave = words(8191, 9000)
    turns = [*first_load(wave, [("WLIS:SIZE?", "0")]), *STOPPED, whole(1)]
    with TranscriptLink(turns) as link:
        device = TektronixAwg5014(link, named("awg0"))
        same = program([{1: wave}], o1=Channel(1.0))
        assert device.load(same) == 500
        assert device.load(same) == 0


def test_waveform_found_in_the_box_is_read_back_and_not_sent(named: Named) -> None:
    wave = words(8191, 9000)
    name = waveform_name(sha256(wave.tobytes()).hexdigest())
    found = [("WLIS:SIZE?", "2"), ("WLIS:NAME? 0", '"*Sine10"'), ("WLIS:NAME? 1", f'"{name}"')]
    turns = first_load(wave, found)
    at = turns.index(upload(name, wave))
    turns[at : at + 1] = [
        (f'WLIS:WAV:LENG? "{name}"', "250"),
        (f'WLIS:WAV:DATA? "{name}"', [wave.tobytes()]),
    ]
    with TranscriptLink(turns) as link:
        assert TektronixAwg5014(link, named("awg0")).load(program([{1: wave}], o1=Channel(1.0))) == 0


def test_half_uploaded_waveform_in_the_box_is_replaced(named: Named) -> None:
    wave = words(8191, 9000)
    name = waveform_name(sha256(wave.tobytes()).hexdigest())
    turns = first_load(wave, [("WLIS:SIZE?", "1"), ("WLIS:NAME? 0", f'"{name}"')])
    at = turns.index(upload(name, wave))
    turns[at:at] = [
        (f'WLIS:WAV:LENG? "{name}"', "250"),
        (f'WLIS:WAV:DATA? "{name}"', [bytes(500)]),
        (f'WLIS:WAV:DEL "{name}"', None),
        OK,
    ]
    with TranscriptLink(turns) as link:
        assert TektronixAwg5014(link, named("awg0")).load(program([{1: wave}], o1=Channel(1.0))) == 500


def test_select_is_one_round_trip(named: Named) -> None:
    wave = words()
    turns = [*first_load(wave, [("WLIS:SIZE?", "0")]), ("SEQ:JUMP:IMM 1;:SYST:ERR?", '0,"No error"')]
    with TranscriptLink(turns) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program([{1: wave}], o1=Channel(1.0)))
        device.select(0)
        with pytest.raises(RequestError, match=r"point = 1 is outside \[0, 0\]"):
            device.select(1)


def test_refused_jump_has_the_boxes_words(named: Named) -> None:
    wave = words()
    refusal = [("SEQ:JUMP:IMM 1;:SYST:ERR?", '-221,"Settings conflict"'), (":SYST:ERR?", '0,"No error"')]
    with TranscriptLink([*first_load(wave, [("WLIS:SIZE?", "0")]), *refusal]) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program([{1: wave}], o1=Channel(1.0)))
        with pytest.raises(RefusedError, match="Settings conflict"):
            device.select(0)


EVENTS = [
    *setting("AWGC:EVEN:JMOD", "EJUM"),
    *setting("EVEN:JTIM", "ASYN"),
    *setting("EVEN:POL", "POS"),
    *setting("EVEN:LEV", "0.5"),
]


def advancing(*points: tuple[tuple[NDArray[np.uint16], int], ...], event: bool = True) -> DeviceProgram:
    """Return a program of output 1 with points of several steps."""
    blobs = {sha256(w.tobytes()).hexdigest(): w for point in points for w, _ in point}
    steps = tuple(tuple(Step({1: sha256(w.tobytes()).hexdigest()}, n) for w, n in point) for point in points)
    body = AwgBody(1.2e9, {1: Channel(1.0)}, steps, event=event)
    return DeviceProgram("awg0", "tektronix-awg5014c", body.to_bytes(), blobs, len(points))


def test_points_of_several_steps_lead_round_and_events_from_point_to_point(named: Named) -> None:
    pulse, quiet = words(8191, 9000), words()
    a, b = (waveform_name(sha256(w.tobytes()).hexdigest()) for w in (pulse, quiet))
    turns = first_load(pulse, [("WLIS:SIZE?", "0")])
    start = next(k for k, turn in enumerate(turns) if str(turn[0]).startswith("TRIG:LEV")) + 3
    uploads = [upload(n, w) for n, w in sorted(((a, pulse), (b, quiet)))]
    place = "SEQ:ELEM{0}:TWA {1};:SEQ:ELEM{0}:LOOP:COUN {2};:SEQ:ELEM{0}:GOTO:STAT 1;:SEQ:ELEM{0}:GOTO:IND {3}"
    rows = [(1, a, 1, 1, 2, 4), (2, b, 0, 480, 3, 0), (3, a, 0, 1, 1, 0), (4, a, 1, 1, 4, 1)]
    sequence = []
    for number, name, waits, loops, goto, target in rows:
        texts = [f'SEQ:ELEM{number}:WAV1 "{name}"', place.format(number, waits, loops, goto)]
        texts += [f"SEQ:ELEM{number}:JTAR:TYPE IND", f"SEQ:ELEM{number}:JTAR:IND {target}"] if target else []
        sequence.append((";:".join(texts), None))
    turns = [*turns[:start], *EVENTS, *turns[start : start + 6], *uploads, ("SEQ:LENG 0", None)]
    turns += [("SEQ:LENG 4", None), *sequence, whole(4)]
    turns += [("AWGC:SEQ:POS?", "4"), ("AWGC:SEQ:POS?", "1"), ("SEQ:JUMP:IMM 4;:SYST:ERR?", OK[1])]
    turns += [*STOPPED, ("SEQ:ELEM1:JTAR:TYPE OFF", None), ("SEQ:ELEM4:JTAR:TYPE OFF", None), whole(4)]
    points = (((pulse, 1), (quiet, 480), (pulse, 1)), ((pulse, 1),))
    with TranscriptLink(turns) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(advancing(*points))
        assert isinstance(device, Advancing) and device.advances()
        device.check_point(1)
        with pytest.raises(RefusedError, match=r"is at sequence element 1, not at 4.*trig0 line 2") as caught:
            device.check_point(1)
        assert caught.value.details["instrument"] == link.name
        device.select(1)
        device.load(advancing(*points, event=False))
        assert not device.advances()


def test_nothing_plays_before_a_load(named: Named) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match="no program is loaded"):
        TektronixAwg5014(link, named("awg0")).start()


def test_reopened_link_asks_for_a_new_load(named: Named) -> None:
    wave = words()
    with TranscriptLink(first_load(wave, [("WLIS:SIZE?", "0")])) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program([{1: wave}], o1=Channel(1.0)))
        link.generation = 2
        with pytest.raises(DeviceError, match="load it again"):
            device.select(0)


def test_safe_switches_every_output_off(named: Named) -> None:
    turns = [("AWGC:STOP", None), *((f"OUTP{n} 0", None) for n in range(1, 5)), OK]
    turns += [(f"OUTP{n}?", "0") for n in range(1, 5)]
    with TranscriptLink(turns) as link:
        TektronixAwg5014(link, named("awg0")).safe()


LIMITS = [
    (program([{1: words()}], o1=Channel(4.51)), "amplitude_vpp = 4.51"),
    (program([{1: words()}], o1=Channel(float("nan"))), "amplitude_vpp = nan"),
    (program([{1: words()}], o1=Channel(1.0, 2.26)), "offset_v = 2.26"),
    (program([{1: words(n_samples=249)}], o1=Channel(1.0)), "samples = 249"),
    (program([{1: words(16382)}], o1=Channel(4.5, 0.01)), "would reach 2.26 to 2.26 V"),
    (advancing(((words(), 65_537),)), "element 1 loops = 65537"),
    (advancing(((words(), 0),)), "element 1 loops = 0"),
    (program([{1: words()}] * 8001, o1=Channel(1.0)), "sequence elements = 8001"),
]


@pytest.mark.parametrize(("bad", "words_of_error"), LIMITS, ids=[words_of_error for _, words_of_error in LIMITS])
def test_program_outside_limits_is_never_sent(named: Named, bad: DeviceProgram, words_of_error: str) -> None:
    with TranscriptLink([]) as link, pytest.raises(LimitError, match=words_of_error):
        TektronixAwg5014(link, named("awg0")).load(bad)


def test_program_at_the_limits_is_sent_and_over_memory_is_not(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    from qctl.instruments.tektronix_awg5014.checks import check_program

    narrow(monkeypatch, can, "waveforms.samples", 500)
    fits = program([{1: words(1)}, {1: words(2)}, {1: words(1)}], o1=Channel(4.5))
    check_program(AwgBody.from_bytes(fits.body), fits.blobs, named("awg0"))
    over = program([{1: words(1)}, {1: words(2, n_samples=251)}], o1=Channel(1.0))
    with pytest.raises(LimitError, match="501 samples is over 500"):
        check_program(AwgBody.from_bytes(over.body), over.blobs, named("awg0"))


@pytest.mark.parametrize(
    ("elements", "channels"),
    [
        ([{1: words(), 2: words(n_samples=251)}], {"o1": Channel(1.0), "o2": Channel(1.0)}),
        ([{1: words(), 2: words()}, {1: words()}], {"o1": Channel(1.0), "o2": Channel(1.0)}),
        ([{1: words().astype("<i4")}], {"o1": Channel(1.0)}),
        ([{5: words()}], {"o5": Channel(1.0)}),
    ],
)
def test_program_that_contradicts_itself_is_refused(
    named: Named, elements: list[dict[int, NDArray[np.uint16]]], channels: dict[str, Channel]
) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError):
        TektronixAwg5014(link, named("awg0")).load(program(elements, **channels))


def test_body_of_another_device_is_refused(named: Named) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match="not an AWG5014C"):
        TektronixAwg5014(link, named("awg0")).load(DeviceProgram("awg0", "tektronix-awg5014c", b"\x81\xa1x\x01"))


def test_set_amplitude_that_would_leave_the_outputs_limits_is_refused(named: Named) -> None:
    with TranscriptLink([("SOUR1:VOLT:OFFS?", "1")]) as link, pytest.raises(LimitError, match="would reach -1 to 3 V"):
        TektronixAwg5014(link, named("awg0")).set("output1_amplitude_vpp", 4.0)


def test_waveform_list_makes_room_by_deleting_what_is_idle(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch, can, "waveforms.count", 2)
    waves = [words(k) for k in range(3)]
    names = [waveform_name(sha256(w.tobytes()).hexdigest()) for w in waves]
    turns = first_load(waves[0], [("WLIS:SIZE?", "1"), ("WLIS:NAME? 0", '"theirs"')])
    turns += [
        *STOPPED,
        *((f'WLIS:WAV:DEL "{names[0]}"', None), OK),
        upload(names[1], waves[1]),
        *(("SEQ:LENG 0", None), ("SEQ:LENG 1", None)),
        (f'SEQ:ELEM1:WAV1 "{names[1]}";:' + LOOPS.format(k=1), None),
        *(whole(1), *STOPPED),
    ]
    with TranscriptLink(turns) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program([{1: waves[0]}], o1=Channel(1.0)))
        device.load(program([{1: waves[1]}], o1=Channel(1.0)))
        with pytest.raises(LimitError, match="3 waveforms are over 2"):
            device.load(program([{1: waves[1]}, {1: waves[2]}], o1=Channel(1.0)))


@pytest.fixture
def device(lab: Lab, named: Named, emulated: Callable[[str, str], Emulator]) -> Any:
    found = open_device(named("awg0", address=emulated("tektronix-awg5014c", "awg0").address), lab)
    yield found
    found.close()


def test_emulated_box_plays_and_counts(device: Any, emulated: Callable[[str, str], Emulator]) -> None:
    assert isinstance(device, Player)
    assert isinstance(device, Synchronised)
    assert device.locked()
    box = emulated("tektronix-awg5014c", "awg0")
    elements = [{1: words(k, 8191), 2: words(8191, k, n_samples=250)} for k in range(20)]
    before = box.counters()["waveform_bytes"]
    assert device.load(program(elements, o1=Channel(1.0), o2=Channel(0.5, 0.1))) == 40 * 500
    assert box.counters()["waveform_bytes"] - before == 40 * 500
    device.start()
    assert device.get("run_state") == 1
    assert [device.get(f"output{n}_on") for n in range(1, 5)] == [True, True, False, False]
    for point in (3, 0, 19):
        device.select(point)
        assert device.link.query("AWGC:SEQ:POS?") == str(point + 1)
    device.stop()
    assert device.get("run_state") == 0
    assert device.load(program(elements, o1=Channel(1.0), o2=Channel(0.5, 0.1))) == 0
    elements[7] = {1: words(4, 5), 2: elements[7][2]}
    assert device.load(program(elements, o1=Channel(1.0), o2=Channel(0.5, 0.1))) == 500
    assert box.counters()["waveform_bytes"] - before == 41 * 500
    sent = np.frombuffer(
        device.link.query_blocks(f'WLIS:WAV:DATA? "{waveform_name(sha256(words(4, 5).tobytes()).hexdigest())}"')[0],
        "<u2",
    )
    np.testing.assert_array_equal(sent, words(4, 5))
    device.safe()


def test_emulated_box_follows_events_and_starts_again_at_the_first_point(device: Any) -> None:
    points = [((words(k, 8191), 1), (words(), 100)) for k in range(5)]
    device.load(advancing(*points))
    device.start()
    device.check_point(0)
    for point in (1, 2):
        device.link.write("EVEN:IMM")
        device.check_point(point)
    with pytest.raises(RefusedError, match="is at sequence element 5, not at 7"):
        device.check_point(3)
    device.select(4)
    device.check_point(4)
    device.stop()
    device.start()
    device.check_point(0)
    device.load(advancing(*points[:3]))
    device.start()
    for point in (1, 2, 0):
        device.link.write("EVEN:IMM")
        device.check_point(point)


def test_emulated_box_keeps_waveforms_for_the_next_driver(
    lab: Lab, named: Named, emulated: Callable[[str, str], Emulator]
) -> None:
    entry = named("awg0", address=emulated("tektronix-awg5014c", "awg0").address)
    elements = [{3: words(77, k)} for k in range(5)]
    for n_bytes in (5 * 500, 0):
        device: Any = open_device(entry, lab)
        assert device.load(program(elements, o3=Channel(1.0))) == n_bytes
        device.close()


def test_killed_box_is_a_device_error_that_names_it_and_comes_back(lab: Lab, named: Named, tmp_path: Any) -> None:
    box = Emulator("tektronix-awg5014c", "awg1", tmp_path)
    device: Any = open_device(named("awg1", address=box.address), lab)
    same = program([{1: words()}], o1=Channel(1.0))
    device.load(same)
    device.start()
    box.stop()
    with pytest.raises(DeviceError, match="awg1") as caught:
        device.select(0)
    assert caught.value.details["instrument"] == "awg1"
    again = Emulator("tektronix-awg5014c", "awg1", tmp_path, bind=f"127.0.0.1:{box.port}")
    try:
        assert device.load(same) == 500
        device.start()
        device.select(0)
    finally:
        device.close()
        again.stop()
