"""A device with a window in a few lines, written from docs/firmware-protocol.md, section 3, sharing nothing with qctl.

Pure: bytes and times in, datagrams out. It executes read_registers and answers with what it has executed so far.
"""

from __future__ import annotations

import struct

from trigger_device import frame_of, packets_of

__all__ = ["WindowDevice"]

IDENTITY = b"qctl,sequencer,7,1.0"
RESEND_S = 0.1


class WindowDevice:
    """The device; `executed` lists the payloads of the requests that it executed, and `told` its events.

    Parameters
    ----------
    window : int
    event_every : int
        After how many requests it tells an event; 0 never.
    """

    def __init__(self, window: int, event_every: int = 0) -> None:
        self.window, self.event_every = window, event_every
        self.executed: list[bytes] = []
        self.told: list[int] = []
        self.n_gaps = 0
        self.sessions = [0, 0]
        self._pending = b""
        self._hello = b""
        self._open(0)

    def _open(self, session: int) -> None:
        self.sessions = [self.sessions[-1], session]
        self._expected = 1
        self._replies: dict[int, bytes] = {}
        self._gap_sent = False
        self._events: list[bytes] = []
        self._event_number = 0
        self._event_acked = 0
        self._sent_s = -1.0

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        """Take bytes, return frames; call it with none at times, for events."""
        self._pending += data
        whole, _, self._pending = self._pending.rpartition(b"\0")
        out = [frame for packet in packets_of(whole + b"\0") for frame in self._take(*packet)]
        if self._events and now_s - self._sent_s >= RESEND_S:
            self._sent_s = now_s
            out.append(self._events[0])
        return out

    def note_window(self, size: int) -> bytes:
        """Return a note that bounds the window."""
        return frame_of(0xE2, self.sessions[-1], 0, bytes([size]))

    def _take(self, kind: int, session: int, number: int, payload: bytes) -> list[bytes]:
        if kind == 0x01:
            if session == self.sessions[-1]:
                return [self._hello]
            if session == self.sessions[-2]:
                return []
            self._open(session)
            self._hello = frame_of(0x81, session, 0, struct.pack("<HHHB", 1, 1, 1, len(IDENTITY)) + IDENTITY)
            return [self._hello]
        if session != self.sessions[-1]:
            return [frame_of(0xFF, session, number, bytes([kind, 6, 0]))]
        if kind == 0x10:
            if self._events and number == self._event_acked % 65535 + 1:
                self._event_acked = number
                self._events.pop(0)
                self._sent_s = -1.0
            return []
        ahead = (number - self._expected) % 65535
        if ahead == 0 and number:
            return [self._execute(kind, session, number, payload)]
        if ahead >= 65535 - self.window:
            return [self._replies[number]] if number in self._replies else []
        if ahead < self.window:
            if self._gap_sent:
                return []
            self._gap_sent = True
            self.n_gaps += 1
            return [frame_of(0xE0, session, self._expected, b"")]
        return [frame_of(0xFF, session, number, bytes([kind, 5, 0]))]

    def _execute(self, kind: int, session: int, number: int, payload: bytes) -> bytes:
        assert kind == 0x30
        self.executed.append(payload)
        self._expected = number % 65535 + 1
        self._gap_sent = False
        if self.event_every and len(self.executed) % self.event_every == 0:
            self._event_number = self._event_number % 65535 + 1
            self.told.append(len(self.executed))
            mark = struct.pack("<IiQ", len(self.executed), 0, 0)
            self._events.append(frame_of(0xC3, session, self._event_number, mark))
        reply = frame_of(0xB0, session, number, payload + struct.pack("<I", len(self.executed)) * payload[1])
        self._replies[number] = reply
        self._replies.pop((number - self.window - 1) % 65535 + 1, None)
        return reply
