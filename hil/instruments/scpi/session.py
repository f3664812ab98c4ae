"""One connection to an emulated SCPI instrument: runs program messages in order and sends their replies.

Nearly all commands run at once; one that has to wait for the plant parks the session, and what comes after waits.

Source: IEEE 488.2-1992, section 6 (message exchange); SCPI-99 volume 1, 6.2.4 (header paths).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from inspect import isawaitable
from typing import Any

from qctl.errors import QctlError, RefusedError
from qctl.hil.instruments.scpi.arguments import split
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.scpi.stream import Message

__all__ = ["Buffers", "Session"]

Buffers = list[bytes | memoryview]
"""A reply: pieces that are sent one after the other, so that large data is never copied."""


_READY = (str, list)
"""Types of results that never have to be awaited: to ask `isawaitable` takes longer than most commands."""


class Session:
    """Execute the messages of one connection.

    Parameters
    ----------
    box : Box
        The instrument.
    send : callable
        Takes a reply and the tag of the message that asked for it.
    """

    def __init__(self, box: Box, send: Callable[[Buffers, int], None]) -> None:
        self._box = box
        self._send = send
        rewords = getattr(type(box), "reworded", Box.reworded) is not Box.reworded  # stand-ins of records are no boxes
        self._reworded = box.reworded if rewords else None
        self._queue: deque[tuple[Message, int]] = deque()
        self._task: asyncio.Task[None] | None = None

    def receive(self, messages: Sequence[Message], tag: int = 0) -> None:
        """Take whole messages; they run in order."""
        for message in messages:
            self._queue.append((message, tag))
        if self._task is None:
            self._pump()

    def clear(self) -> None:
        """Forget all that has not run, as a device clear does."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _pump(self) -> None:
        while self._queue:
            message, tag = self._queue.popleft()
            steps = self._run(message, tag)
            try:
                waiting = next(steps)
            except StopIteration:
                continue
            self._task = asyncio.get_running_loop().create_task(self._wait(steps, waiting))
            return

    async def _wait(self, steps: Generator[Awaitable[Any], Any, None], waiting: Awaitable[Any]) -> None:
        task = asyncio.current_task()
        with contextlib.suppress(StopIteration):
            while True:
                try:
                    result = await waiting
                except QctlError as error:
                    waiting = steps.throw(error)
                else:
                    waiting = steps.send(result)
        if self._task is task:
            self._task = None
            self._pump()

    def _run(self, message: Message, tag: int) -> Generator[Awaitable[Any], Any, None]:
        box = self._box
        if message.error:
            box.status.push(message.error)
        before = ""
        blocks = list(message.blocks)
        replies: list[Any] = []
        reworded, find = self._reworded, box.table.find
        for typed in _units(message.text):
            try:
                unit = typed if reworded is None else reworded(typed)
                header, _, rest = unit.partition(" ")
                full = header.upper()
                if full[0] != "*":
                    before = full = full[1:] if full[0] == ":" else before[: before.rfind(":") + 1] + full
                if blocks and box.faults.get("full_buffer"):
                    raise refusal(-225)
                (call, n_min, n_max), suffixes = find(full)
                args = split(rest, blocks) if rest and (rest := rest.strip()) else []
                if not n_min <= len(args) <= n_max:
                    raise refusal(-109 if len(args) < n_min else -108, unit[:60])
                query = full[-1] == "?"
                if query and box.dirty:
                    yield box.flush()
                result = call(suffixes, args)
                if result is None:
                    continue
                if type(result) not in _READY and isawaitable(result):
                    result = yield result
                if (query or box.answers_settings) and result is not None:
                    replies.append(result)
            except RefusedError as error:
                said = box.refused(error.details["number"], error.message)
                if said is not None:
                    replies.append(said)
            except QctlError as error:
                box.status.push(-300, f"Device-specific error;{error.message}"[:255])
        if box.dirty and not self._queue:
            try:
                yield box.flush()
            except QctlError as error:
                box.status.push(error.details.get("number", -300), error.message[:255])
        if replies:
            self._send(_joined(replies, box.reply_end), tag)


def _units(text: str) -> list[str]:
    if "\t" in text:
        text = text.replace("\t", " ")
    if ";" not in text:
        return [text] if text else []
    pieces = text.split(";")
    if "'" in text or ('"' in text and any(piece.count('"') % 2 for piece in pieces)):
        pieces, start, quote = [], 0, ""
        for place, char in enumerate(text):
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == ";":
                pieces.append(text[start:place])
                start = place + 1
        pieces.append(text[start:])
    return [word for piece in pieces if (word := piece.strip())]


def _joined(replies: list[Any], end: str) -> Buffers:
    if all(isinstance(reply, str) for reply in replies):
        return [(";".join(replies) + end).encode("latin-1", "replace")]
    pieces: Buffers = []
    for place, reply in enumerate(replies):
        if place:
            pieces.append(b";")
        if isinstance(reply, list):
            pieces.extend(reply)
        else:
            pieces.append(reply.encode("latin-1", "replace") if isinstance(reply, str) else reply)
    pieces.append(end.encode("ascii"))
    return pieces
