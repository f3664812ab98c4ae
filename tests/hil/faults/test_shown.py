"""Which model shows which fault is said by its emulator alone; what is said there is what a client of it sees."""

from __future__ import annotations

import struct
from importlib import import_module
from inspect import getsource
from typing import Any

import pytest

from qctl.errors import RequestError
from qctl.hil.faults.table import KINDS
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.firmware_link import FirmwareLink
from qctl.hil.instruments.models import MODELS, emulated_by, faults_shown
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox import module as qblox_modules
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Session
from qctl.hil.instruments.scpi.stream import Stream
from qctl.hil.instruments.trigger_packets import Packet, pack, unpack
from qctl.hil.labs.draw import draw_lab
from qctl.hil.plant.faults import FaultTable

CHOSEN = {name for name, kind in KINDS.items() if kind.chosen}
SCPI = [name for name in MODELS if issubclass(emulated_by(name)[0], Box)]
PACKETS = [name for name in MODELS if issubclass(emulated_by(name)[0], FirmwareLink)]
GENERATORS = (
    "keysight-33500b", "keysight-33600a", "keysight-m8190a", "keysight-m8190a-12bit", "tektronix-awg5200",
    "tektronix-awg70000a", "tabor-p2584m", "tektronix-awg5014c",
)  # fmt: skip


def box_of(model: str, **faults: Any) -> Any:
    box = emulated_by(model)[0](EmulatorConfig(model, "box"), NoPlant())
    box.new_faults(faults)
    return box


def said(box: Box, data: bytes) -> bytes:
    """Return what a SCPI box answers to bytes."""
    found = bytearray()
    Session(box, lambda reply, tag: found.extend(b"".join(bytes(piece) for piece in reply))).receive(
        Stream().feed(data)
    )
    return bytes(found)


@pytest.mark.parametrize("model", SCPI)
def test_an_identity_has_the_revision_that_is_set(model: str) -> None:
    assert "firmware" in faults_shown(model)
    word = b"FIRMWARE?\n" if "minicircuits" in model else b"*IDN?\n"
    assert b"9.87" in said(box_of(model, firmware="9.87"), word)
    assert b"9.87" not in said(box_of(model), word)


@pytest.mark.parametrize("model", SCPI)
def test_a_box_is_unlocked_if_it_has_a_reference_to_lose(model: str) -> None:
    external = {}
    for faults in ({}, {"unlocked": True}):
        box = box_of(model, **faults)
        for name in ("reference", "clock"):
            if name in box._defaults:
                box.put(name, "EXT", *box.reference_suffixes)
        external[bool(faults)] = box.unlocked()
    assert not external[False] and external[True] is ("unlocked" in faults_shown(model))


@pytest.mark.parametrize("model", SCPI)
def test_a_box_that_takes_blocks_can_be_full_and_no_other(model: str) -> None:
    modules = [import_module(one.__module__) for one in emulated_by(model)[0].__mro__[:-1] if one is not Box]
    modules += [qblox_modules] if model == "qblox-cluster" else []
    takes = any("arg.block(" in getsource(module) or hasattr(module, "WaveformList") for module in modules)
    assert takes is ("full_buffer" in faults_shown(model))
    if takes:
        box = box_of(model, full_buffer=True)
        said(box, b"ANY:THING #13abc\n")
        assert box.status.pop()[0] == -225


@pytest.mark.parametrize("model", PACKETS)
def test_a_controller_is_full_speaks_another_protocol_and_other_firmware(model: str) -> None:
    assert {"full_buffer", "firmware", "protocol", "unlocked", "renamed"} <= faults_shown(model)
    box = box_of(model, firmware="9.87")
    assert b"9.87" in asked(box, 0x01, struct.pack("<HH", 1, 1), 0).payload
    box.new_faults({"protocol": "2"})
    assert struct.unpack_from("<HHH", asked(box, 0x01, struct.pack("<HH", 1, 1), 0, 8).payload) == (2, 2, 0)
    box.new_faults({"full_buffer": True})
    asked(box, 0x01, struct.pack("<HH", 1, 1), 0, 9)
    kind, payload = (0x29, bytes((1, 0, 0, 0)) + struct.pack("<I", 24) + bytes(32)) if "seq" in model else (0x03, b"")
    full = asked(box, kind, payload or struct.pack("<BBHII", 1, 1, 0, 0, 10), 1, 9)
    assert full.payload[1] in (4, 11) and full.payload[3:] == b"memory is full"


def asked(box: Any, kind: int, payload: bytes, number: int, session: int = 7) -> Packet:
    """Return what a controller says to a packet."""
    frames: list[bytes] = []
    box.send = frames.append
    box.receive(pack(Packet(kind, session, number, payload)))
    reply = unpack(frames[-1][:-1])
    assert reply is not None
    return reply


def test_every_model_with_faults_of_its_own_takes_them_and_no_others() -> None:
    table = FaultTable(draw_lab("transmon1", 3).cables, ("q0",))
    for model in MODELS:
        table.models = {"awg0": model}
        for name in CHOSEN:
            if name in faults_shown(model):
                table.put(name, "awg0", None)
            else:
                with pytest.raises(RequestError, match=f"{name} is set on .*{model}.* is none"):
                    table.put(name, "awg0", None)
    assert all(any(name in faults_shown(model) for model in MODELS) for name in CHOSEN)


def test_all_generators_lose_their_reference_and_run_full() -> None:
    for model in GENERATORS:
        assert {"unlocked", "full_buffer", "firmware"} <= faults_shown(model)


def test_a_model_of_a_labs_own_says_its_faults_and_one_that_is_not_there_is_named() -> None:
    assert faults_shown("qctl.hil.instruments.chiller:Chiller") == {"readings", "renamed"}
    with pytest.raises(RequestError, match="model = 'nowhere_at_all:Box'"):
        faults_shown("nowhere_at_all:Box")
