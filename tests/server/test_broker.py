"""The broker: errors are answers, limits hold on every path, leases keep others out."""

from __future__ import annotations

import json
import math
import random
import time

import msgspec
import pytest
import zmq

from qctl import wire
from qctl.client import calls, connect
from qctl.errors import LeaseError, LimitError, NotAllowedError, RequestError, VersionError


def sets(lab, name: str) -> list[str]:
    return [call for call in lab.instruments[name].call("history") if call.startswith("set")]


def test_ten_thousand_malformed_messages_are_answered_with_errors(server) -> None:
    rng = random.Random(1)
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(server.address)
    good = wire.pack(wire.Submit(("qasm",), 100, id=3), [b"{}"])
    codes: dict[str, int] = {}
    for n in range(10_000):
        parts = [bytearray(bytes(part)) for part in good]
        match n % 5:
            case 0:
                parts = [rng.randbytes(rng.randrange(30)) for _ in range(rng.randrange(1, 5))]
            case 1:
                parts[1] = bytearray(rng.randbytes(rng.randrange(40)))
            case 2:
                place = rng.randrange(1, len(parts[1]))
                parts[1][place] ^= 1 << rng.randrange(8)
                parts[1] = parts[1][: rng.randrange(1, len(parts[1]))]
            case 3:
                parts = [parts[0]]
            case 4:
                parts[1] = bytearray(msgspec.msgpack.encode({"verb": rng.choice(["get", "set", "job"]), "id": "x"}))
        socket.send_multipart(parts)
        if n % 100 == 99:
            for _ in range(100):
                assert socket.poll(10_000), f"no answer after {codes}"
                reply, _ = wire.unpack_reply(socket.recv_multipart())
                assert isinstance(reply, wire.Error)
                codes[reply.code] = codes.get(reply.code, 0) + 1
    assert sum(codes.values()) == 10_000
    assert set(codes) <= {"wire", "version", "request"}
    context.destroy(linger=0)
    with connect(server.address) as lab:
        assert lab.ping() < 1.0


def test_another_version_is_answered_in_one_sentence(server) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(server.address)
    socket.send_multipart([b"qctl\x07", b"\x80"])
    assert socket.poll(5000)
    reply, _ = wire.unpack_reply(socket.recv_multipart())
    assert reply.code == "version" and "version 1" in reply.message and "version 7" in reply.message
    socket.send_multipart(wire.pack(wire.Hello("old", "0.0.1")))
    assert socket.poll(5000)
    with pytest.raises(VersionError, match=r"0\.0\.1"):
        wire.raise_error(wire.unpack_reply(socket.recv_multipart())[0])
    context.destroy(linger=0)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("power_dbm", 15.001),
        ("power_dbm", math.nan),
        ("power_dbm", math.inf),
        ("frequency_hz", 1e8),
        ("power_dbm", "x"),
    ],
)
def test_value_outside_limits_is_never_sent(lab, parameter: str, value: object) -> None:
    before = sets(lab, "lo_drive")
    with pytest.raises(LimitError, match=f"lo_drive: {parameter}") as caught:
        lab.instruments["lo_drive"].set(parameter, value)
    assert caught.value.details["instrument"] == "lo_drive"
    assert sets(lab, "lo_drive") == before


def test_value_at_its_limit_is_sent(lab) -> None:
    lab.instruments["lo_drive"].set("power_dbm", 15)
    assert sets(lab, "lo_drive")[-1] == "set power_dbm=15"
    limits = lab.description.instruments["dc0"].output[1].limits_v
    lab.instruments["dc0"].set("output1_voltage_v", limits[1])
    with pytest.raises(LimitError):
        lab.instruments["dc0"].set("output1_voltage_v", limits[1] + 1e-6)


def test_one_value_outside_keeps_all_others_back(lab) -> None:
    before = sets(lab, "lo_drive") + sets(lab, "dc0")
    with pytest.raises(LimitError):
        lab.set_many({"lo_drive": {"power_dbm": 1.0}, "dc0.output1_voltage_v": 1e3})
    assert sets(lab, "lo_drive") + sets(lab, "dc0") == before
    lab.set_many({"lo_drive": {"power_dbm": 2.5}, "dc0.output1_voltage_v": 0.25})
    assert lab.instruments["lo_drive"].get("power_dbm") == 2.5
    assert lab.instruments["dc0"].get("output1_voltage_v") == 0.25


def test_cached_value_is_the_last_confirmed_one(lab) -> None:
    lo = lab.instruments["lo_readout"]
    lo.set("power_dbm", -3.0)
    n_gets = len([call for call in lo.call("history") if call.startswith("get")])
    lo.set("power_dbm", -4.0)
    assert lo.get("power_dbm", cached=True) == -4.0
    assert len([call for call in lo.call("history") if call.startswith("get")]) == n_gets


