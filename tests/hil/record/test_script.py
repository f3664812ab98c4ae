"""What a record answers: strictly and tolerantly, with polls, signs of life and sessions of the firmware link."""

from __future__ import annotations

import pytest

from qctl.errors import DeviceError
from qctl.hil.instruments.trigger_packets import Packet, pack, unpack
from qctl.hil.record.journal import Turn
from qctl.hil.record.script import FirmwareScript, Script
from qctl.hil.record.scripts import script_of

TURNS = [
    Turn(b"*IDN?\n", [b"box\n"], 0.0),
    Turn(b"FREQ 1\n", [], 0.1),
    Turn(b"FREQ?\n", [b"1\n"], 0.2),
    Turn(b"BUSY?\n", [b"1\n"], 0.3),
    Turn(b"BUSY?\n", [b"0\n"], 0.4),
    Turn(b"LOCK?\n", [b"1\n"], 2.0),
    Turn(b"POW 2\n", [], 2.1),
    Turn(b"FREQ?\n", [b"2\n"], 2.2),
]


class Hand:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def played(script: Script, words: list[str]) -> list[bytes]:
    return [b"".join(script.answers(word.encode() + b"\n")) for word in words]


def test_a_strict_replay_answers_as_recorded() -> None:
    script = Script("lo0", TURNS, strict=True)
    words = [turn.said.decode().strip() for turn in TURNS]
    assert played(script, words) == [b"".join(turn.answers) for turn in TURNS]
    assert script.n_left == 0


@pytest.mark.parametrize(
    ("words", "number", "expected", "came"),
    [
        (["*IDN?", "FREQ 3"], 2, "'FREQ 1'", "'FREQ 3'"),
        (["*IDN?", "POW 2"], 2, "'FREQ 1'", "'POW 2'"),
        (["*IDN?", "FREQ 1", "BUSY?"], 3, "'FREQ?'", "'BUSY?'"),
        (["*IDN?", "FREQ 1", "FREQ?", "BUSY?", "POW 2", "FREQ?", "FREQ 1"], 9, "nothing more", "'FREQ 1'"),
    ],
)
def test_the_first_command_that_differs_is_named(words: list[str], number: int, expected: str, came: str) -> None:
    script = Script("lo0", TURNS, strict=True, clock=Hand())
    played(script, words[:-1])
    with pytest.raises(DeviceError, match="lo0") as caught:
        played(script, words[-1:])
    assert caught.value.message == f"lo0: command {number} differs from the record: expected {expected}, came {came}"


def test_a_poll_may_come_more_or_less_often() -> None:
    begin = ["*IDN?", "FREQ 1", "FREQ?"]
    assert played(Script("a", TURNS, True), [*begin, *["BUSY?"] * 4])[3:] == [b"1\n", b"0\n", b"0\n", b"0\n"]
    assert played(Script("a", TURNS, True), [*begin, "BUSY?", "POW 2"])[3:] == [b"1\n", b""]


def test_a_sign_of_life_is_free_and_a_query_after_silence_becomes_one() -> None:
    clock = Hand()
    script = Script("a", TURNS, True, clock)
    assert played(script, ["*IDN?", "LOCK?", "FREQ 1"]) == [b"box\n", b"1\n", b""]
    clock.now_s = 1.0
    assert played(script, ["*IDN?", "FREQ?"]) == [b"box\n", b"1\n"]


def test_what_is_named_is_the_command_that_had_to_come_and_no_sign_of_life_before_it() -> None:
    script = Script("a", TURNS, True, clock=Hand())
    played(script, ["*IDN?", "FREQ 1", "FREQ?", "BUSY?"])
    with pytest.raises(DeviceError, match="command 7 differs from the record: expected 'POW 2', came 'POW 3'"):
        played(script, ["POW 3"])


def test_a_tolerant_replay_takes_any_order_and_gives_the_last_answer_again() -> None:
    script = Script("a", TURNS, strict=False)
    assert played(script, ["POW 2", "FREQ?", "FREQ 1", "FREQ 1", "FREQ?", "FREQ?"]) == [
        b"", b"1\n", b"", b"", b"1\n", b"2\n",
    ]  # fmt: skip
    with pytest.raises(DeviceError, match="command 7 is not in the record: came 'POW 3'"):
        played(script, ["POW 3"])


