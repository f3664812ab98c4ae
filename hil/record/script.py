"""What one instrument of a record answers: strictly in the recorded order, or tolerantly by what is asked.

Two messages are the same when their bytes are; packets of the firmware link when kind and payload are, since sessions
and numbers are each connection's own. What is asked by the clock can't come as recorded: queries that follow a silence
(signs of life) are free in a strict order, and a query that is repeated at once (a poll) may come more or less often.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from qctl.errors import DeviceError
from qctl.hil.instruments.trigger_packets import Packet, pack, unpack
from qctl.hil.record.journal import Turn

__all__ = ["SILENCE_S", "FirmwareScript", "Script", "Subject", "shown"]

Subject = tuple[bytes, ...]
"""What a command is about, in words; that of a setting begins with that of its query, and its value follows."""

_ACK = 0x10
_EVENTS = range(0xC0, 0xE0)
SILENCE_S = 0.9
"""After this long a query is a sign of life: a server asks for one where nothing was said for `heartbeat_s`, 1 s."""
_LONG_BYTES = 4096
"""An answer that is longer is no sign of life."""
_WORD = re.compile(rb"\([^)]*\)|[^\s,=?]+")
_ASKS, _SETS = (b"GET", b"READ"), (b"SET", b"WRITE", b"PUT", b"POST")
"""Verbs of firmware and of HTTP; they are no part of what a command is about."""
_MOST_WORDS, _LONG_TEXT = 8, 256
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
        self._asked: dict[tuple[bytes, Subject], int] = {}
        self._set: dict[Subject, bytes] = {}
        self._queried = {one for turn in self._turns if self._polls(turn.said) for one in self._about(turn.said)}
        self._held: list[Subject] = [] if strict else self._settings_held()
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

        A query whose setting has been sent is answered as the record did under that setting.
        """
        places = self._places.get(key)
        if places is None:
            raise DeviceError(
                f"{self.name}: command {self.n_done + 1} is not in the record: came {self._shown(said)}",
                instrument=self.name,
                number=self.n_done + 1,
            )
        held: Subject = ()
        if self._polls(said):
            held = tuple(self._set.get(one, b"") for one in self._about(said))
            under = [place for place in places if self._held[place] == held] if any(held) else []
            places = under or places
        else:
            self._set |= dict.fromkeys(self._settles(said), key)
        asked = self._asked.get((key, held), 0)
        self._asked[key, held] = asked + 1
        return places[min(asked, len(places) - 1)]

    def _settings_held(self) -> list[Subject]:
        """Return, for each query, the settings of what it is about that held when it came; nothing for settings."""
        held: list[Subject] = []
        last: dict[Subject, bytes] = {}
        for turn, key in zip(self._turns, self._keys, strict=True):
            asks = self._polls(turn.said)
            held.append(tuple(last.get(one, b"") for one in self._about(turn.said)) if asks else ())
            last |= {} if asks else dict.fromkeys(self._settles(turn.said), key)
        return held

    def _settles(self, said: bytes) -> list[Subject]:
        """Return what queries of the record are about that a setting changes."""
        found = [one[:n] for one in self._about(said) for n in range(1, len(one) + 1)]
        return [one for one in found if one in self._queried]

    def _key(self, said: bytes) -> bytes:
        return said

    def _told(self, answer: bytes, asked: bytes) -> bytes:
        """Return a recorded answer as it is given to this request."""
        return answer

    def _shown(self, said: bytes) -> str:
        """Return a message for people."""
        return shown(said)

    def _about(self, said: bytes) -> list[Subject]:
        """Return what each command of a message is about.

        ``SOUR:FREQ`` of ``SOUR:FREQ?``, ``SETP 1`` of ``SETP? 1``, ``DAC 1`` of ``GET DAC 1``; of settings with the
        value behind it. A list of channels, which SCPI puts last, goes before the value. Beside settings, what asks is
        left out.
        """
        found: list[Subject] = []
        asks = self._polls(said)
        for part in said[:_LONG_TEXT].upper().split(b";"):
            if b"?" in part and not asks:
                continue
            words = _WORD.findall(part)[:_MOST_WORDS]
            words = [word for k, word in enumerate(words) if k > 1 or word not in _ASKS + _SETS]
            listed = [word for word in words if word.startswith(b"(@")]
            found.append((*words[:1], *listed, *(word for word in words[1:] if word not in listed)))
        return [one for one in found if one]

    def _polls(self, said: bytes) -> bool:
        """Say whether a message only asks: each of its commands has a question mark, or a verb that asks."""
        return len(said) < 4096 and all(
            b"?" in part or any(verb in part[:_LONG_TEXT].upper().split()[:2] for verb in _ASKS)
            for part in said.split(b";")
        )


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

    def _about(self, said: bytes) -> list[Subject]:
        return []

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
