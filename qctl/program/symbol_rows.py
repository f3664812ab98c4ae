"""Rows of qubits and bits in bulk: most programs have the same names for them, and many of them."""

from __future__ import annotations

from functools import lru_cache

from qctl.program.cells import MOST_NAME_BYTES, Reader, Writer
from qctl.program.tables import Symbol, SymbolKind

__all__ = ["PLAIN_SYMBOLS", "bit_symbol", "plain_rows", "plain_symbols", "qubit_symbol", "write_symbol"]

_FEW = 1024
"""Symbols up to which their bytes are kept."""
_HEADS = tuple(tuple(bytes([kind, n, 0, 0, 0]) for n in range(MOST_NAME_BYTES + 1)) for kind in SymbolKind)
"""What stands before the name of a symbol, by kind and length."""


@lru_cache(maxsize=4096)
def qubit_symbol(name: str) -> Symbol:
    """Return a qubit; programs share them."""
    return Symbol(SymbolKind.QUBIT, name)


@lru_cache(maxsize=4096)
def bit_symbol(name: str) -> Symbol:
    """Return a bit; programs share them."""
    return Symbol(SymbolKind.BIT, name)


PLAIN_SYMBOLS = (qubit_symbol, bit_symbol)
"""By kind."""


def write_symbol(writer: Writer, symbol: Symbol) -> None:
    """Append a symbol's kind and name."""
    name = symbol.name
    if name.isascii() and 0 < len(name) <= MOST_NAME_BYTES:
        writer.parts += (_HEADS[symbol.kind][len(name)], name.encode())
    else:
        writer.cell("u8", symbol.kind)
        writer.name(name)


@lru_cache(maxsize=64)
def _plain_rows(qubits: tuple[str, ...], bits: tuple[str, ...]) -> bytes:
    writer = Writer()
    for symbol in (*map(qubit_symbol, qubits), *map(bit_symbol, bits)):
        write_symbol(writer, symbol)
    return writer.done()


def plain_rows(qubits: tuple[str, ...], bits: tuple[str, ...]) -> bytes:
    """Return the rows of qubits and bits; of few they are kept for the next program with the same names."""
    rows = _plain_rows if len(qubits) + len(bits) <= _FEW else _plain_rows.__wrapped__
    return rows(qubits, bits)


def plain_symbols(reader: Reader, n_rows: int) -> list[Symbol]:
    """Read qubits and bits with ASCII names as far as they go, at most `n_rows`."""
    raw = bytes(reader.raw)
    read = _plain_symbols if len(raw) <= 8 * _FEW else _plain_symbols.__wrapped__
    found, reader.at = read(raw, reader.at, n_rows)
    return list(found)


@lru_cache(maxsize=64)
def _plain_symbols(raw: bytes, at: int, n_rows: int) -> tuple[list[Symbol], int]:
    found: list[Symbol] = []
    for _ in range(n_rows):
        name_at = at + 5
        if name_at > len(raw) or raw[at] > 1 or raw[at + 2 : name_at] != b"\0\0\0":
            break
        end = name_at + raw[at + 1]
        name = raw[name_at:end]
        if end == name_at or end > len(raw) or not name.isascii():
            break
        found.append(PLAIN_SYMBOLS[raw[at]](name.decode()))
        at = end
    return found, at
