"""What a bad wire makes of what is put on it: bytes or datagrams and times in, bytes or datagrams and times out.

It owns no socket and no clock, and draws its chances from a seed: the same faults, seed, pieces and times give the same
output. Which bytes of a stream are hit does not depend on how the stream is cut into pieces. One pipe is one direction
of one connection.

=============== ============================ ===============================================================
fault           value                        what happens
=============== ============================ ===============================================================
flipped         share of bytes               one bit of each of them is flipped
lost            share of bytes or datagrams  they never come out
doubled         share of bytes or datagrams  they come out twice
reordered       share of bytes or datagrams  they change places with the one behind
torn            share of bytes or datagrams  a stream ends before such a byte; a datagram comes out short
delay           seconds                      everything waits so long
throttle        bytes a second               no more come out
late_reply      seconds                      the next piece waits so long; in a stream what follows waits behind it
drop            count                        the next pieces never come out
corrupt         count                        the next pieces have all bytes inverted but the last
cut             bytes                        a stream ends after so many bytes of the next piece
wrong_reply     text                         comes out in place of the next piece
silence         true                         nothing comes out
half_open       true                         nothing comes out, and the peer is not told when a connection ends
=============== ============================ ===============================================================
"""

from __future__ import annotations

import heapq
import math
import random
from typing import Any, NamedTuple

from qctl.hil.faults.present import WireFaults

__all__ = ["FaultyPipe", "Piece"]

_PLACED = ("lost", "doubled", "reordered")
"""What changes a stream's length or order; the last is done first where several meet."""
_HELD_S = 0.05
"""How long a datagram waits for one to change places with."""


class Piece(NamedTuple):
    """What comes out of a pipe.

    Attributes
    ----------
    data : bytes
        A datagram, or bytes of a stream.
    tag : object
        As it was put in with them.
    ends : bool
        The connection ends behind it.
    """

    data: bytes
    tag: Any = None
    ends: bool = False