def test_packets_are_answered_in_the_session_and_under_the_number_that_asks() -> None:
    turns = [
        Turn(pack(Packet(1, 900, 0, b"ab"))[:-1], [pack(Packet(0x81, 900, 0, b"me"))[:-1]]),
        Turn(pack(Packet(5, 900, 1, b"x"))[:-1], [pack(Packet(0x85, 900, 1))[:-1]]),
        Turn(pack(Packet(5, 900, 1, b"x"))[:-1], [pack(Packet(0xC1, 900, 1, b"done"))[:-1]]),
        Turn(pack(Packet(0x10, 900, 1))[:-1], []),
    ]
    script = FirmwareScript("trig0", turns, strict=True)

    def said(packet: Packet) -> list[Packet | None]:
        return [unpack(answer[:-1]) for answer in script.answers(pack(packet)[:-1])]

    assert said(Packet(1, 7, 0, b"ab")) == [Packet(0x81, 7, 0, b"me")]
    both = [Packet(0x85, 7, 3), Packet(0xC1, 7, 1, b"done")]
    assert said(Packet(5, 7, 3, b"x")) == both
    assert said(Packet(5, 7, 3, b"x")) == both, "a packet that is sent again has the same answers"
    assert said(Packet(0x10, 7, 1)) == []
    with pytest.raises(DeviceError, match="expected nothing more, came packet 0x05 with 79"):
        said(Packet(5, 7, 4, b"y"))


def test_a_tolerant_replay_reads_a_setting_back_as_it_was_set_last() -> None:
    turns = [
        Turn(said, answers, 0.1 * k)
        for k, (said, answers) in enumerate(
            [
                (b"FREQ?\n", [b"0\n"]),
                (b"FREQ 1\n", []),
                (b"FREQ?\n", [b"1\n"]),
                (b"FREQ 2\n", []),
                (b"FREQ?\n", [b"2\n"]),
                (b"POW?\n", [b"7\n"]),
                (b"FREQ 1\n", []),
                (b"FREQ?\n", [b"1.0\n"]),
            ]
        )
    ]
    script = Script("a", turns, strict=False)
    words = ["FREQ?", "FREQ 2", "FREQ?", "FREQ?", "FREQ 1", "FREQ?", "FREQ 2", "POW?", "freq?"]
    with pytest.raises(DeviceError, match="not in the record: came 'freq\\?'"):
        played(script, words)
    script = Script("a", turns, strict=False)
    assert played(script, words[:-1]) == [b"0\n", b"", b"2\n", b"2\n", b"", b"1\n", b"", b"7\n"]
    assert played(script, ["FREQ?", "FREQ 1", "FREQ?"]) == [b"2\n", b"", b"1.0\n"]


@pytest.mark.parametrize(
    ("first", "second", "asks_first", "asks_second"),
    [
        ("SET DAC 1 {}", "SET DAC 2 0.5", "GET DAC 1", "GET DAC 2"),
        ("SET A {}", "SET B 2", "SET A?", "SET B?"),
        ("SETP 1,{}", "SETP 2,30.0", "SETP? 1", "SETP? 2"),
        ("VOLT {},(@1,3)", "VOLT 0.2,(@2)", "VOLT? (@1,3)", "VOLT? (@2)"),
        ("a={}", "b=2", "?a", "?b"),
        ("@1 WRITE A {}", "@2 WRITE A 2", "@1 READ A", "@2 READ A"),
        ("A {};*OPC?", "B 2;*OPC?", "A?", "B?"),
    ],
)
@pytest.mark.parametrize("language", ["text", "lines"])
def test_a_query_is_answered_by_its_own_setting_where_no_lab_says_which_that_is(
    first: str, second: str, asks_first: str, asks_second: str, language: str
) -> None:
    first, again = first.format(0.25), first.format(0.75)
    told = [(first, b"1"), (asks_first, b"one"), (second, b"2"), (asks_second, b"two"), (asks_first, b"one")]
    told += [(again, b"7"), (asks_second, b"two"), (asks_first, b"seven")]
    turns = [Turn(said.encode() + b"\n", [answer], 0.1 * k) for k, (said, answer) in enumerate(told)]
    script = script_of("a", language, turns, strict=False)
    words = [again, second, asks_first, first, asks_second, asks_first, again, asks_second, asks_first]
    assert played(script, words) == [b"7", b"2", b"seven", b"1", b"two", b"one", b"7", b"two", b"seven"]


def test_a_checksum_behind_a_line_hides_no_setting() -> None:
    def checked(text: str) -> bytes:
        found = 0
        for byte in text.encode():
            found ^= byte
        return f"{text}*{found:02X}\r".encode()

    told = [("SET DAC 1 0.25", b"OK"), ("GET DAC 1", b"0.25"), ("SET DAC 2 0.5", b"OK"), ("SET DAC 1 0.75", b"OK")]
    told += [("GET DAC 1", b"0.75"), ("GET DAC 2", b"0.5")]
    turns = [Turn(checked(said), [answer], 0.1 * k) for k, (said, answer) in enumerate(told)]
    script = script_of("a", "lines", turns, strict=False)
    words = ["SET DAC 1 0.75", "SET DAC 2 0.5", "GET DAC 1", "GET DAC 2", "SET DAC 1 0.25", "GET DAC 1"]
    answers = [b"".join(script.answers(checked(word))) for word in words]
    assert answers == [b"OK", b"OK", b"0.75", b"0.5", b"OK", b"0.25"]
