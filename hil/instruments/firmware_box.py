"""What emulated firmware has whose blocks of shots are played by the plant.

Source: docs/firmware-protocol.md, protocol version 1, section 4 (messages).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

from qctl.errors import QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.firmware_link import (
    E_FAULT,
    E_PAYLOAD,
    E_RANGE,
    E_REFERENCE,
    E_STATE,
    FirmwareLink,
    Problem,
)
from qctl.hil.instruments.plant_link import Ended, Plant
from qctl.hil.instruments.trigger_packets import Packet

__all__ = ["E_PAYLOAD", "E_RANGE", "E_STATE", "FirmwareBox", "Problem"]

_STATUS, _DONE = struct.Struct("<BBHIII"), struct.Struct("<IIBBH")
_PLANT_PATIENCE_S = 0.1

FIRE, STOP, STATUS, SAFE, SET_REFERENCE, DONE = 0x05, 0x06, 0x07, 0x08, 0x0B, 0xC1
COMPLETE, STOPPED, FAULT = range(3)
_LENGTHS = {FIRE: 4, STOP: 0, STATUS: 0, SAFE: 0, SET_REFERENCE: 1}


class FirmwareBox(FirmwareLink):
    """A controller on a serial line; its blocks of shots are played by the plant.

    Subclasses say who they are, which settings they know, and how they play a block.
    """

    lengths: ClassVar[dict[int, int]]
    """Bytes of each request that it knows beside those of all firmware; -1 for any number."""

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self._playing: asyncio.Future[None] | None = None
        self._slow: asyncio.Task[None] | None = None
        super().__init__(config, plant)

    def _forget(self) -> None:
        super()._forget()
        self._number = self._n_fired = self._n_shots = 0
        self._stopped = False
        self.reset()

    # what subclasses do ----------------------------------------------------------------------------

    @abstractmethod
    def reset(self) -> None:
        """Take the settings that the box has when it is switched on."""

    @abstractmethod
    def answer(self, kind: int, payload: bytes) -> bytes:
        """Execute one of `lengths`, and return the reply's payload; raise Problem to refuse."""

    @abstractmethod
    def ready(self) -> int:
        """Return the shots of the block that is about to begin; raise Problem if it can't."""

    @abstractmethod
    def play(self, ended: Ended) -> None:
        """Begin to play the block; `ended` is told how many shots there were."""

    @abstractmethod
    def low(self) -> None:
        """Bring all outputs to their safe state."""

    # what the servers call -------------------------------------------------------------------------

    async def power_cycle(self) -> None:
        """Forget everything, as after a power cut."""
        if self._slow is not None:
            self._slow.cancel()
        await self._halt()
        self._drop_events()
        self._forget()

    # sessions and requests -------------------------------------------------------------------------

    def _begin(self, hello: bytes) -> None:
        if self._playing is not None:
            self._later(self._halt_then(hello))
        else:
            self.send(hello)

    def _busy(self) -> bool:
        return self._slow is not None

    async def _halt_then(self, frame: bytes) -> None:
        await self._halt()
        self.send(frame)

    def _later(self, work: Any) -> None:
        if self._slow is not None:
            self._slow.cancel()
        task = self._slow = asyncio.get_running_loop().create_task(work)

        def done(finished: asyncio.Task[None]) -> None:
            if self._slow is task:
                self._slow = None

        task.add_done_callback(done)

    def _length_of(self, kind: int) -> int | None:
        return _LENGTHS.get(kind, self.lengths.get(kind))

    def _carry_out(self, packet: Packet) -> None:
        if packet.kind in (STOP, SAFE) or (packet.kind == STATUS and self._playing is not None):
            self._later(self._answer_later(packet))
        else:
            self._answer(packet, self._do(packet.kind, packet.payload))

    async def _answer_later(self, packet: Packet) -> None:
        if packet.kind == STATUS:
            # While the plant computes, lab time and the shots stand still: a real box answers at once.
            with contextlib.suppress(TimeoutError):
                n_fired = await asyncio.wait_for(self.plant.fired(), _PLANT_PATIENCE_S)
                if self._playing is not None:
                    self._n_fired = max(0, min(self._n_shots, n_fired))
            self._answer(packet, self._status())
            return
        await self._halt()
        if packet.kind == SAFE:
            self.low()
        self._answer(packet, b"" if packet.kind == SAFE else struct.pack("<I", self._n_fired))

    # messages ----------------------------------------------------------------------------------------

    def _do(self, kind: int, payload: bytes) -> bytes:
        if kind == STATUS:
            return self._status()
        if self._playing is not None and kind not in self.asking:
            raise Problem(E_STATE, "firing")
        if kind == SET_REFERENCE:
            return self._set_reference(payload)
        if kind == FIRE:
            return self._fire(payload)
        if self._faults.get("full_buffer") and kind not in self.asking:
            raise Problem(E_STATE, "memory is full")
        return self.answer(kind, payload)

    def _status(self) -> bytes:
        firing = int(self._playing is not None)
        return _STATUS.pack(firing, self._reference(), self._last_error, self._number, self._n_fired, self._n_shots)

    def _fire(self, payload: bytes) -> bytes:
        (number,) = struct.unpack("<I", payload)
        if not number:
            raise Problem(E_RANGE, "block number 0")
        if self._reference() == 2:
            raise Problem(E_REFERENCE, "external reference is not locked")
        self._n_shots = self.ready()
        self._number, self._n_fired = number, 0
        self._stopped = False
        loop = asyncio.get_running_loop()
        self._playing = loop.create_future()
        ended = partial(self._ended, self._playing, number, self._n_shots, self._session)
        try:
            self.play(ended)
        except QctlError as error:
            loop.call_soon(ended, error)  # after the reply to this request
        return payload

    def _ended(
        self, block: asyncio.Future[None], number: int, n_shots: int, session: int, found: int | QctlError
    ) -> None:
        """Tell that a block is over, and how many shots it had."""
        self._playing = None
        block.set_result(None)
        reason = FAULT
        if isinstance(found, QctlError):
            self._last_error, self._n_fired = E_FAULT, 0
        else:
            self._n_fired = found
            reason = COMPLETE if found == n_shots else STOPPED
        if self._stopped and self._n_fired < n_shots:
            reason = STOPPED
        if session == self._session:
            self._tell(DONE, _DONE.pack(number, self._n_fired, reason, 0, 0))

    async def _halt(self) -> None:
        block = self._playing
        if block is not None:
            self._stopped = True
            await self.plant.abort()
            await asyncio.wait([block])