def test_names_that_are_not_there_are_named(lab) -> None:
    with pytest.raises(RequestError, match="no instrument lo_drivee; did you mean lo_drive"):
        lab.carry(calls.get("lo_drivee", "power_dbm", False))
    with pytest.raises(RequestError, match="no parameter powerr"):
        lab.instruments["lo_drive"].get("powerr")
    with pytest.raises(RequestError, match="offers no method close"):
        lab.instruments["lo_drive"].call("close")
    with pytest.raises(RequestError, match="offers no method __init__"):
        lab.instruments["lo_drive"].call("__init__")


def test_snapshot_has_the_shape_of_qcodes(lab) -> None:
    shot = lab.instruments["lo_drive"].snapshot()
    entry = shot["parameters"]["power_dbm"]
    assert {"value", "raw_value", "ts", "unit", "label", "full_name", "instrument_name", "name"} <= set(entry)
    assert entry["full_name"] == "lo_drive_power_dbm"
    assert {"name", "parameters", "submodules", "functions"} <= set(shot)


def test_snapshot_without_update_asks_nothing_and_shows_what_is_known(lab) -> None:
    lo = lab.instruments["lo_drive"]
    lo.call("identify")  # who knows what it did: nothing is known
    before = len(lo.call("history"))
    unknown = lo.snapshot(update=False)["parameters"]
    assert {(entry["value"], entry["ts"]) for entry in unknown.values()} == {(None, None)}
    lo.set("power_dbm", -12.5)
    known = lo.snapshot(update=False)["parameters"]
    assert known["power_dbm"]["value"] == -12.5
    assert known["power_dbm"]["ts"].startswith("20")
    assert set(known) == set(unknown)
    asked = lo.snapshot()["parameters"]
    assert {name: entry["value"] for name, entry in lo.snapshot(update=False)["parameters"].items()} == {
        name: entry["value"] for name, entry in asked.items()
    }
    history = lo.call("history")[before:]
    assert [call for call in history if call.startswith("get")] == [f"get {name}" for name in asked]


def test_raw_text_meets_the_same_limits(lab) -> None:
    lo = lab.instruments["lo_drive"]
    assert lo.raw("FREQ 5.2 GHz") is None
    assert float(lo.raw(":SOURce:FREQuency?")) == 5.2e9
    assert lo.raw("*IDN?") == "Fake,lo_drive,0,1.0"
    with pytest.raises(NotAllowedError, match="allow_raw"):
        lo.raw("DIAG:SECRET 1")


def test_leased_instrument_is_its_holders(server, lab) -> None:
    with connect(server.address) as other:
        other.lease(["dc0"], ttl_s=30)
        with pytest.raises(LeaseError, match="dc0 is held by"):
            lab.instruments["dc0"].set("output1_voltage_v", 0.1)
        with pytest.raises(LeaseError):
            lab.lease(["lo_drive", "dc0"])
        lab.instruments["lo_drive"].set("power_dbm", 0.0)
        other.instruments["dc0"].set("output1_voltage_v", 0.2)
        lab.lease(["dc0"], take_over=True)
        with pytest.raises(LeaseError):
            other.instruments["dc0"].set("output1_voltage_v", 0.3)
        lab.release()
        other.instruments["dc0"].set("output1_voltage_v", 0.3)


def test_lease_of_a_dead_client_ends_in_the_safe_state(server, lab) -> None:
    events = lab.events("lease.lo_readout", timeout_s=10)
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(server.address)
    socket.send_multipart(wire.pack(wire.Lease(("lo_readout",), 0.3)))
    socket.recv_multipart()
    context.destroy(linger=0)
    whats = []
    for event in events:
        whats.append(event.body["what"])
        if whats[-1] == "expired":
            break
    until = time.monotonic() + 60
    while lab.instruments["lo_readout"].call("history")[-1] != "safe":
        assert time.monotonic() < until
    assert lab.carry(calls.lease(["lo_readout"], 5.0, False)) > 0
    lab.release()


def test_job_waits_for_the_lease_of_another(server, lab) -> None:
    with connect(server.address) as other:
        other.lease(["awg0"], ttl_s=30)
        mine = lab.run(json.dumps({}), shots=10)
        theirs = other.run(json.dumps({}), shots=10)
        assert theirs.result(20).counts == {"0": 5, "1": 5}
        assert mine.state == "queued"
        other.release()
        assert mine.result(20).counts == {"0": 5, "1": 5}
