"""A firmware update on the model of two banks of flash: wherever the power goes, the old image or the new one boots."""

from __future__ import annotations

import random
import struct
from contextlib import suppress
from functools import cache
from typing import NamedTuple

import pytest
from asking import Asker, Refused
from device import BOARD, LibraryDevice

from qctl.firmware_io.images import build_image
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.lms import LmsKey

OLD, NEW, NEWER, NEWEST = 0x01000001, 0x01000002, 0x01010000, 0x02000003
N_CUTS = 200
IMAGE = 2
SAME, PENDING, BEFORE = b"\0", b"\1", b"\2"
ROLLED_BACK = 4


class Boot(NamedTuple):
    """The fields of boot status."""

    bank: int
    pending: int
    confirmed: int
    reason: int
    versions: tuple[int, int]
    n_boots: int
    n_rolled_back: int


@cache
def key() -> LmsKey:
    """Return the private half of the key in image_key.h, which everybody knows."""
    return LmsKey(b"development key, known to all!!!", b"qctl development")


@cache
def image(version: int, n_bytes: int = 3001) -> bytes:
    return build_image(random.Random(version).randbytes(n_bytes), version, BOARD, key(), version % 32)


def status(asker: Asker) -> Boot:
    bank, pending, confirmed, reason, *words = struct.unpack("<BBBBIIII12x", asker.ask(Kind.BOOT_STATUS))
    return Boot(bank, pending, confirmed, reason, (words[0], words[1]), words[2], words[3])


def running(asker: Asker) -> int:
    reply = asker.ask(Kind.IDENTIFY)
    return reply[4] << 24 | reply[5] << 16 | int.from_bytes(reply[6:8], "little")


def reboot(device: LibraryDevice, asker: Asker, which: bytes) -> None:
    asker.ask(Kind.REBOOT, which)
    device.run(100_000)
    asker.session += 1
    asker.hello()


@pytest.fixture
def asker(device: LibraryDevice) -> Asker:
    device.put_image(0, image(OLD))
    device.power_on()
    asker = Asker(device)
    asker.hello()
    assert running(asker) == OLD
    return asker


def test_a_new_image_runs_on_trial_and_stays_when_confirmed(device: LibraryDevice, asker: Asker) -> None:
    asker.upload(image(NEW), IMAGE)
    assert status(asker)[:3] == (0, 1, 1)
    reboot(device, asker, PENDING)
    assert (running(asker), status(asker)[:4]) == (NEW, (1, 0xFF, 0, 1))
    with pytest.raises(Refused, match="on trial"):
        asker.upload(image(NEWER), IMAGE)
    asker.ask(Kind.CONFIRM)
    device.power_on()
    asker.session += 1
    asker.hello()
    assert (running(asker), status(asker).versions) == (NEW, (OLD, NEW))
    asker.upload(image(NEWER), IMAGE)
    reboot(device, asker, PENDING)
    asker.ask(Kind.CONFIRM)
    assert (running(asker), status(asker).versions) == (NEWER, (NEWER, NEW))
    reboot(device, asker, BEFORE)
    assert (running(asker), status(asker).confirmed) == (NEW, 0)


def test_an_image_that_is_not_confirmed_is_left_at_the_next_reset(device: LibraryDevice, asker: Asker) -> None:
    asker.upload(image(NEW), IMAGE)
    reboot(device, asker, PENDING)
    assert running(asker) == NEW
    device.power_on(2)  # by the boot watchdog
    asker.session += 1
    asker.hello()
    assert running(asker) == OLD
    assert status(asker)[3:] == (ROLLED_BACK, (OLD, NEW), status(asker).n_boots, 1)


@pytest.mark.parametrize("spoilt", ["body", "signature", "leaf", "other key", "other board", "length"])
def test_a_wrong_signature_is_refused(device: LibraryDevice, asker: Asker, spoilt: str) -> None:
    good = bytearray(image(NEW))
    n_signature = int.from_bytes(good[16:20], "little")
    places = {"body": 500, "signature": len(good) - n_signature + 1000, "leaf": len(good) - n_signature + 3}
    if spoilt in places:
        good[places[spoilt]] ^= 1
    elif spoilt == "other key":
        good[:] = build_image(b"x" * 3000, NEW, BOARD, LmsKey(bytes(32), b"qctl development"), 0)
    elif spoilt == "other board":
        good[:] = build_image(b"x" * 3000, NEW, 2, key(), 0)
    else:
        good += b"\0"
    with pytest.raises(Refused) as refused:
        asker.upload(bytes(good), IMAGE)
    assert refused.value.code == 10
    assert status(asker).pending == 0xFF
    with pytest.raises(Refused, match="no such image"):
        asker.ask(Kind.REBOOT, PENDING)


def update(device: LibraryDevice, asker: Asker, good: list[int]) -> None:
    """Do two updates; the power may go anywhere in them."""
    asker.hello()
    for version in (NEW, NEWER):
        asker.upload(image(version), IMAGE)
        good.append(version)
        reboot(device, asker, PENDING)
        asker.ask(Kind.CONFIRM)
        good.remove(good[0])


def test_wherever_the_power_goes_the_old_image_or_the_new_one_boots(device: LibraryDevice) -> None:
    rng = random.Random(5)
    seen = set()

    def begin() -> Asker:
        device.erase()
        for _ in range(rng.randrange(26, 32)):  # the record goes over to its other page somewhere in the updates
            device.power_on()
        device.put_image(0, image(OLD))
        device.power_on()
        return Asker(device, rng.randrange(1, 60000), tries=2, retry_s=0.0001)

    asker = begin()
    device.cut_after(0, 0)
    update(device, asker, [OLD])
    n_steps = device.n_steps
    assert running(asker) == NEWER
    for seed in range(N_CUTS):
        asker = begin()
        device.cut_after(rng.randrange(1, n_steps + 1), seed)
        good = [OLD]  # and, in the middle of an update, the new one
        with suppress(TimeoutError):
            update(device, asker, good)
        assert not device.powered
        for _ in range(2):  # and once more: what was cut is mended by then
            device.cut_after(0, 0)
            device.power_on()
            asker = Asker(device, asker.session + 1)
            asker.hello()
            boot = status(asker)
            assert running(asker) == boot.versions[boot.bank]
            assert running(asker) in good
        seen.add(running(asker))
        asker.upload(image(NEWEST), IMAGE)  # it can be updated again
        reboot(device, asker, PENDING)
        assert running(asker) == NEWEST
    assert {OLD, NEW} <= seen