class FaultyPipe:
    """One direction of a bad wire.

    Parameters
    ----------
    faults : WireFaults
        What is wrong with it; may be changed at any time, and shared by several pipes.
    seed : int
        Of all chances.
    datagrams : bool
        Whether pieces are datagrams, each lost, doubled and reordered as a whole; bytes of a stream otherwise.
    """

    def __init__(self, faults: WireFaults, seed: int = 0, datagrams: bool = False) -> None:
        self._faults = faults
        self._datagrams = datagrams
        self._chances = {name: _Chance(seed, name) for name in ("flipped", "lost", "doubled", "reordered", "torn")}
        self._bits = random.Random(f"{seed} bits")
        self._waiting: list[tuple[float, int, Piece]] = []
        self._held: tuple[float, Piece] | None = None
        self._free_s = -math.inf
        self._n_put = 0
        self._ended = False

    @property
    def next_s(self) -> float | None:
        """Return when `take` has something; None while nothing waits."""
        times = [self._waiting[0][0]] if self._waiting else []
        if self._held is not None:
            times.append(self._held[0] + _HELD_S)
        return min(times, default=None)

    @property
    def idle(self) -> bool:
        """Say whether the wire is as good as new: what is put in comes out unchanged and at once."""
        return not (self._faults.active or self._waiting or self._held is not None or self._ended)

    def put(self, data: bytes, now_s: float, tag: Any = None) -> None:
        """Put a datagram or a piece of the stream in; nothing passes a stream that has ended."""
        faults = self._faults
        if self._ended or faults.get("half_open") or faults.get("silence") or faults.take("drop"):
            return
        wrong = faults.take("wrong_reply")
        if wrong is not None:
            data = str(wrong).encode("latin-1", "replace") + b"\n"
        if faults.take("corrupt"):
            data = bytes(byte ^ 0xFF for byte in data[:-1]) + data[-1:]
        cut = faults.take("cut")
        pieces = self.damaged(data, tag)
        if cut is not None:
            pieces = [Piece(b"".join(piece.data for piece in pieces)[: int(cut)], tag, not self._datagrams)]
        late_s = float(faults.take("late_reply") or 0)
        for piece in pieces:
            self._queue(piece, now_s, late_s)
            self._ended = self._ended or piece.ends

    def take(self, now_s: float) -> list[Piece]:
        """Return what comes out until now, in this order."""
        if self._held is not None and now_s >= self._held[0] + _HELD_S:
            due_s, piece = self._held
            self._held = None
            self._push(due_s, piece)
        found = []
        while self._waiting and self._waiting[0][0] <= now_s:
            found.append(heapq.heappop(self._waiting)[2])
        return found

    def clear(self) -> None:
        """Forget what waits, and begin a new connection; the chances go on."""
        self._waiting.clear()
        self._held = None
        self._free_s = -math.inf
        self._ended = False

    # -- what happens to the bytes ------------------------------------------------------------------

    def damaged(self, data: bytes, tag: Any = None) -> list[Piece]:
        """Return what the chances alone make of one piece, at once."""
        return self._packets(data, tag) if self._datagrams else self._bytes(data, tag)

    def _packets(self, data: bytes, tag: Any) -> list[Piece]:
        lost, doubled = self._hits("lost", 1), self._hits("doubled", 1)
        if self._hits("torn", 1):
            data = data[: self._bits.randrange(len(data))] if data else data
        if lost:
            return []
        return [Piece(self._flipped(data), tag) for _ in range(1 + len(doubled))]

    def _bytes(self, data: bytes, tag: Any) -> list[Piece]:
        torn = self._hits("torn", len(data))
        if torn:
            data = data[: torn[0]]
        hits = [(k, place) for place, name in enumerate(_PLACED) for k in self._hits(name, len(data))]
        damaged = bytearray(self._flipped(data))
        for k, place in sorted(hits, reverse=True):  # from the end, so that positions stay right
            if _PLACED[place] == "reordered":
                damaged[k : k + 2] = damaged[k : k + 2][::-1]
            elif _PLACED[place] == "doubled":
                damaged.insert(k, damaged[k])
            else:
                del damaged[k]
        return [Piece(bytes(damaged), tag, bool(torn))] if damaged or torn else []

    def _flipped(self, data: bytes) -> bytes:
        hits = self._hits("flipped", len(data))
        if not hits:
            return data
        damaged = bytearray(data)
        for k in hits:
            damaged[k] ^= 1 << self._bits.randrange(8)
        return bytes(damaged)

    def _hits(self, name: str, n: int) -> list[int]:
        return self._chances[name].hits(n, float(self._faults.get(name) or 0))

    # -- when it comes out ---------------------------------------------------------------------------

    def _queue(self, piece: Piece, now_s: float, late_s: float) -> None:
        due_s = now_s + late_s + float(self._faults.get("delay") or 0)
        per_s = float(self._faults.get("throttle") or 0)
        if per_s or not self._datagrams:
            due_s = max(due_s, self._free_s) + (len(piece.data) / per_s if per_s else 0.0)
            self._free_s = due_s
        if self._datagrams and self._held is None and self._hits("reordered", 1):
            self._held = due_s, piece
            return
        self._push(due_s, piece)
        if self._held is not None:
            held, self._held = self._held[1], None
            self._push(due_s, held)

    def _push(self, due_s: float, piece: Piece) -> None:
        self._n_put += 1
        heapq.heappush(self._waiting, (due_s, self._n_put, piece))


class _Chance:
    """Which of many units are hit, drawn as the gaps between them, so that units that are not hit cost nothing."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed} {name}")
        self._share = 0.0
        self._left: float = math.inf

    def hits(self, n: int, share: float) -> list[int]:
        """Return which of the next `n` units are hit."""
        if share != self._share:
            self._share, self._left = share, self._gap(share)
        found = []
        while self._left < n:
            found.append(int(self._left))
            self._left += 1 + self._gap(share)
        self._left -= n
        return found

    def _gap(self, share: float) -> float:
        if share <= 0:
            return math.inf
        return 0 if share >= 1 else math.log(1.0 - self._random.random()) // math.log1p(-share)
