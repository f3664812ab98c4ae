"""What the AWG5014C driver knows of the box after something was refused."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pytest
from narrowed import narrow

from qctl.errors import LimitError, RefusedError
from qctl.instruments.links.transcript import TranscriptLink, Turn
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody, Channel, Step
from qctl.instruments.tektronix_awg5014.driver import TektronixAwg5014
from qctl.instruments.tektronix_awg5014.waveforms import waveform_name
from qctl.lab import Instrument
from qctl.program.device_program import DeviceProgram

Named = Callable[..., Instrument]
OK: Turn = ("SYST:ERR?", '0,"No error"')


def whole(n_elements: int) -> Turn:
    """Return the turn that ends a load."""
    return ("SYST:ERR?;:SEQ:LENG?", f'0,"No error";{n_elements}')


STOPPED: list[Turn] = [("AWGC:STOP", None)]


def wave_of(code: int) -> np.ndarray:
    return np.full(250, code, "<u2")


def name_of(code: int) -> str:
    return waveform_name(sha256(wave_of(code).tobytes()).hexdigest())


def program(*codes: int, vpp: float = 1.0, trigger_level_v: float = 0.5) -> DeviceProgram:
    blobs = {sha256(wave_of(code).tobytes()).hexdigest(): wave_of(code) for code in codes}
    points = tuple((Step({1: digest}),) for digest in blobs)
    body = AwgBody(1.2e9, {1: Channel(vpp)}, points, trigger_level_v=trigger_level_v)
    return DeviceProgram("awg0", "tektronix-awg5014c", body.to_bytes(), blobs, len(points))


def setting(text: str, value: str, reply: str | None = None) -> list[Turn]:
    return [(f"{text} {value}", None), OK, (f"{text}?", reply or value)]


def upload(code: int) -> list[Turn]:
    name = name_of(code)
    made = f'WLIS:WAV:NEW "{name}",250,INT;:WLIS:WAV:DATA "{name}",0,250,'
    return [((made, wave_of(code).tobytes()), None)]


def sequence(code: int) -> list[Turn]:
    words = f'SEQ:ELEM1:WAV1 "{name_of(code)}";:SEQ:ELEM1:TWA 1;:SEQ:ELEM1:LOOP:COUN 1'
    words += ";:SEQ:ELEM1:GOTO:STAT 1;:SEQ:ELEM1:GOTO:IND 1"
    return [("SEQ:LENG 0", None), ("SEQ:LENG 1", None), (words, None), whole(1)]


def refused(words: str) -> list[Turn]:
    """Return the turns that end a load of which something was refused."""
    return [("SYST:ERR?;:SEQ:LENG?", f"{words};1"), OK]


FIRST: list[Turn] = [
    *STOPPED,
    ("WLIS:SIZE?", "0"),
    *setting("AWGC:RMOD", "SEQ"),
    *setting("SOUR1:FREQ", "1200000000"),
    *setting("TRIG:SOUR", "EXT"),
    *setting("TRIG:LEV", "0.5"),
    *setting("SOUR1:VOLT", "1"),
    *setting("SOUR1:VOLT:OFFS", "0"),
    *upload(1),
    *sequence(1),
]


def test_setting_that_the_box_took_otherwise_is_sent_again(named: Named) -> None:
    turns = [*FIRST, *STOPPED, *setting("SOUR1:VOLT", "2", "1.9"), *STOPPED, *setting("SOUR1:VOLT", "1")]
    with TranscriptLink([*turns, whole(1)]) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program(1))
        with pytest.raises(RefusedError, match=r"reads 1\.9"):
            device.load(program(1, vpp=2.0))
        device.load(program(1))


def test_sequence_is_built_anew_when_an_upload_after_a_deletion_is_refused(
    named: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch, can, "waveforms.count", 1)
    turns = [
        *FIRST,
        *(*STOPPED, (f'WLIS:WAV:DEL "{name_of(1)}"', None), OK),
        *(*upload(2), *sequence(2)[:-1], *refused('-225,"Out of memory"')),
        *(*STOPPED, *upload(1), *sequence(1)),
    ]
    with TranscriptLink(turns) as link:
        device = TektronixAwg5014(link, named("awg0"))
        device.load(program(1))
        with pytest.raises(RefusedError, match="Out of memory"):
            device.load(program(2))
        device.load(program(1))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (program(1, trigger_level_v=5.1), "trigger_level_v = 5.1"),
        (program(1, trigger_level_v=float("nan")), "trigger_level_v = nan"),
        (program(1, 2, 3), "3 waveforms are over 2"),
    ],
)
def test_level_and_number_of_waveforms_are_checked_before_anything_is_sent(
    named: Named, monkeypatch: pytest.MonkeyPatch, bad: DeviceProgram, message: str
) -> None:
    narrow(monkeypatch, can, "waveforms.count", 2)
    with TranscriptLink([]) as link, pytest.raises(LimitError, match=message):
        TektronixAwg5014(link, named("awg0")).load(bad)
