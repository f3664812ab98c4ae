"""Somebody works at a generator's front panel: what the server believed of it is wrong, and it finds out."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from probe import probed, same

from qctl.errors import RefusedError


def by_hand(lab: Any, name: str, *texts: str) -> None:
    """Send texts to an emulated instrument by a connection of its own, and wait until it has done them."""
    _, host, port, _ = lab.client.description.instruments[name].address.split("::")
    with socket.create_connection((host, int(port)), 5) as box:
        box.sendall("".join(f"{text}\n" for text in (*texts, "*OPC?")).encode())
        assert box.recv(10).strip() == b"1"


def test_deleted_waveforms_fail_one_job_and_no_other(small: Any) -> None:
    before = probed(small)
    by_hand(small, "awg0", "AWGC:STOP", "WLIS:WAV:DEL ALL")
    with pytest.raises(RefusedError, match="awg0"):
        probed(small)
    assert same(before, probed(small))


def test_reset_generator_plays_again_when_its_reference_is_set(small: Any) -> None:
    before = probed(small)
    by_hand(small, "awg0", "*RST")
    small.client.instruments["awg0"].set("reference_source", "EXT")
    with pytest.raises(RefusedError, match="awg0"):
        probed(small)
    assert same(before, probed(small))
