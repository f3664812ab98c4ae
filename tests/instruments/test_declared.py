"""Declared instruments: what one table yields, how many messages a snapshot takes, and what a wrong word does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from line_server import Connection, LineServer

from qctl.device import BulkRead, Device
from qctl.errors import DeviceError, LimitError
from qctl.instruments import registry
from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.links.transcript import TranscriptLink
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule
from qctl.server.instrument import InstrumentThread
from qctl.server.verbs import INSTRUMENT_VERBS
from qctl.units import Limits
from qctl.wire import Snapshot

OK = ("SYST:ERR?", '0,"No error"')
BOX = Declaration(
    (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        Command("SOURce:LEVel", "level_v", "Level", "V", limits=Limits(-10, 10), resolution=1e-6),
        Command("OUTPut[:STATe]", "output_on", "Output", kind=bool),
        Command("SOURce:FUNCtion", "function", "Function", kind=str, words=("VOLT", "CURR")),
        Command("SENSe:DATA", "reading_v", "Reading", "V", settable=False),
    ),
    needs=("level_v",),
    safe={"output_on": False},
)


def rule(name: str, **values: Any) -> dict[str, ParameterRule]:
    return {name: ParameterRule(name=name, **values)}


def entry(model: str, address: str = "TCPIP::127.0.0.1::1::SOCKET", **more: Any) -> Instrument:
    return Instrument(name="box0", model=model, address=address, **more)


def test_table_is_the_whole_driver() -> None:
    turns = [("SOUR:LEV 2.5", None), OK, ("SOUR:LEV?", "2.5000")]
    with TranscriptLink(turns, "box0") as link:
        device = BOX.over(link, entry("", parameter=rule("level_v", limits=(-3.0, 3.0))))
        assert isinstance(device, Device)
        assert isinstance(device, BulkRead)
        device.set("level_v", 2.5)
        with pytest.raises(LimitError, match=r"level_v = 3.5 is outside \[-3, 3\]"):
            device.set("level_v", 3.5)
        assert [p.unit for p in device.parameters()] == ["", "V", "", "", "V"]


def test_setting_that_lab_toml_must_bound_is_not_sent_without() -> None:
    words = r"level_v = 1 was not sent: instruments.box0.parameter.level_v has no limits or words in lab.toml"
    with TranscriptLink([], "box0") as link, pytest.raises(LimitError, match=words):
        BOX.over(link, entry("")).set("level_v", 1)


def test_safe_state_is_declared_and_lab_toml_goes_before() -> None:
    turns = [("OUTP 0", None), OK, ("OUTP?", "0"), ("SOUR:LEV 0", None), OK, ("SOUR:LEV?", "0")]
    with TranscriptLink(turns) as link:
        BOX.over(link, entry("", parameter=rule("level_v", limits=(-1.0, 1.0), safe=0.0))).safe()


def test_all_values_come_in_one_message_and_the_identity_is_last() -> None:
    asked = "SOUR:LEV?;:OUTP?;:SOUR:FUNC?;:SENS:DATA?;*IDN?"
    with TranscriptLink([(asked, '1.5;1;VOLT;2E-3;ACME,"a;b",1,2')]) as link:
        found = BOX.over(link, entry("")).get_all()
    assert found == {"level_v": 1.5, "output_on": True, "function": "VOLT", "reading_v": 0.002} | {
        "identity": 'ACME,"a;b",1,2'
    }


def test_too_few_answers_are_noticed() -> None:
    with (
        TranscriptLink([("SOUR:LEV?;:OUTP?;:SOUR:FUNC?;:SENS:DATA?;*IDN?", "1;1;VOLT")], "box0") as link,
        pytest.raises(DeviceError, match="box0 gave 3 answers to 5 queries"),
    ):
        BOX.over(link, entry("")).get_all()


def test_page_lists_the_parameters() -> None:
    assert "| `level_v` | V | -10 to 10 (lab.toml must bound it) | `SOUR:LEV {value}` | `SOUR:LEV?` |" in BOX.page()


def test_snapshot_of_200_parameters_takes_one_message(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Command(f"SOURce:CH{k}:LEVel", f"ch{k}_v", "Level", "V", settable=False) for k in range(200)]
    box = Declaration(tuple(rows))

    def answer(connection: Connection, line: str) -> None:
        if line.count("?"):
            connection.reply(";".join(str(place) for place in range(line.count("?"))))

    monkeypatch.setitem(registry.MODELS, "box", registry.Model("box", "dc", "", "", ("ACME", "SCRIPTED")))
    with LineServer(answer) as server:
        instrument = entry("box", server.address)
        thread = InstrumentThread(instrument, lambda: box.open(instrument, lab), lambda *_: None)
        assert thread.tried.wait(10)
        before = len(server.lines)
        call = thread.submit(INSTRUMENT_VERBS[Snapshot](Snapshot("box0"), thread, ()))
        assert call.wait(10)
        assert call.error is None
        shown = call.value["parameters"]
        asked = [line for _, line in server.lines[before:] if line != "*IDN?"]
        thread.close()
        thread.join(10)
    assert len(asked) == 1
    assert (len(shown), shown["ch199_v"]["value"]) == (200, 199.0)
    keys = {"full_name", "value", "raw_value", "ts", "instrument", "instrument_name", "name", "label", "unit"}
    assert shown["ch7_v"].keys() >= keys


def test_twenty_instruments_are_opened_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them answers before all have been asked: opened one after the other, the first would time out."""
    all_asked = threading.Barrier(20, timeout=20)

    def answer(connection: Connection, line: str) -> None:
        if line == "*IDN?":
            all_asked.wait()
            connection.reply("ACME,SCRIPTED,1,1.0")

    monkeypatch.setitem(registry.MODELS, "box", registry.Model("box", "dc", "", "", ("ACME", "SCRIPTED")))
    servers = [LineServer(answer, identity=None) for _ in range(20)]
    try:
        for server in servers:
            server.__enter__()
        threads = []
        for place, server in enumerate(servers):
            instrument = msgspec.structs.replace(entry("box", server.address), name=f"box{place}", timeout_s=20.0)
            opener = lambda instrument=instrument: BOX.open(instrument, lab)  # noqa: E731
            threads.append(InstrumentThread(instrument, opener, lambda *_: None))
        assert all(thread.tried.wait(20) for thread in threads)
        assert not all_asked.broken
        for thread in threads:
            thread.close()
    finally:
        for server in servers:
            server.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("model", "name"), [("tektronix-awg5014c", "awg0"), ("keysight-infiniium-s", "dig0"), ("qdevil-qdac2", "dc0")]
)
def test_values_of_one_message_are_those_asked_one_by_one(
    lab: Lab, named: Callable[..., Instrument], emulated: Callable[[str, str], Any], model: str, name: str
) -> None:
    device = registry.open_device(named(name, address=emulated(model, name).address), lab)
    assert isinstance(device, BulkRead)
    asked = {item.name: device.get(item.name) for item in device.parameters()}
    assert device.get_all() == asked
    device.close()
