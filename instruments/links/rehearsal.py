"""A link without an instrument: takes what a driver would send, answers as a box that does all it is told."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext

from qctl.instruments.links.life import LinkState
from qctl.instruments.links.link import Block, as_bytes_view, block_header

__all__ = ["RehearsalLink"]

_SETTING = re.compile(r"^:?(\S+?)\s+(.*)$")
_FIXED = {"*OPC?": "1", "*IDN?": "rehearsal,rehearsal,0,0", "AWGC:RST?": "1", "AWGCONTROL:RSTATE?": "1"}


class RehearsalLink:
    """Write down messages; a query for a value that was set answers that value.

    Parameters
    ----------
    name : str
        Of the instrument in lab.toml.

    Attributes
    ----------
    sent : list of str
        Commands in order; a block is shown by its header and length, queries are left out.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[str, str] = {}
        self.state = LinkState.UP
        self.generation = 1
        self.identity = ""
        self.sent: list[str] = []

    @property
    def name(self) -> str:
        """Return the instrument's name."""
        return self._name

    def write(self, text: str) -> None:
        """Take a message."""
        self.sent.append(text)
        for command in text.split(";"):
            match = _SETTING.match(command)
            if match:
                self._values[match[1].upper()] = match[2]

    def query(self, text: str, timeout_s: float | None = None) -> str:
        """Return what an obedient instrument would answer."""
        answers = []
        for part in text.split(";"):
            word = part.strip().lstrip(":").upper()
            if "?" not in word:
                self.write(part.strip().lstrip(":"))
            elif word in _FIXED:
                answers.append(_FIXED[word])
            elif "ERR?" in word:
                answers.append('0,"No error"')
            else:
                answers.append(self._values.get(word.partition("?")[0], "0"))
        return ";".join(answers)

    def query_any(self, text: str, timeout_s: float | None = None) -> str | bytes:
        """Return what an obedient instrument would answer."""
        return self.query(text, timeout_s)

    def write_block(self, prefix: str, block: Block) -> None:
        """Take a command with a block, and show its length."""
        view = as_bytes_view(block)
        header = block_header(len(view))
        shown = header.decode("ascii") if isinstance(header, (bytes, bytearray)) else str(header)
        self.sent.append(f"{prefix}{shown}<{len(view)} bytes>")

    def burst(self) -> AbstractContextManager[None]:
        """Change nothing: each message is kept as it is written."""
        return nullcontext()

    def query_blocks(self, text: str, n_blocks: int = 1, timeout_s: float | None = None) -> list[memoryview]:
        """Return empty blocks."""
        return [memoryview(b"")] * n_blocks

    def query_chain(self, text: str, n_blocks: int, timeout_s: float | None = None) -> list[memoryview]:
        """Return empty blocks."""
        return self.query_blocks(text, n_blocks, timeout_s)

    def query_mixed(
        self, text: str, n_words: int, n_blocks: int, timeout_s: float | None = None
    ) -> tuple[list[str], list[memoryview], str]:
        """Return what an obedient instrument would answer to the first queries and to the last, and empty blocks."""
        answers = self.query(text).split(";")
        return answers[:n_words], self.query_blocks(text, n_blocks), answers[-1]

    def close(self) -> None:
        """Mark the link closed."""
        self.state = LinkState.CLOSED
