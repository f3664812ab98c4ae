"""The raw socket, judged by pyvisa-py and by plain sockets, with and without faults."""

import random
import socket
import time
from typing import Any

import pytest
import pyvisa


def ask(plug: socket.socket, text: bytes) -> bytes:
    plug.sendall(text)
    with plug.makefile("rb") as lines:
        return lines.readline()


def reopened(emulation: Any) -> Any:
    """Return a client of an instrument that comes back within two seconds."""
    end_s = time.monotonic() + 2
    while True:
        try:
            client = emulation.client()
            client.query("*OPC?")
            return client
        except (ConnectionError, pyvisa.VisaIOError):
            if time.monotonic() > end_s:
                raise


def test_two_clients_at_once_share_the_instrument_but_not_their_replies(awg: Any) -> None:
    one, two = awg.client(), awg.client()
    one.write("SOUR1:VOLT 0.5")
    assert one.query("*OPC?") == "1"
    two.write("SOUR1:VOLT?")
    one.write("*IDN?")
    assert float(two.read()) == 0.5
    assert one.read().startswith("TEKTRONIX,AWG5014C,7")


def test_half_a_message_of_a_lost_client_is_forgotten(awg: Any) -> None:
    plug = awg.plug()
    plug.sendall(b'WLIS:WAV:NEW "a",1000,INT\nWLIS:WAV:DATA "a",#42000' + bytes(10))
    plug.close()
    client = awg.client()
    assert client.query("*IDN?;:SYST:ERR?").endswith('0,"No error"')


def test_a_message_may_come_in_single_bytes(awg: Any) -> None:
    plug = awg.plug()
    for byte in b"SOUR1:VOLT 1.25;:SOUR1:VOL":
        plug.sendall(bytes([byte]))
    assert float(ask(plug, b"T?\n")) == 1.25


def test_random_lines_do_not_end_it(awg: Any) -> None:
    draw = random.Random(1)
    lines = [draw.randbytes(draw.randint(0, 40)).replace(b"#", b"") for _ in range(10_000)]
    plug = awg.plug()
    plug.sendall(b"\n".join(lines) + b'\n"\n')
    plug.sendall(b"\n*CLS\n")
    assert ask(plug, b"*IDN?\n").startswith(b"TEKTRONIX")


def test_large_block_comes_back_as_it_was_sent(awg: Any) -> None:
    client = awg.client()
    words = random.Random(2).randbytes(2_000_000)
    client.write('WLIS:WAV:NEW "w",1000000,INT')
    client.write_raw(b'WLIS:WAV:DATA "w",#72000000' + words + b"\n")
    assert client.query("SYST:ERR?") == '0,"No error"'
    back = client.query_binary_values('WLIS:WAV:DATA? "w"', datatype="B", container=bytes)
    assert back == words


def test_late_reply_reaches_the_next_query(awg: Any) -> None:
    """The hazard of pyvisa-py that drivers must guard against."""
    client = awg.client(timeout_ms=200)
    client.write("SOUR1:VOLT 0.75")
    awg.control(faults={"late_reply": 0.4})
    with pytest.raises(pyvisa.VisaIOError):
        client.query("SOUR1:VOLT?")
    client.timeout = 3000
    assert float(client.query("*IDN?")) == 0.75
    assert client.read().startswith("TEKTRONIX")


@pytest.mark.parametrize("fault", [{"drop": 1}, {"silence": True}, {"delay": 30.0}])
def test_reply_does_not_come(awg: Any, fault: dict[str, Any]) -> None:
    client = awg.client(timeout_ms=200)
    awg.control(faults=fault)
    with pytest.raises(pyvisa.VisaIOError):
        client.query("*IDN?")
    awg.control(faults={})
    assert awg.client().query("*IDN?").startswith("TEKTRONIX")


def test_dropped_replies_are_counted(awg: Any) -> None:
    client = awg.client(timeout_ms=200)
    awg.control(faults={"drop": 2})
    for _ in range(2):
        with pytest.raises(pyvisa.VisaIOError):
            client.query("*IDN?")
    assert client.query("*IDN?").startswith("TEKTRONIX")


def test_reply_is_cut_corrupted_or_replaced_once(awg: Any) -> None:
    plug = awg.plug()
    awg.control(faults={"wrong_reply": "hello"})
    assert [ask(plug, b"*OPC?\n") for _ in range(2)] == [b"hello\n", b"1\n"]
    awg.control(faults={"corrupt": 1})
    assert [ask(plug, b"*OPC?\n") for _ in range(2)] == [b"\xce\n", b"1\n"]
    awg.control(faults={"cut": 5})
    assert ask(plug, b"*IDN?\n") == b"TEKTR"
    assert plug.recv(10) == b""


def test_power_cycle_ends_connections_and_forgets(awg: Any) -> None:
    plug = awg.plug()
    ask(plug, b'WLIS:WAV:NEW "a",1000,INT;:SOUR1:VOLT 2;*OPC?\n')
    awg.control(faults={"power_cycle": 0.0})
    assert plug.recv(10) == b""
    client = reopened(awg)
    assert client.query("WLIS:SIZE?;:SOUR1:VOLT?;*ESR?").split(";")[::2] == ["0", "128"]
