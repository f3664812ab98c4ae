"""The plant's socket, the trigger logic, and the pace of lab time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, InternalError, QctlError, RequestError, WireError
from qctl.hil.plant.block import Physics
from qctl.hil.plant.cables import by_source
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.following import Follower, Sums, alike, are_known, check_followers, followers, pass_shots
from qctl.hil.plant.messages import Decoder, array_to_wire, encode
from qctl.hil.plant.rack import Acquisition, Box, Rack
from qctl.hil.plant.steered import Parties
from qctl.hil.plant.verbs import LATER, VERBS

__all__ = ["Block", "Plant", "Session"]

_LOG = logging.getLogger(__name__)
_SHORTEST_WAIT_S = 1e-3
_LONG_SAMPLES = 2_000_000
"""Samples read from which on they take so long to draw that it is done in a thread of its own."""


Taken = tuple[Acquisition, NDArray[np.float32] | None, int]
"""An acquisition, the records of a block for it, None if it was aborted before, and how many it wanted."""


class Block(NamedTuple):
    """A block of shots that a trigger box fires, then a pulse on each line of `once`."""

    box: Box
    line: int
    n_shots: int
    period_s: float
    once: list[int]


class Session(asyncio.Protocol):
    """One attached instrument's side of the socket; when it ends, the box's outputs are off.

    Parameters
    ----------
    plant : Plant
        What it is attached to.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.box: Box | None = None
        self.parts: list[str] = []
        self.waiting: dict[int, Acquisition] = {}
        self._transport: asyncio.Transport | None = None
        self._decoder = Decoder()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what has come; what takes time is answered later."""
        try:
            messages = self._decoder.feed(data)
        except WireError:
            self.close()
            return
        for message in messages:
            if message.get("verb") == "fire":
                # What other boxes said before the trigger came is heard before it: all sockets are read once more.
                self.plant.aborted.clear()
                loop = asyncio.get_running_loop()
                loop.call_soon(loop.call_soon, self._fire, message)
            else:
                self._answer(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the box."""
        for task in self._tasks:
            task.cancel()
        box, plant = self.box, self.plant
        if box is not None and plant.sessions.get(box.name) is self:
            for name in (box.name, *self.parts):
                plant.sessions.pop(name, None)
                plant.rack.boxes.pop(name, None)
                plant.following.pop(name, None)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message, if the other side is still there."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def attached(self) -> Box:
        """Return the box, or refuse what came before `hello`."""
        if self.box is None:
            raise RequestError("say hello first")
        return self.box

    def faults(self) -> dict[str, Any]:
        """Return what is wrong with the box; what is wrong with one of its parts stands under the part's name."""
        own = self.plant.faults_of(self.attached().name)
        return own | {name: found for name in self.parts if (found := self.plant.faults_of(name))}

    def settle(self) -> None:
        """Answer the requests for records that are there, or never will be."""
        for number, acquisition in list(self.waiting.items()):
            box = self.attached()
            if box.acquisition is not acquisition:
                error = DeviceError(f"{box.name}: the acquisition was abandoned", instrument=box.name)
                self.refuse(number, error)
            elif acquisition.complete and "silence" not in self.plant.faults_of(box.name):
                self.send({"id": number, "volts": array_to_wire(acquisition.volts(), self.plant.folder)})
            else:
                continue
            del self.waiting[number]

    def _answer(self, message: dict[str, Any]) -> None:
        number = message.get("id", 0)
        with self._refusing(message):
            verb = VERBS.get(message.get("verb", ""))
            if verb is None:
                raise RequestError(f"unknown verb {message.get('verb')!r}")
            reply = verb(self.plant, self, message)
            if number and reply is not LATER:
                self.send({"id": number, **(reply or {})})

    def _fire(self, message: dict[str, Any]) -> None:
        """Answer a block that is known at once, and one that is not when it is over."""
        if self._transport is None or self._transport.is_closing():
            return
        with self._refusing(message):
            line, once = int(message["line"]), [int(other) for other in message.get("once", ())]
            block = Block(self.attached(), line, int(message["n_shots"]), message["period_s"], once)
            fired = self.plant.fire_known(block)
            if fired is not None:
                self.send({"id": message["id"], "n_shots": fired})
                return
            self.later(message, self._fired(block))

    async def _fired(self, block: Block) -> dict[str, Any]:
        return {"n_shots": await self.plant.fire(block)}

    def later(self, message: dict[str, Any], work: Coroutine[Any, Any, dict[str, Any]]) -> None:
        """Answer a message with what comes of some work, when it is done."""
        task = asyncio.create_task(self._answer_later(message, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_later(self, message: dict[str, Any], work: Coroutine[Any, Any, dict[str, Any]]) -> None:
        with self._refusing(message):
            self.send({"id": message["id"], **await work})

    @contextlib.contextmanager
    def _refusing(self, message: dict[str, Any]) -> Iterator[None]:
        """Answer with the error that the body raises."""
        number = message.get("id", 0)
        try:
            yield
        except QctlError as error:
            self.refuse(number, error)
        except (KeyError, TypeError, ValueError) as error:
            self.refuse(number, RequestError(f"{message.get('verb')}: {error!r}"))
        except Exception as problem:  # nobody waits for an answer that never comes
            _LOG.exception("the plant failed at %s", message.get("verb"))
            text = f"the plant failed at {message.get('verb')} ({type(problem).__name__}: {problem}); please report it"
            self.refuse(number, InternalError(text))

    def refuse(self, number: int, error: QctlError) -> None:
        """Answer a request with an error."""
        self.send({"id": number, "error": [error.code, error.message, error.details]})


class Plant:
    """All that the attached instruments share.

    Parameters
    ----------
    physics : Physics
        The fridge and its cables; or an `IonPhysics`, which sequencers alone ask, or an `AtomPhysics`, which
        register servers do.
    clock : LabClock
        Lab time.
    folder : str
        The lab's folder of shared memory.
    """

    def __init__(self, physics: Physics, clock: LabClock, folder: str) -> None:
        self.physics = physics
        self.parties = Parties(physics)
        self.clock = clock
        self.folder = folder
        self.rack = Rack()
        self.sessions: dict[str, Session] = {}
        self.firing = False
        self.following: dict[str, Follower] = {}
        self.aborted = asyncio.Event()
        self._debt_s = 0.0
        self._n_changes = self._n_usual = 0
        self._is_fresh = True
        self._block = (0.0, 0, 1.0)
        self._computing: asyncio.Future[NDArray[np.float32]] | None = None
        self._triggered = by_source(physics.cables.all_triggers())
        self._led = by_source(physics.cables.events)

    def changed(self, fresh: bool = True) -> None:
        """Note that a box plays or records something new; work out the next block once all have said as usual.

        Sweep points come one like the other: when as many changes have come as before the last block, the trigger is
        on its way, and what is computed now is known when it is here. A guess too early costs only time. Without
        anything `fresh` the block is as it was last worked out.
        """
        self._n_changes += 1
        self._is_fresh = self._is_fresh or fresh
        if self._n_changes == self._n_usual and self._is_fresh and not self.firing:
            asyncio.get_running_loop().call_soon(self._look_ahead)

    def _look_ahead(self, again: Sequence[Box] = ()) -> None:
        """Work out what the armed digitizers would record now, and what those of `again` would if armed as before."""
        if self.firing or (self._computing is not None and not self._computing.done()):
            return
        self._is_fresh = False
        with self.clock.paused():
            for box in self.rack.boxes.values():
                acquisition = box.acquisition
                if acquisition is None or not (box in again or not acquisition.complete):
                    continue
                n_shots = min(acquisition.n_records, self._block[1])
                if n_shots and not self._is_long(acquisition, n_shots):
                    self.physics.look_ahead(self.rack, box, acquisition, n_shots, self.clock.now_s())

    def faults_of(self, name: str) -> dict[str, Any]:
        """Return what is wrong with one box."""
        return self.physics.faults.of_box(name)

    def push_faults(self, box: str = "", anew: str = "") -> None:
        """Tell every attached box what is wrong with it and its parts; one of them, too, what is to happen anew."""
        told = self.sessions.get(box)
        for session in set(self.sessions.values()):
            session.send({"faults": session.faults(), "anew": [anew] if session is told else []})
        self.settle()

    def settle(self) -> None:
        """Answer the requests for records that can be answered now."""
        for session in self.sessions.values():
            if session.waiting:
                session.settle()

    def wired(self, block: Block) -> Sequence[str]:
        """Return the boxes that a block's line reaches."""
        return self._triggered.get((block.box.name, block.line), ())

    def recorders(self, block: Block) -> list[Box]:
        """Return the digitizers that a block triggers; refuse one that can't be fired."""
        box, line = block.box, block.line
        if self.firing:
            raise DeviceError(f"{box.name} is firing already", instrument=box.name)
        if block.n_shots < 1 or not block.period_s > 0:
            raise RequestError(f"n_shots = {block.n_shots} and period_s = {block.period_s} have to be above 0")
        wired = self.wired(block)
        reached = [other for name in wired if (other := self.rack.boxes.get(name)) is not None]
        check_followers(followers(self, wired), block.n_shots, block.period_s)
        recorders = [other for other in reached if other.acquisition and not other.acquisition.complete]
        if not recorders and not any(other.armed for other in reached):
            raise DeviceError(f"nothing is armed on line {line} of {box.name}", instrument=box.name)
        return recorders

    def fire_known(self, block: Block) -> int | None:
        """Run a block whose records have been worked out ahead; None if it is unknown or takes time.

        Returns
        -------
        int or None
            As `fire`, which has to do it after None.
        """
        recorders = self.recorders(block)
        debt_s = self._debt_s + self.clock.wall_s(block.n_shots * block.period_s)
        if len(recorders) != 1 or debt_s >= _SHORTEST_WAIT_S:
            return None
        found = followers(self, self.wired(block))
        if not are_known(found, block.n_shots):
            return None
        acquisition, started_s = recorders[0].acquisition, self.clock.now_s()
        assert acquisition is not None
        wanted = min(block.n_shots, acquisition.n_records - acquisition.n_done)
        records = self.physics.drafted(self.rack, recorders[0], acquisition, wanted, started_s)
        if records is None:
            return None
        self._debt_s = debt_s
        self.begin(block.n_shots, block.period_s)
        return self.end_block(block, recorders, [(acquisition, records, wanted)], block.n_shots)

    async def fire(self, block: Block) -> int:
        """Run one block of shots, then a pulse on each line of `once`; return how many shots were fired."""
        recorders, found = self.recorders(block), followers(self, self.wired(block))
        groups = alike(found, block.n_shots, recorders)
        self.firing = True
        try:
            with self.clock.paused():
                started_s = self.begin(block.n_shots, block.period_s)
                taken: list[Taken] = []
                sums: list[Sums] = []
                for group in groups:
                    group.play(found)
                    taken = [await self.take(other, block.n_shots, started_s) for other in recorders]
                    sums += await group.integrate(self, found, started_s)
            fired = await self.pace(block.n_shots, block.period_s, started_s)
            return self.end_block(block, recorders, taken, fired, sums)
        finally:
            self.firing = False

    def begin(self, n_shots: int, period_s: float) -> float:
        """Note that a block begins, and return when."""
        self._n_changes, self._n_usual, self._is_fresh = 0, self._n_changes, True
        started_s = self.clock.now_s()
        self._block = (started_s, n_shots, period_s)
        return started_s

    def end_block(
        self, block: Block, recorders: list[Box], taken: list[Taken], fired: int, sums: Sequence[Sums] = ()
    ) -> int:
        """Hand the records out, send events, and return how many shots were fired."""
        n_shots = block.n_shots
        for acquisition, records, wanted in taken:
            if records is not None and (fired == n_shots or (fired >= wanted and not acquisition.averaged)):
                acquisition.take(records, wanted)
        moved = pass_shots(self, followers(self, self.wired(block)), sums, fired)
        if fired == n_shots:
            moved |= self._send_events(block.box, {block.line: n_shots} | dict.fromkeys(block.once, 1))
        if moved:
            # What is played next is known now; the answers to this block go out before it is worked out.
            asyncio.get_running_loop().call_soon(self._look_ahead, recorders)
        # Records go out before the trigger box's answer: whoever hears that the block is over may ask for them.
        self.settle()
        return fired

    def _send_events(self, box: Box, pulses: dict[int, int]) -> bool:
        """Move the boxes whose event input is on a line with pulses; say whether any is at a later element now."""
        forward = False
        for line, n_pulses in pulses.items():
            for name in self._led.get((box.name, line), ()):
                other = self.rack.boxes.get(name)
                if other is not None and "lost_event" not in self.faults_of(name):
                    forward = other.follow(n_pulses) or forward
        return forward

    async def take(self, box: Box, n_shots: int, now_s: float) -> Taken:
        """Compute the records of a block, None if it is aborted before; a long one leaves the sockets answered."""
        acquisition = box.acquisition
        assert acquisition is not None
        wanted = min(n_shots, acquisition.n_records - acquisition.n_done)
        if self._computing is not None:
            await asyncio.wait([self._computing])
            self._computing = None
        work = self.physics.recording(self.rack, box, acquisition, wanted, now_s)
        if not (work.is_long or self._is_long(acquisition, wanted)):
            return acquisition, work.run(), wanted
        self._computing = asyncio.ensure_future(asyncio.to_thread(work.run))
        aborted = asyncio.ensure_future(self.aborted.wait())
        await asyncio.wait((self._computing, aborted), return_when=asyncio.FIRST_COMPLETED)
        aborted.cancel()
        return acquisition, self._computing.result() if self._computing.done() else None, wanted

    def _is_long(self, acquisition: Acquisition, n_shots: int) -> bool:
        """Say whether a block reads so much that sockets would wait for it."""
        return acquisition.n_samples * (1 if acquisition.averaged else n_shots) >= _LONG_SAMPLES

    def n_fired(self) -> int:
        """Return how many shots of the present or last block have been fired by now."""
        started_s, n_shots, period_s = self._block
        return max(0, min(n_shots, int((self.clock.now_s() - started_s) / period_s)))

    async def pace(self, n_shots: int, period_s: float, started_s: float) -> int:
        """Wait until the block is over in lab time; short waits are put together into longer ones."""
        self._debt_s += self.clock.wall_s(n_shots * period_s)
        if self._debt_s < _SHORTEST_WAIT_S:
            return n_shots
        wait_s, began_s = self._debt_s, time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.aborted.wait(), wait_s)
        # A timer that is late has paid for what comes next.
        self._debt_s = max(-_SHORTEST_WAIT_S, wait_s - (time.monotonic() - began_s))
        if not self.aborted.is_set():
            return n_shots
        return min(n_shots, int((self.clock.now_s() - started_s) / period_s))
