"""A session runs hand-typed transcripts as IEEE 488.2 says, and no junk ends it."""

import asyncio
import random
from collections.abc import Callable

import pytest

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.rohde_schwarz_sgs100a import RohdeSchwarzSgs100a
from qctl.hil.instruments.scpi.session import Session
from qctl.hil.instruments.scpi.stream import Stream

Talk = Callable[[bytes], bytes]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def talk(*messages: bytes) -> list[bytes]:
    """Send messages one after the other to a fresh source and return what each one brought."""

    async def run() -> list[bytes]:
        box = RohdeSchwarzSgs100a(EmulatorConfig("rohde-schwarz-sgs100a", "lo0", "7"), NoPlant())
        out: list[bytes] = []
        session = Session(box, lambda reply, tag: out.extend(bytes(piece) for piece in reply))
        stream = Stream()
        found = []
        for message in messages:
            session.receive(stream.feed(message))
            await settled()
            found.append(b"".join(out))
            out.clear()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"*IDN?\n", b"Rohde&Schwarz,SGS100A,1416.0505k02/7,3.1.19.26-3.50.124.73\n"),
        (b"SOUR:FREQ 5GHz;POW -3;:OUTP ON;:SOUR:FREQ?;POW?;:OUTP:STAT?\n", b"5000000000;-3;1\n"),
        (b"SOUR:POW 4;POW:OFFS 1;OFFS?;OFFS 2;OFFS?\n", b"1;2\n"),
        (b"SOUR:POW 4;*OPC?;POW?\n", b"1;4\n"),
        (b"*ESR?;*ESR?\n", b"128;0\n"),
        (b"*CLS;NOSUCH;*ESR?;SYST:ERR?\n", b'32;-113,"Undefined header;NOSUCH"\n'),
        (b"*CLS;SOUR:POW 99;*ESR?;:SYST:ERR?;ERR?\n", b'16;-222,"Data out of range;99";0,"No error"\n'),
        (b"SOUR:POW\n;SYST:ERR?\n", b'-109,"Missing parameter;SOUR:POW"\n'),
        (b"SOUR:POW 1,2\nSYST:ERR?\n", b'-108,"Parameter not allowed;SOUR:POW 1,2"\n'),
        (b"*ESE 36;*ESE?;*SRE 255;*SRE?\n", b"36;191\n"),
        (b"*CLS;*OPC;*ESR?\n", b"1\n"),
        (b"*TST?;*OPT?\n", b"0;SGS-B112V,SGS-B26,SGS-K22\n"),
        (b"SOUR:POW 3;*RST;:SOUR:POW?\n", b"-30\n"),
        (b"SYST:ERR:COUN?;:FOO;:BAR;:SYST:ERR:COUN?;ALL?\n",
         b'0;2;-113,"Undefined header;FOO",-113,"Undefined header;BAR"\n'),
    ],
)  # fmt: skip
def test_transcript(sent: bytes, reply: bytes) -> None:
    assert talk(sent) == [reply]


def test_queue_overflow_ends_with_350() -> None:
    replies = talk(b"FOO\n" * 40, *[b"SYST:ERR?\n"] * 33)
    assert replies[1:32] == [b'-113,"Undefined header;FOO"\n'] * 31
    assert replies[32] == b'-350,"Queue overflow"\n'
    assert replies[33] == b'0,"No error"\n'


def test_junk_is_survived() -> None:
    draw = random.Random(5)
    words = [
        "SOUR",
        ":",
        "FREQ",
        "?",
        ";",
        " ",
        "*",
        "IDN",
        "#",
        "15",
        '"',
        "'",
        "(@",
        ")",
        ",",
        "1e9",
        "\x00",
        "ÿ",
        "-",
    ]
    junk = []
    for number in range(10_000):
        if number % 2:
            line = "".join(draw.choice(words) for _ in range(draw.randint(1, 12))).encode("latin-1")
        else:
            line = draw.randbytes(draw.randint(1, 60))
        junk.append(line.replace(b"#", b"$") + b"\n")
    assert talk(b"".join(junk), b'\n"\n*CLS\n', b"*IDN?\n")[-1].startswith(b"Rohde&Schwarz")
