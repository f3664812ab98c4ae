"""Emulated modules of an SPI rack: chips of two DACs with their registers, and the outputs behind them.

Source: Linear Technology's demonstration of the LTC2758 (DC2390: commands, addresses, spans); the LTC2704 data sheet,
"Readback" and "Serial interface", whose double buffers it shares: a write goes to the first buffers of code and span,
an update copies both to the second ones, which the output shows; after power-on both are 0. `spirack` 0.2.21 has which
DAC an output is. The fridge's bias lines have 1 kohm: a milliampere does there what a volt does.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["KINDS", "LINE_OHM", "Module", "Pair"]

LINE_OHM = 1e3
_ENDS = {0: (0, 1), 1: (0, 2), 2: (-1, 1), 3: (-2, 2), 4: (-0.5, 0.5), 5: (-0.5, 1.5)}
_TOP = 2**18


class Pair:
    """One LTC2758.

    Parameters
    ----------
    changed : callable of (0 or 1)
        Told which DAC shows something else.
    """

    def __init__(self, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """Do what power-on does: code 0 of span 0."""
        self.first = [[0, 0], [0, 0]]
        self.second = [[0, 0], [0, 0]]
        """Code and span of each DAC: as written, and as shown."""

    def shift(self, word: bytes) -> bytes:
        """Take 32 bits, and return what comes out meanwhile; fewer are no command."""
        if len(word) != 4:
            return bytes(len(word))
        number = int.from_bytes(word, "big")
        command, address, code, span = number >> 28, number >> 24 & 0xF, number >> 6 & 0x3FFFF, number >> 8 & 0xF
        which = {0: [0], 2: [1], 14: [0, 1]}.get(address, [])
        if command in (10, 11, 12, 13):
            return self._told(command, which)
        for dac in which:
            if command in (2, 6, 8):
                self.first[dac][1] = span
            elif command in (3, 7, 9):
                self.first[dac][0] = code
        shows = which if command in (4, 6, 7) else [0, 1] if command in (5, 8, 9) else []
        for dac in shows:
            if self.second[dac] != self.first[dac]:
                self.second[dac] = list(self.first[dac])
                self._changed(dac)
        return bytes(4)

    def _told(self, command: int, which: list[int]) -> bytes:
        registers = self.first if command in (10, 11) else self.second
        if not which:
            return bytes(4)
        code, span = registers[which[0]]
        return (span << 8 if command in (10, 12) else code << 6).to_bytes(4, "big")

    def share(self, dac: int) -> float:
        """Return what a DAC shows, in parts of its reference."""
        code, span = self.second[dac]
        low, high = _ENDS.get(span, (0, 0))
        return low + (high - low) * code / _TOP


class Module:
    """Pairs of DACs, and where each output is among them.

    Parameters
    ----------
    name : str
        In the lab.
    places : tuple of int
        DAC of each output, counted through the chips.
    full : float
        Voltage, or current, that the reference stands for.
    volts : float
        Volts on the fridge's line for each unit of that.
    changed : callable of (module, output)
        Told which output shows something else; outputs are counted from 1.
    """

    def __init__(
        self, name: str, places: tuple[int, ...], full: float, volts: float, changed: Callable[[Module, int], None]
    ) -> None:
        self.name, self.full = name, full
        self._places, self._volts, self._tell = places, volts, changed
        self.chips = [Pair(lambda dac, chip=chip: self._changed(chip, dac)) for chip in range(8)]  # type: ignore[misc]

    @property
    def n_outputs(self) -> int:
        """Return how many outputs there are."""
        return len(self._places)

    def value(self, output: int) -> float:
        """Return the voltage or current of an output."""
        place = self._places[output - 1]
        return self.full * self.chips[place // 2].share(place % 2)

    def line_v(self, output: int) -> float:
        """Return the voltage on the fridge's line."""
        return self._volts * self.value(output)

    def _changed(self, chip: int, dac: int) -> None:
        if 2 * chip + dac in self._places:
            self._tell(self, self._places.index(2 * chip + dac) + 1)


KINDS: dict[str, tuple[tuple[int, ...], float, float]] = {
    "qblox-d5a": (tuple(range(16)), 4.0, 1.0),
    "qblox-s4g": ((7, 6, 3, 2), 0.05, LINE_OHM),
}
"""Of each model: where its outputs are, full scale, and volts on the line for each unit."""
