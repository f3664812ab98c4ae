"""A link to an emulated SCPI box in this process, with a plant that notes what it is told."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

from recording_plant import RecordingPlant

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.scpi.session import Session
from qctl.hil.instruments.scpi.stream import Stream
from qctl.instruments.links.life import LinkState
from qctl.instruments.links.link import as_bytes_view, block_header


class BenchLink:
    """Send messages to a box and take its answers.

    Attributes
    ----------
    box : Box
        The emulated instrument.
    plant : RecordingPlant
        What it was told.
    sent : list of str
        All messages but queries, blocks left out.
    """

    def __init__(self, kind, name="gen0"):
        self.plant = RecordingPlant()
        self.box = kind(EmulatorConfig("model", name, "7"), self.plant)
        self.name = name
        self.state, self.generation, self.sent = LinkState.UP, 1, []
        self._loop = asyncio.new_event_loop()
        self._out, self._stream = [], Stream()
        self._session = Session(self.box, lambda reply, tag: self._out.extend(bytes(piece) for piece in reply))

    def _say(self, raw):
        self._loop.run_until_complete(self._spoken(raw + b"\n"))
        out, self._out = b"".join(self._out), []
        return out

    async def _spoken(self, raw):
        self._session.receive(self._stream.feed(raw))
        for _ in range(50):
            await asyncio.sleep(0)

    def write(self, text):
        self.sent.append(text)
        assert self._say(text.encode()) == b""

    def query(self, text, timeout_s=None):
        reply = self._say(text.encode())
        assert reply.endswith(b"\n"), (text, reply)
        return reply.decode().strip()

    def write_block(self, prefix, block):
        self.sent.append(prefix)
        view = as_bytes_view(block)
        assert self._say(prefix.encode() + block_header(len(view)) + bytes(view)) == b""

    def burst(self):
        return nullcontext()

    def close(self):
        self._loop.close()
