"""VISA addresses come apart, and two spellings of one address are recognised."""

import pytest

from qctl.lab.addresses import Address, parse_address

LOCAL, REMOTE = True, False


@pytest.mark.parametrize(
    ("text", "kind", "host", "loopback"),
    [
        ("TCPIP0::192.168.0.31::5025::SOCKET", "socket", "192.168.0.31", REMOTE),
        ("TCPIP::127.0.0.1::40001::SOCKET", "socket", "127.0.0.1", LOCAL),
        ("UDP::127.0.0.1::6001,6002::SOCKET", "udp", "127.0.0.1", LOCAL),
        ("ETHERNET::10.0.0.7::6001::SOCKET", "ethernet", "10.0.0.7", REMOTE),
        ("TCPIP::127.4.5.6::40001::SOCKET", "socket", "127.4.5.6", LOCAL),
        ("tcpip::LocalHost::40001::socket", "socket", "LocalHost", LOCAL),
        ("TCPIP0::host.lab::inst0::INSTR", "vxi11", "host.lab", REMOTE),
        ("TCPIP0::host.lab::INSTR", "vxi11", "host.lab", REMOTE),
        ("TCPIP::127.0.0.1::hislip0,40006::INSTR", "hislip", "127.0.0.1", LOCAL),
        ("GPIB0::8::INSTR", "gpib", "8", REMOTE),
        ("zhinst://192.168.0.60:8004/dev12034", "zhinst", "192.168.0.60", REMOTE),
        ("zhinst-emulated://127.0.0.1:40007/dev12001", "zhinst", "127.0.0.1", LOCAL),
        ("GPIB::1::65535::INSTR", "gpib", "1", REMOTE),
        ("USB0::0x0957::0x179A::MY52161403::INSTR", "usb", "0x0957::0x179A::MY52161403", REMOTE),
        ("ASRL4::INSTR", "serial", "4", REMOTE),
        ("ASRL/dev/ttyACM0::INSTR", "serial", "/dev/ttyACM0", REMOTE),
        ("ASRL/dev/pts/5::INSTR", "serial", "/dev/pts/5", LOCAL),
    ],
)
def test_every_kind_of_address_is_read(text: str, kind: str, host: str, loopback: bool) -> None:
    address = parse_address(text)
    assert isinstance(address, Address)
    assert (address.kind, address.host, address.loopback) == (kind, host, loopback)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("TCPIP::10.0.0.1::5025::SOCKET", "tcpip0::10.0.0.1::5025::socket"),
        ("TCPIP::localhost::5025::SOCKET", "TCPIP1::127.0.0.1::5025::SOCKET"),
        ("TCPIP::scope::hislip0::INSTR", "TCPIP::SCOPE::hislip0,4880::INSTR"),
        ("TCPIP::scope::INSTR", "TCPIP::scope::inst0::INSTR"),
        ("GPIB::8::INSTR", "GPIB0::8::INSTR"),
        ("zhinst://LABPC:8004/DEV12034", "zhinst://labpc:8004/dev12034"),
    ],
)
def test_two_spellings_have_one_identity(first: str, second: str) -> None:
    assert parse_address(first).identity == parse_address(second).identity


def test_devices_with_different_case_are_different() -> None:
    assert parse_address("ASRL/dev/ttyA::INSTR").identity != parse_address("ASRL/dev/ttya::INSTR").identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1",
        "TCPIP::10.0.0.1::99999::SOCKET",
        "TCPIP::0.0.0.0::1::SOCKET",
        "zhinst://labpc:8004",
        "zhinst://labpc:80040/dev1",
        "GPIB0::31::INSTR",
    ],
)
def test_what_is_no_address_gets_a_sentence(text: str) -> None:
    assert isinstance(parse_address(text), str)
