"""A link for tests: a written conversation; a wrong word fails at once, a leftover one at the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from qctl.errors import DeviceTimeoutError
from qctl.instruments.links.life import LinkState
from qctl.instruments.links.link import Block, as_bytes_view, block_header

__all__ = ["TranscriptLink"]

Reply = str | list[bytes] | tuple[list[str], list[bytes], str] | None
Turn = tuple[str | tuple[str, bytes], Reply]


class TranscriptLink:
    """A link that plays one side of a written conversation.

    Parameters
    ----------
    turns : sequence of (sent, reply)
        In order. `sent` is the text of a message, or (text, bytes) for a command with a block. `reply` is None for a
        write, text for a query, a list of bytes for a query answered by blocks, (list of texts, list of bytes, text)
        for one answered by words, blocks and a line.

    Use as a context manager: leaving it fails if turns are left over.
    """

    def __init__(self, turns: Sequence[Turn], name: str = "scripted") -> None:
        self._turns = list(turns)
        self._n_done = 0
        self._name = name
        self.state = LinkState.UP
        self.generation = 1
        self.identity = ""

    @property
    def name(self) -> str:
        """Return the name given."""
        return self._name

    def __enter__(self) -> TranscriptLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            left = self._turns[self._n_done :]
            assert not left, f"{len(left)} turns of the transcript are left over, first {left[0]!r}"

    def _next(self, said: str | tuple[str, bytes]) -> Reply:
        assert self._n_done < len(self._turns), f"{said!r} was sent after the end of the transcript"
        sent, reply = self._turns[self._n_done]
        assert said == sent, f"turn {self._n_done + 1}: {said!r} was sent instead of {sent!r}"
        self._n_done += 1
        return reply

    def write(self, text: str) -> None:
        """Take a message that must be the next turn."""
        reply = self._next(text)
        assert reply is None, f"{text!r} was written, the transcript has the reply {reply!r}"

    def query(self, text: str, timeout_s: float | None = None) -> str:
        """Return the reply of the next turn."""
        reply = self._next(text)
        if reply is None:
            raise DeviceTimeoutError(f"{self._name}: no answer to {text!r}; 0 bytes so far", instrument=self._name)
        assert isinstance(reply, str), f"{text!r} was asked as text, the transcript has a block"
        return reply

    def query_any(self, text: str, timeout_s: float | None = None) -> str | bytes:
        """Return the reply of the next turn; a block comes with its head."""
        reply = self._next(text)
        if reply is None:
            raise DeviceTimeoutError(f"{self._name}: no answer to {text!r}; 0 bytes so far", instrument=self._name)
        assert not isinstance(reply, tuple), f"{text!r} was asked as one answer, the transcript has several"
        return reply if isinstance(reply, str) else b";".join(block_header(len(block)) + block for block in reply)

    def write_block(self, prefix: str, block: Block) -> None:
        """Take a command with a block that must be the next turn."""
        reply = self._next((prefix, bytes(as_bytes_view(block))))
        assert reply is None, f"{prefix!r} was written, the transcript has the reply {reply!r}"

    def burst(self) -> AbstractContextManager[None]:
        """Change nothing: how messages are sent is no part of a transcript."""
        return nullcontext()

    def query_blocks(self, text: str, n_blocks: int = 1, timeout_s: float | None = None) -> list[memoryview]:
        """Return the blocks of the next turn, of which there must be as many as asked for."""
        reply = self._next(text)
        assert isinstance(reply, list), f"{text!r} was asked as blocks, the transcript has {reply!r}"
        assert len(reply) == n_blocks, f"{text!r} was asked as {n_blocks} blocks, the transcript has {len(reply)}"
        return [as_bytes_view(block) for block in reply]

    def query_chain(self, text: str, n_blocks: int, timeout_s: float | None = None) -> list[memoryview]:
        """Return the blocks of the next turn, of which there must be as many as asked for."""
        return self.query_blocks(text, n_blocks, timeout_s)

    def query_mixed(
        self, text: str, n_words: int, n_blocks: int, timeout_s: float | None = None
    ) -> tuple[list[str], list[memoryview], str]:
        """Return the words, the blocks and the line of the next turn."""
        reply = self._next(text)
        assert isinstance(reply, tuple), f"{text!r} was asked as words, blocks and a line, there is {reply!r}"
        words, blocks, line = reply
        found = (len(words), len(blocks))
        assert found == (n_words, n_blocks), f"{text!r} was asked as {n_words} words and {n_blocks} blocks, not {found}"
        return words, [as_bytes_view(block) for block in blocks], line

    def close(self) -> None:
        """Mark the link closed."""
        self.state = LinkState.CLOSED
