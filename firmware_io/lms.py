"""Signatures of Leighton and Micali (RFC 8554, NIST SP 800-208), which rest on SHA-256 alone: keys, signing, checking.

A private key signs as many messages as its tree has leaves, each leaf once: whoever signs keeps the number of the next
one before a signature leaves the house. Parameters are LMS_SHA256_M32_H5 or H10 and LMOTS_SHA256_N32_W4 or W8.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from qctl.errors import LimitError

__all__ = ["LmsKey"]

_BLOCKS, _MESSAGE, _LEAF, _INNER = b"\x80\x80", b"\x81\x81", b"\x82\x82", b"\x83\x83"
_ONE_TIME = {4: (3, 67, 4), 8: (4, 34, 0)}
"""Type, chains and shift of the checksum for each width w (RFC 8554, table 1)."""


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _digits(text: bytes, width: int) -> list[int]:
    return [byte >> shift & (1 << width) - 1 for byte in text for shift in range(8 - width, -1, -width)]


@dataclass(frozen=True)
class LmsKey:
    """A private key.

    Attributes
    ----------
    seed : bytes
        32 secret bytes, from which all one-time keys are made (RFC 8554, appendix A).
    identity : bytes
        16 bytes that tell keys apart, I in the RFC.
    height : int
        5 or 10: it signs 2^height messages.
    width : int
        4 or 8: longer signatures or longer work.
    """

    seed: bytes
    identity: bytes
    height: int = 5
    width: int = 4

    @property
    def n_signatures(self) -> int:
        """How many messages it can sign."""
        return 1 << self.height

    @cached_property
    def public(self) -> bytes:
        """The public key: types, identity and the tree's root, 56 bytes."""
        return self._types() + self.identity + self._nodes[1]

    def sign(self, message: bytes, leaf: int) -> bytes:
        """Return the signature of a message with a leaf that has signed nothing before.

        Raises
        ------
        LimitError
            If there is no such leaf.
        """
        if not 0 <= leaf < self.n_signatures:
            raise LimitError(f"leaf {leaf} of a key with {self.n_signatures}")
        kind, n_chains, _ = _ONE_TIME[self.width]
        salt = _hash(self.identity, _u32(leaf), b"\xff\xfd\xff", self.seed)
        values = b"".join(
            self._chain(leaf, chain, self._secret(leaf, chain), 0, digit)
            for chain, digit in enumerate(self._message_digits(message, leaf, salt)[:n_chains])
        )
        path = b""
        node = leaf + self.n_signatures
        while node > 1:
            path += self._nodes[node ^ 1]
            node >>= 1
        return _u32(leaf) + _u32(kind) + salt + values + self._types()[:4] + path

    def _types(self) -> bytes:
        return _u32(4 + self.height // 5) + _u32(_ONE_TIME[self.width][0])

    def _secret(self, leaf: int, chain: int) -> bytes:
        return _hash(self.identity, _u32(leaf), chain.to_bytes(2, "big"), b"\xff", self.seed)

    def _chain(self, leaf: int, chain: int, value: bytes, first: int, last: int) -> bytes:
        for step in range(first, last):
            value = _hash(self.identity, _u32(leaf), chain.to_bytes(2, "big"), bytes([step]), value)
        return value

    def _message_digits(self, message: bytes, leaf: int, salt: bytes) -> list[int]:
        digest = _hash(self.identity, _u32(leaf), _MESSAGE, salt, message)
        most = (1 << self.width) - 1
        total = sum(most - digit for digit in _digits(digest, self.width)) << _ONE_TIME[self.width][2]
        return _digits(digest + total.to_bytes(2, "big"), self.width)

    @cached_property
    def _nodes(self) -> dict[int, bytes]:
        n_chains, most = _ONE_TIME[self.width][1], (1 << self.width) - 1
        nodes = {}
        for leaf in range(self.n_signatures):
            ends = (self._chain(leaf, chain, self._secret(leaf, chain), 0, most) for chain in range(n_chains))
            one_time = _hash(self.identity, _u32(leaf), _BLOCKS, *ends)
            node = leaf + self.n_signatures
            nodes[node] = _hash(self.identity, _u32(node), _LEAF, one_time)
        for node in range(self.n_signatures - 1, 0, -1):
            nodes[node] = _hash(self.identity, _u32(node), _INNER, nodes[2 * node], nodes[2 * node + 1])
        return nodes
