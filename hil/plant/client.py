"""How an emulated instrument talks to the plant: what it plays, what it records, what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, QctlError, WireError, error_from_wire
from qctl.hil.plant.messages import Decoder, Levels, Points, Runs, array_from_wire, array_to_wire, encode
from qctl.hil.plant.shot import Integration, Kind, Output
from qctl.hil.plant.timed_client import SelfTimedPlays, Steer

__all__ = ["Ended", "Integration", "Kind", "Output", "Parts", "PlantClient", "Taken"]

Parts = Mapping[str, tuple[str, int, int]]
"""Kind, outputs and inputs of boxes by name."""

Taken = Callable[[NDArray[np.float32] | QctlError], None]
"""What takes the volts of an acquisition, or the error why there are none."""


Ended = Callable[[int | QctlError], None]
"""What takes the number of shots that a block had, or the error why there were none."""


class PlantClient(SelfTimedPlays, asyncio.Protocol):
    """One attached instrument; every method may be awaited from several tasks at once.

    Parameters
    ----------
    path : str
        Unix socket of the plant.
    name : str
        The instrument's name in lab.toml and in the cables ("awg0").

    Attributes
    ----------
    faults : dict of str to Any
        What the plant says is wrong with this box now: ``silence``, ``unlocked``, and on the wire
        ``delay``, ``drop``, ``cut``, ``corrupt``, ``wrong_reply``, ``late_reply``, ``power_cycle``.
    anew : set of str
        Faults among them that were set again and happen anew; whoever acts on them clears it.
    fault_changed : asyncio.Event
        Set each time `faults` changes; whoever waits clears it.
    closed : asyncio.Event
        Set when the plant is gone; an emulator then ends.
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.faults: dict[str, Any] = {}
        self.anew: set[str] = set()
        self.fault_changed = asyncio.Event()
        self.closed = asyncio.Event()
        self._folder = "/dev/shm"
        self._next = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._transport: asyncio.Transport | None = None
        self._decoder = Decoder()
        self._sent: set[str] = set()
        self._unanswered = False
        self._armed: tuple[int, Taken] | None = None
        self._blocks: dict[int, Ended] = {}
        self._refusal: QctlError | None = None
        self._lab = (0.0, 0.0, 1.0)
        self._steers: dict[str, Steer] = {}
        self._turns: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Open the socket."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, self.path)

    async def close(self) -> None:
        """Leave; the plant takes every output of this box as switched off."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them."""
        try:
            messages = self._decoder.feed(data)
        except WireError as error:
            self.connection_lost(error)
            return
        for message in messages:
            self._handle(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait that the plant is gone."""
        self.closed.set()
        self._end_acquisition(DeviceError(f"{self.name} lost the plant"))
        blocks, self._blocks = self._blocks, {}
        for ended in blocks.values():
            ended(DeviceError(f"{self.name} lost the plant"))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DeviceError(f"{self.name} lost the plant"))

    async def hello(self, kind: str, n_outputs: int, n_inputs: int, parts: Parts | None = None) -> None:
        """Attach as a box of a kind: ``awg``, ``digitizer``, ``source``, ``dc``, ``trigger`` or ``cluster``.

        `parts` are boxes of their own that this one speaks for: by name their kind, outputs and inputs.
        """
        content = {"name": self.name, "kind": kind, "n_outputs": n_outputs, "n_inputs": n_inputs}
        reply = await self._ask("hello", **content, **({"parts": parts} if parts else {}))
        self._folder = reply["folder"]
        self._take_faults(reply["faults"])

    async def now_s(self) -> float:
        """Return lab time in seconds since the Unix epoch."""
        return float((await self._ask("now"))["now_s"])

    async def waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Hand over many waveforms at once: by hash the length and the stretches that are not silent; each once.

        When this returns, the plant has these and all that it was told before.
        """
        fresh = {digest: entry for digest, entry in waveforms.items() if digest not in self._sent}
        if fresh or self._unanswered:
            await self._ask("waveforms", **self._packed(fresh))
            self._sent.update(fresh)
            self._unanswered = False

    def tell_waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Do the same without waiting for an answer; a refusal comes out at the next call."""
        fresh = {digest: entry for digest, entry in waveforms.items() if digest not in self._sent}
        if fresh:
            self._tell("waveforms", **self._packed(fresh))
            self._sent.update(fresh)
            self._unanswered = True

    def _packed(self, fresh: Mapping[str, tuple[int, Runs]]) -> dict[str, Any]:
        heads = [
            [digest, n_samples, [(start, part.size) for start, part in runs]]
            for digest, (n_samples, runs) in fresh.items()
        ]
        parts = [part for _, runs in fresh.values() for _, part in runs]
        joined = np.concatenate(parts) if parts else np.empty(0, np.float32)
        return {"waveforms": heads, "samples": array_to_wire(joined, self._folder)}

    def tell_outputs(self, element: dict[int, Output], rate_hz: float, armed: bool) -> None:
        """Say what each output plays at every trigger fired later; `armed` False stops all outputs of the box.

        Nothing waits for an answer; a refusal comes out at the next call.
        """
        wire = {str(n): [o.digest, o.amplitude_vpp, o.offset_v, o.on] for n, o in element.items()}
        self._tell("outputs", element=wire, rate_hz=rate_hz, armed=armed)

    async def sequence(self, points: Points, levels: Levels, rate_hz: float, position: int | None) -> None:
        """Say once what a whole sequence plays; the box is then armed.

        Parameters
        ----------
        points : mapping of int to (steps, target)
            For each sequence element that waits for the trigger: what one trigger plays, as steps of ({output: hash},
            times), and the element that an event leads to, 0 for none.
        levels : mapping of int to (amplitude_vpp, offset_v, on)
            Of every output.
        rate_hz : float
            Of the samples.
        position : int or None
            The element at which it waits; None leaves it where the plant has it.
        """
        wire = [[number, steps, target] for number, (steps, target) in points.items()]
        await self._ask("sequence", points=wire, levels=levels, rate_hz=rate_hz, position=position)

    def tell_position(self, position: int) -> None:
        """Say at which element the box waits from now on; a refusal comes out at the next call."""
        self._tell("position", position=position)

    def tell_event(self) -> None:
        """Say that the box made an event by itself; a refusal comes out at the next call."""
        self._tell("event")

    async def position(self) -> int:
        """Return the element at which the box waits."""
        return int((await self._ask("position"))["position"])

    async def level(self, output: int, volts: float, slew_v_per_s: float = 0.0, part: str = "") -> None:
        """Drive a DC output, or one of a part, to a voltage, at a slew in volts per second of lab time (0: at once)."""
        await self._ask("level", output=output, volts=volts, slew_v_per_s=slew_v_per_s, part=part)

    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> None:
        """Set the continuous wave of a source."""
        await self._ask("tone", frequency_hz=frequency_hz, power_dbm=power_dbm, on=on)

    def arm(
        self,
        inputs: list[int],
        rate_hz: float,
        delay_s: float,
        n_samples: int,
        n_records: int,
        averaged: bool,
        taken: Taken,
    ) -> None:
        """Arm one acquisition: a record per trigger fired later, `n_records` of them kept or averaged into one.

        `taken` is called once, at the very moment at which the plant's answer is read: with (n_records or 1, n_inputs,
        n_samples) float32 in volts, or with the error why there are none. It is not called for an acquisition that
        another one or `disarm` has taken the place of.
        """
        transport = self._open_transport()
        self._next += 1
        self._armed = (self._next, taken)
        content = {"inputs": inputs, "rate_hz": rate_hz, "delay_s": delay_s, "n_samples": n_samples}
        content |= {"n_records": n_records, "averaged": averaged}
        transport.write(encode({"id": self._next, "verb": "arm", **content}))

    async def disarm(self) -> None:
        """Abandon the armed acquisition."""
        self._armed = None
        await self._ask("disarm")

    async def fire(self, line: int, n_shots: int, period_s: float, once: Sequence[int] = ()) -> int:
        """Fire a block of triggers; return the shots fired when the block is done in lab time.

        Each line of `once` has a pulse after the last shot of a block that was not ended before.

        Raises
        ------
        DeviceError
            If nothing on the line is armed, or a block is already under way.
        """
        over: asyncio.Future[int | QctlError] = asyncio.get_running_loop().create_future()

        def ended(found: int | QctlError) -> None:
            if not over.done():
                over.set_result(found)

        self.begin_block(line, n_shots, period_s, once, ended)
        found = await over
        if isinstance(found, QctlError):
            raise found
        return found

    def begin_block(self, line: int, n_shots: int, period_s: float, once: Sequence[int], ended: Ended) -> None:
        """Do what `fire` does without waiting: `ended` is called at the very moment at which the answer is read."""
        transport = self._open_transport()
        self._next += 1
        self._blocks[self._next] = ended
        content = {"line": line, "n_shots": n_shots, "period_s": period_s, "once": once}
        transport.write(encode({"id": self._next, "verb": "fire", **content}))

    async def fired(self) -> int:
        """Return how many shots of the block that is under way have been fired by now."""
        return int((await self._ask("fired"))["n_shots"])

    async def abort(self) -> None:
        """End the block of triggers that is under way; its `fire` returns."""
        await self._ask("abort")

    async def reference(self, locked: bool) -> None:
        """Say whether the box is locked to its reference clock."""
        await self._ask("reference", locked=locked)

    def spent(self, name: str, on: str = "") -> None:
        """Say that a fault of this box, or of one of its parts, is used up."""
        self._tell("spent", name=name, on=on)

    def tell_count(self, **amounts: int) -> None:
        """Add to this box's counters (``waveform_bytes=…, waveforms=1``), which judges read."""
        self._tell("count", amounts=amounts)

    async def ask(self, verb: str, **content: Any) -> dict[str, Any]:
        """Ask anything the plant's table of verbs has; control programs use this."""
        return await self._ask(verb, **content)

    def _tell(self, verb: str, **content: Any) -> None:
        """Send what is answered only when it is refused."""
        self._open_transport().write(encode({"id": 0, "verb": verb, **content}))

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None or self.closed.is_set():
            raise DeviceError(f"{self.name} is not attached to the plant")
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise refusal
        return self._transport

    async def _ask(self, verb: str, **content: Any) -> dict[str, Any]:
        transport = self._open_transport()
        self._next += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._next] = future
        transport.write(encode({"id": self._next, "verb": verb, **content}))
        return await future

    def _handle(self, message: dict[str, Any]) -> None:
        if "faults" in message and "id" not in message:
            self.anew |= set(message["anew"])
            self._take_faults(message["faults"])
            return
        if "steer" in message:
            work = self._take_turn(message["steer"], message["kind"], message["n_shots"])
            turn = asyncio.get_running_loop().create_task(work)
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
            return
        if message["id"] == 0:
            self._refusal = error_from_wire(*message["error"])
            return
        if self._armed is not None and message["id"] == self._armed[0]:
            refused = error_from_wire(*message["error"]) if "error" in message else None
            self._end_acquisition(refused or array_from_wire(message["volts"], self._folder))
            return
        ended = self._blocks.pop(message["id"], None)
        if ended is not None:
            ended(error_from_wire(*message["error"]) if "error" in message else int(message["n_shots"]))
            return
        future = self._waiting.pop(message["id"], None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(error_from_wire(*message["error"]))
        else:
            future.set_result(message)

    def _end_acquisition(self, found: NDArray[np.float32] | QctlError) -> None:
        armed, self._armed = self._armed, None
        if armed is not None:
            armed[1](found)

    def _take_faults(self, faults: dict[str, Any]) -> None:
        self.faults = faults
        self.fault_changed.set()
