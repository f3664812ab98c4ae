"""The HiSLIP server, judged by pyvisa-py and by hand-typed messages."""

import random
import socket
import struct
from typing import Any

import numpy as np
import pytest
from pyvisa import VisaIOError

HEADER = struct.Struct("!2sBBIQ")


def message(kind: int, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    return HEADER.pack(b"HS", kind, control, parameter, len(payload)) + payload


def receive(plug: socket.socket) -> tuple[int, int, int, bytes]:
    with plug.makefile("rb", buffering=0) as stream:
        head = stream.read(HEADER.size)
        assert head is not None and len(head) == HEADER.size
        prologue, kind, control, parameter, length = HEADER.unpack(head)
        assert prologue == b"HS"
        payload = b""
        while len(payload) < length:
            payload += stream.read(length - len(payload)) or b""
        return kind, control, parameter, payload


def opened(scope: Any) -> tuple[socket.socket, socket.socket]:
    sync, aside = scope.plug(), scope.plug()
    sync.sendall(message(0, 0, 0x0100_7878, b"hislip0"))
    kind, _, parameter, _ = receive(sync)
    assert kind == 1 and parameter >> 16 == 0x0100
    aside.sendall(message(17, 0, parameter & 0xFFFF))
    assert receive(aside)[0] == 18
    return sync, aside


def test_queries_and_device_clear(scope: Any) -> None:
    client = scope.client()
    assert client.query("*IDN?").startswith("KEYSIGHT TECHNOLOGIES,DSOS104A,7")
    scope.control(faults={"late_reply": 30.0})
    client.write("*IDN?")
    client.clear()
    assert client.query("*OPC?").strip() == "1"


def test_device_clear_drops_what_is_half_sent_and_not_run(scope: Any) -> None:
    sync, aside = opened(scope)
    sync.sendall(message(6, 0, 2, b"*ID"))
    aside.sendall(message(19))
    assert receive(aside)[:2] == (23, 0)
    sync.sendall(message(7, 0, 4, b"N?\n") + message(8))
    assert receive(sync)[:2] == (9, 0)
    sync.sendall(message(7, 0, 0xFFFF_FF00, b"*CLS;*OPC?\n"))
    assert receive(sync)[3] == b"1\n"


def test_late_reply_is_not_given_to_the_next_query(scope: Any) -> None:
    client = scope.client(timeout_ms=200)
    scope.control(faults={"late_reply": 0.4})
    with pytest.raises(VisaIOError):
        client.query("*IDN?")
    client.timeout = 3000
    assert client.query("*OPC?").strip() == "1"


def test_status_byte_over_the_asynchronous_channel(scope: Any) -> None:
    client = scope.client()
    client.write("*CLS;*ESE 32")
    assert client.query("*OPC?").strip() == "1"
    assert client.read_stb() == 0
    client.write("NOSUCH")
    assert client.query("*OPC?").strip() == "1"
    assert client.read_stb() == 4 | 32


def test_query_that_nobody_reads_is_interrupted(scope: Any) -> None:
    client = scope.client()
    assert client.query("*CLS;*OPC?").strip() == "1"
    client.write("*IDN?")
    client.write("*OPC?")
    assert client.read().strip() == "1"
    assert client.query("SYST:ERR? STR").strip() == '-410,"Query INTERRUPTED"'


def test_message_available_shows_until_the_reply_is_read(scope: Any) -> None:
    sync, aside = opened(scope)
    sync.sendall(message(7, 0, 2, b"*CLS;*OPC?\n"))
    assert receive(sync) == (7, 0, 2, b"1\n")
    aside.sendall(message(21, 0, 2))
    assert receive(aside)[:2] == (22, 16)
    aside.sendall(message(21, 1, 2))
    assert receive(aside)[:2] == (22, 0)


def test_service_request_is_sent(scope: Any) -> None:
    sync, aside = opened(scope)
    sync.sendall(message(7, 0, 2, b"*CLS;*SRE 4\n") + message(7, 0, 4, b"NOSUCH\n"))
    assert receive(aside)[:2] == (20, 4 | 64)


def test_data_in_many_messages_is_one_program_message(scope: Any) -> None:
    sync, _ = opened(scope)
    sync.sendall(message(6, 0, 2, b":CHAN1:RA") + message(6, 0, 4, b"NG 2;:CHAN1") + message(7, 0, 6, b":RANG?"))
    kind, _, tag, payload = receive(sync)
    assert (kind, tag, float(payload)) == (7, 6, 2.0)


def test_reply_keeps_to_the_size_that_the_client_takes(scope: Any) -> None:
    sync, aside = opened(scope)
    aside.sendall(message(15, 0, 0, struct.pack("!Q", 65536)))
    assert receive(aside)[0] == 16
    setup = b":ACQ:SRAT 5E8;:ACQ:POIN 100000;:WAV:FORM WORD;:DIG;*OPC?\n"
    sync.sendall(message(7, 0, 2, setup))
    assert receive(sync)[3] == b"1\n"
    sync.sendall(message(7, 1, 4, b":WAV:DATA?\n"))
    parts = [receive(sync)]
    while parts[-1][0] == 6:
        parts.append(receive(sync))
    assert {kind for kind, *_ in parts[:-1]} == {6} and parts[-1][0] == 7
    assert max(HEADER.size + len(payload) for *_, payload in parts) <= 65536
    data = b"".join(payload for *_, payload in parts)
    assert data[:8] == b"#6200000" and len(data) == 8 + 200_000 + 1


@pytest.mark.parametrize(
    ("sent", "kind", "code"),
    [
        (message(7, 0, 2, b"*IDN?\n"), 2, 3),
        (message(0, 0, 0x0100_7878, b"inst0"), 2, 3),
        (message(17, 0, 999), 2, 3),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2, 1),
    ],
)
def test_wrong_beginning_is_refused(scope: Any, sent: bytes, kind: int, code: int) -> None:
    plug = scope.plug()
    plug.sendall(sent)
    assert receive(plug)[:2] == (kind, code)
    assert scope.client().query("*OPC?").strip() == "1"


