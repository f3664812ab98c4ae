"""What is sent to a box: a command, and the binary block that ends it."""

from __future__ import annotations

from typing import NamedTuple

from qctl.instruments.links.link import block_header

__all__ = ["Message"]


class Message(NamedTuple):
    """One command.

    Attributes
    ----------
    text : str
        With all that stands before the block.
    block : bytes, optional
        Without its head.
    file : str
        Name that the block has where it is written to a folder.
    """

    text: str
    block: bytes | None = None
    file: str = ""

    def shown(self) -> str:
        """Return the command with its block's head and length."""
        if self.block is None:
            return self.text
        return f"{self.text}{block_header(len(self.block)).decode()}<{len(self.block)} bytes>"

    def sent(self) -> bytes:
        """Return the bytes that are sent, without the end of the message."""
        if self.block is None:
            return self.text.encode()
        return self.text.encode() + block_header(len(self.block)) + self.block
