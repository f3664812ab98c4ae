"""What the gateware and the chips make of a core device's output events: lanes, buses, synthesisers.

Source: ARTIQ 9, gateware/rtio/sed/lane_distributor.py; misoc's spi2 by coredevice/spi2.py; AD9910 data sheet, register
map (CFR1 bit 13 clears the phase accumulator at IO_UPDATE; profile 7 is register 0x15).
"""

from __future__ import annotations

from collections.abc import Iterable

from artiq_crate import Pulse
from host import CHIPS

N_LANES, COARSE_NS = 8, 8
CFR1, PROFILE7, AUTOCLEAR = 0x00, 0x15, 1 << 13
Event = tuple[int, str, int, int]


def check_lanes(events: Iterable[Event]) -> int:
    """Put events into lanes as the gateware does, and return how many changes of lane there were."""
    last = [-(2**62)] * N_LANES
    lane = changes = 0
    for time, device, *_ in events:
        cycle = time // COARSE_NS
        if cycle <= last[lane]:
            lane, changes = (lane + 1) % N_LANES, changes + 1
        assert cycle > last[lane], f"sequence error: {device} at {time} ns"
        last[lane] = cycle
    return changes


def check_collisions(events: Iterable[Event]) -> None:
    """Refuse two events of one channel in one coarse cycle."""
    seen = set()
    for time, device, *_ in events:
        assert (device, time // COARSE_NS) not in seen, f"collision: {device} at {time} ns"
        seen.add((device, time // COARSE_NS))


class Card:
    """One SPI bus, and four synthesisers behind it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.config = self.busy_until = 0
        self.shifted: list[int] = []
        self.waiting: list[dict[int, tuple[int, ...]]] = [{} for _ in range(CHIPS)]
        self.words = [(0, 0, 0)] * CHIPS
        self.cleared = [0] * CHIPS

    def configure(self, time: int, data: int) -> None:
        assert time >= self.busy_until, f"{self.name} is busy until {self.busy_until} ns, and set at {time} ns"
        self.config = data

    def write(self, time: int, data: int) -> None:
        assert time >= self.busy_until, f"{self.name} is busy until {self.busy_until} ns, and written at {time} ns"
        length, divider = (self.config >> 8 & 31) + 1, (self.config >> 16 & 255) + 2
        self.busy_until = time + (length + 1) * divider * COARSE_NS
        self.shifted.append(data >> (32 - length))
        if self.config & 2:  # the transaction's end
            chip = (self.config >> 24) - 4
            self.waiting[chip][self.shifted[0]] = tuple(self.shifted[1:])
            self.shifted = []

    def update(self, time: int) -> None:
        assert time >= self.busy_until, f"{self.name} is busy until {self.busy_until} ns, and takes over at {time} ns"
        for chip, registers in enumerate(self.waiting):
            if registers.get(CFR1, (0,))[0] & AUTOCLEAR:
                self.cleared[chip] = time
            if PROFILE7 in registers:
                high, low = registers[PROFILE7]
                self.words[chip] = (low, high & 0xFFFF, high >> 16 & 0x3FFF)
            registers.clear()


def pulses(events: Iterable[Event]) -> list[Pulse]:
    """Play events; return what each synthesiser put out from switch to switch, with the phase's zero in `zero`."""
    cards: dict[int, Card] = {}
    since: dict[int, int] = {}
    found = []
    for time, device, address, data in sorted(events, key=lambda event: event[0]):
        kind, number = device.rstrip("0123456789"), int(device.lstrip("abcdefghijklmnopqrstuvwxyz"))
        card = cards.setdefault(number if kind in ("spi", "update") else number // CHIPS, Card(device))
        if kind == "spi":
            (card.configure if address else card.write)(time, data)
        elif kind == "update" and data:
            card.update(time)
        elif kind == "switch":
            chip = number % CHIPS
            if data:
                assert number not in since
                since[number] = time
            elif number in since:
                found.append(Pulse(number, since.pop(number), time, *card.words[chip], card.cleared[chip]))
    assert not since
    return found


def switched(events: Iterable[Event], device: str) -> list[tuple[int, int]]:
    """Return when a line changes, and to what."""
    return [(time, data) for time, name, _, data in sorted(events, key=lambda event: event[0]) if name == device]