def test_data_before_the_asynchronous_channel_is_refused(scope: Any) -> None:
    plug = scope.plug()
    plug.sendall(message(0, 0, 0x0100_7878, b"hislip0"))
    receive(plug)
    plug.sendall(message(7, 0, 2, b"*IDN?\n"))
    assert receive(plug)[:2] == (2, 2)


def test_unknown_message_type_is_an_error_and_the_connection_stays(scope: Any) -> None:
    sync, aside = opened(scope)
    sync.sendall(message(99, 0, 0, bytes(100)) + message(7, 0, 2, b"*OPC?\n"))
    assert receive(sync)[:2] == (3, 1)
    assert receive(sync)[3] == b"1\n"
    aside.sendall(message(77))
    assert receive(aside)[:2] == (3, 1)


def test_random_bytes_do_not_end_it(scope: Any) -> None:
    draw = random.Random(3)
    for _ in range(30):
        plug = scope.plug()
        plug.sendall(draw.choice([b"", b"HS"]) + draw.randbytes(draw.randint(1, 200)))
        plug.close()
    sync, _ = opened(scope)
    for number in range(200):
        sync.sendall(message(7, 0, 2 * number, draw.randbytes(50).replace(b"#", b"")))
    sync.sendall(message(7, 0, 0, b"\n*CLS\n"))
    assert scope.client().query("*OPC?").strip() == "1"


def test_exclusive_lock_keeps_others_out_until_it_is_released(scope: Any) -> None:
    (one, one_aside), (two, two_aside) = opened(scope), opened(scope)
    one_aside.sendall(message(4, 1, 0))
    assert receive(one_aside)[:2] == (5, 1)
    two_aside.sendall(message(4, 1, 0))
    assert receive(two_aside)[:2] == (5, 0)
    two_aside.sendall(message(24))
    assert receive(two_aside)[:3] == (25, 1, 1)
    two.sendall(message(7, 0, 2, b"*OPC?\n"))
    one.sendall(message(7, 0, 2, b"*IDN?\n"))
    assert receive(one)[3].startswith(b"KEYSIGHT")
    two.settimeout(0.1)
    with pytest.raises(TimeoutError):
        receive(two)
    one_aside.sendall(message(4, 0, 2))
    assert receive(one_aside)[:2] == (5, 1)
    two.settimeout(5)
    assert receive(two)[3] == b"1\n"


def test_lock_of_a_lost_client_is_given_back(scope: Any) -> None:
    one, one_aside = opened(scope)
    one_aside.sendall(message(4, 1, 0))
    assert receive(one_aside)[1] == 1
    _, two_aside = opened(scope)
    two_aside.sendall(message(4, 1, 5000))
    one.close()
    one_aside.close()
    assert receive(two_aside)[:2] == (5, 1)


def test_large_block_reads_are_whole(scope: Any) -> None:
    client = scope.client()
    client.write(":ACQ:MODE SEGM;:ACQ:SEGM:COUN 4000;:ACQ:SRAT 5E8;:ACQ:POIN 500;:WAV:FORM WORD;BYT LSBF;SEGM:ALL ON")
    assert client.query(":DIG;*OPC?").strip() == "1"
    client.chunk_size = 1 << 20
    codes = client.query_binary_values(":WAV:DATA?", datatype="h", container=np.array)
    assert codes.shape == (2_000_000,)
    assert np.count_nonzero(codes) > 0
