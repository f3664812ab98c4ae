"""What one instrument of a record answers: strictly in the recorded order, or tolerantly by what is asked.

Two messages are the same when their bytes are; packets of the firmware link when kind and payload are, since sessions
and numbers are each connection's own. What is asked by the clock can't come as recorded: queries that follow a silence
(signs of life) are free in a strict order, and a query that is repeated at once (a poll) may come more or less often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from qctl.errors import DeviceError
from qctl.hil.instruments.trigger_packets import Packet, pack, unpack
from qctl.hil.record.journal import Turn

__all__ = ["SILENCE_S", "FirmwareScript", "Script", "shown"]

_ACK = 0x10
_EVENTS = range(0xC0, 0xE0)
SILENCE_S = 0.9
"""After this long a query is a sign of life: a server asks for one where nothing was said for `heartbeat_s`, 1 s."""
_LONG_BYTES = 4096
"""An answer that is longer is no sign of life."""
_STATUS, _CLOCK, _GAP = 0x07, 0x33, 0xE0
_ASKING = frozenset({_STATUS, _CLOCK})
"""Kinds of packet that may be polled."""
_MOST_KEPT = 64
"""Packets whose answers are kept, for a host that sends one again."""


class Script:
    """One instrument's part.

    Parameters
    ----------
    name : str
        The instrument.
    turns : sequence of Turn
        What was said to it, and its answers.
    strict : bool
        Whether messages must come as recorded, in order.
    clock : callable
        Tells seconds.
    silence_s : float
        After this long a query is a sign of life.

    Attributes
    ----------
    n_done : int
        Messages that were answered.
    """

    def __init__(
        self,
        name: str,
        turns: Sequence[Turn],
        strict: bool,
        clock: Callable[[], float] = time.monotonic,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.name, self.strict, self._clock, self._silence_s = name, strict, clock, silence_s
        self.greeting = b"".join(turns[0].answers) if turns and not turns[0].said else b""
        self._turns = [turn for turn in turns if turn.said]
        self._keys = [self._key(turn.said) for turn in self._turns]
        self._next = 0
        self._places: dict[bytes, list[int]] = {}
        for place, key in enumerate(self._keys):
            self._places.setdefault(key, []).append(place)
        self._asked: dict[bytes, int] = {}
        self._set: dict[bytes, bytes] = {}
        self._held: list[bytes] = self._settings_held()
        self._free = set(self._signs_of_life())
        self._heard_s = clock()
        self._idle = False
        self.n_done = 0

    @property
    def n_left(self) -> int:
        """Return how many recorded messages have not come; only a strict order knows it."""
        return len(self._keys) - self._next if self.strict else 0

    def answers(self, said: bytes) -> list[bytes]:
        """Return what was answered to a message.

        Raises
        ------
        DeviceError
            If it is not what was recorded; the message has the instrument, the number of the command from 1, what was
            expected and what came.
        """
        key = self._key(said)
        place = self._strict_place(key, said) if self.strict else self._any_place(key, said)
        self.n_done += 1
        return [self._told(answer, said) for answer in self._turns[place].answers]

    def _strict_place(self, key: bytes, said: bytes) -> int:
        """Return the number of the next turn, which must be this one, or of one that has a sign of life."""
        now_s = self._clock()
        self._idle = self._polls(said) and (self._idle or now_s > self._heard_s + self._silence_s)
        self._heard_s = now_s
        place = self._next
        while not self._has(place, key) and place < len(self._keys) and self._may_miss(place):
            place += 1
        if self._has(place, key):
            self._next = place + 1
            return place
        known = self._places.get(key, [])
        if known and self._idle and len(b"".join(self._turns[known[0]].answers)) <= _LONG_BYTES:
            self._free.add(key)
        if key in self._free:
            return max((one for one in known if one < self._next), default=known[0])
        if self._next and self._has(self._next - 1, key) and self._polls(said):
            return self._next - 1
        expected = self._shown(self._turns[place].said) if place < len(self._turns) else "nothing more"
        raise DeviceError(
            f"{self.name}: command {place + 1} differs from the record: expected {expected}, came {self._shown(said)}",
            instrument=self.name,
            number=place + 1,
        )

    def _may_miss(self, place: int) -> bool:
        """Say whether a recorded message need not come: a sign of life, or a poll after another one."""
        key = self._keys[place]
        again = bool(place) and self._keys[place - 1] == key and self._polls(self._turns[place].said)
        return key in self._free or again

    def _signs_of_life(self) -> Iterator[bytes]:
        """Yield the queries that followed a silence in the record, and those right behind them."""
        idle = False
        for place in range(1, len(self._turns)):
            turn, silent_s = self._turns[place], self._turns[place].time_s - self._turns[place - 1].time_s
            idle = self._polls(turn.said) and (idle or silent_s > self._silence_s)
            if idle and len(b"".join(turn.answers)) <= _LONG_BYTES:
                yield self._keys[place]

    def _has(self, place: int, key: bytes) -> bool:
        return place < len(self._keys) and self._keys[place] == key

    def _any_place(self, key: bytes, said: bytes) -> int:
        """Return the turn with the next answer to the same message, the last one if there are no more.

        A query whose setting (of the same header) has been sent is answered as the record did under that setting.
        """
        places = self._places.get(key)
        if places is None:
            raise DeviceError(
                f"{self.name}: command {self.n_done + 1} is not in the record: came {self._shown(said)}",
                instrument=self.name,
                number=self.n_done + 1,
            )
        header = self._header(said)
        if header and not self._polls(said):
            self._set[header] = key
        elif header in self._set:
            under = [place for place in places if self._held[place] == self._set[header]]
            places = under or places
        asked = self._asked.get(key + self._set.get(header, b""), 0)
        self._asked[key + self._set.get(header, b"")] = asked + 1
        return places[min(asked, len(places) - 1)]

    def _settings_held(self) -> list[bytes]:
        """Return, for each turn, the setting with the same header that held when it was said; empty for none."""
        held: list[bytes] = []
        last: dict[bytes, bytes] = {}
        for turn, key in zip(self._turns, self._keys, strict=True):
            header = self._header(turn.said)
            held.append(last.get(header, b""))
            if header and not self._polls(turn.said):
                last[header] = key
        return held

    def _key(self, said: bytes) -> bytes:
        return said

    def _told(self, answer: bytes, asked: bytes) -> bytes:
        """Return a recorded answer as it is given to this request."""
        return answer

    def _shown(self, said: bytes) -> str:
        """Return a message for people."""
        return shown(said)

    def _header(self, said: bytes) -> bytes:
        """Return what a setting and its query share: ``SOUR:FREQ`` of ``SOUR:FREQ 5E9`` and of ``SOUR:FREQ?``."""
        return said.split(None, 1)[0].partition(b"?")[0].upper() if said.strip() else b""

    def _polls(self, said: bytes) -> bool:
        """Say whether a message only asks."""
        return said.startswith(b"GET ") or (len(said) < 4096 and all(b"?" in part for part in said.split(b";")))


class FirmwareScript(Script):
    """A device on the firmware link: packets, answered in the session that asks."""

    def __init__(
        self,
        name: str,
        turns: Sequence[Turn],
        strict: bool,
        clock: Callable[[], float] = time.monotonic,
        silence_s: float = SILENCE_S,
    ) -> None:
        super().__init__(name, _once(turns), strict, clock, silence_s)
        self._recent: dict[tuple[int, int, int], list[bytes]] = {}

    def answers(self, said: bytes) -> list[bytes]:
        """Return the packets that answer one; a packet that is sent again has the same answers again."""
        packet = unpack(said)
        if packet is None or packet.kind == _ACK:
            return []
        mark = (packet.kind, packet.session, packet.number)
        if mark not in self._recent:
            found = super().answers(said)
            self._recent[mark] = [answer for one in found if (answer := _told_anew(one, packet))]
            if len(self._recent) > _MOST_KEPT:
                del self._recent[next(iter(self._recent))]
        return self._recent[mark]

    def _key(self, said: bytes) -> bytes:
        packet = unpack(said)
        if packet is None:
            return b""
        return bytes((packet.kind,)) + (b"" if packet.kind == _CLOCK else packet.payload)  # a clock tells other times

    def _header(self, said: bytes) -> bytes:
        return b""

    def _polls(self, said: bytes) -> bool:
        packet = unpack(said)
        return packet is not None and packet.kind in _ASKING


def _once(turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns without acknowledgements and packets that were sent again, each with the replies to it.

    Several requests may be outstanding; a reply belongs to the one with its session and number, an event to the last.
    """
    kept: list[Turn] = []
    asked: dict[tuple[int, int], Turn] = {}
    seen: set[tuple[int, int, int]] = set()
    for turn in turns:
        packet = unpack(turn.said)
        if packet is not None and packet.kind != _ACK:
            mark = (packet.kind, packet.session, packet.number)
            if mark not in seen:
                kept.append(Turn(turn.said, [], turn.time_s))
                asked[packet.session, packet.number] = kept[-1]
                seen.add(mark)
        for answer in turn.answers:
            back = unpack(answer)
            if back is None or back.kind == _GAP or not kept:
                continue
            owner = kept[-1] if back.kind in _EVENTS else asked.get((back.session, back.number), kept[-1])
            if answer not in owner.answers:
                owner.answers.append(answer)
    return kept


def _told_anew(frame: bytes, asked: Packet) -> bytes:
    """Return a recorded packet in the session of a new request; replies get its number, events keep their own."""
    packet = unpack(frame)
    if packet is None:
        return b""
    number = packet.number if packet.kind in _EVENTS else asked.number
    return pack(packet._replace(session=asked.session, number=number))


def shown(said: bytes) -> str:
    """Return a message for people: its text, or its first bytes in hex; packets of the firmware link by their parts."""
    head = said[:80].rstrip(b"\r\n")
    if head.isascii() and head.decode("ascii").isprintable():
        return repr(head.decode("ascii")) + (f" … ({len(said)} bytes)" if len(said) > 82 else "")
    packet = unpack(said)
    if packet is not None:
        return f"packet {packet.kind:#04x} with {packet.payload.hex(' ')[:96] or 'no payload'}"
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in said[:64])
    return f"{text!r} … ({len(said)} bytes)"
