"""Drive qctl's trigger controller: lines, period and count, fire, and wait for the end of the block.

Source: docs/firmware-protocol.md, protocol version 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qctl.device import Parameter
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RefusedError, RequestError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.messages import (
    EACH_SHOT,
    OFF,
    ONCE_A_BLOCK,
    Block,
    Capabilities,
    Kind,
    Line,
    LineNumber,
    Status,
)
from qctl.firmware_io.serial_port import SerialPort, device_path
from qctl.instruments.controlled import REASONS, STATUS_PARAMETERS, ControlledDevice
from qctl.instruments.qctl_trigger.body import TriggerBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.units import Limits, rational_hz, to_ticks

__all__ = ["QctlTrigger", "open_driver"]

_PARAMETERS = (
    *STATUS_PARAMETERS,
    Parameter("n_shots", "Shots of a block", "", int),
    Parameter("period_s", "Time from shot to shot", "s", float),
)


@dataclass(slots=True)
class QctlTrigger(ControlledDevice):
    """A controller that fires trigger lines, shot after shot."""

    _known: dict[int, Line] = field(default_factory=dict)

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        if name in ("n_shots", "period_s"):
            block: Block = self.controller.call(Kind.GET_BLOCK)
            return block.n_shots if name == "n_shots" else block.period_ticks / self._can().tick_hz
        return self._told(name)

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        can: Capabilities = self._can()
        block: Block = self.controller.call(Kind.GET_BLOCK)
        place = f"{self.controller.name}: {name}"
        if name == "n_shots":
            number = Limits(1, can.max_shots).check(value, place)
            if not number.is_integer():
                raise LimitError(f"{place} = {number:g} is not a whole number", instrument=self.controller.name)
            wanted = Block(block.period_ticks, int(number))
        elif name == "period_s":
            number = Limits(can.min_period_ticks / can.tick_hz, can.max_period_ticks / can.tick_hz).check(value, place)
            wanted = Block(to_ticks(number, rational_hz(can.tick_hz)).ticks, block.n_shots)
        else:
            raise RequestError(f"{self.controller.name}: {name!r} can't be set", instrument=self.controller.name)
        self._body = None
        self._echoed(Kind.SET_BLOCK, wanted)

    def prepare(self) -> None:
        """Open the session and set the reference that lab.toml names."""
        self.controller.open()
        self._set_reference()

    def load(self, program: DeviceProgram) -> int:
        """Set up lines, delays, period and count; return 0, for no waveform bytes are sent.

        Raises
        ------
        LimitError
            If a time or count is outside what the device says it can; nothing has been sent.
        """
        try:
            body = TriggerBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.controller.name}: the body is not a trigger program: {error}") from error
        can: Capabilities = self._can()
        self._check(body, can)
        self._body = None
        if self.controller.generation != self._generation:
            self._known.clear()
            self._generation = self.controller.generation
        for number in range(1, can.n_lines + 1):
            if number not in self._known:
                self._known[number] = self.controller.call(Kind.GET_LINE, LineNumber(number))
            wanted = body.lines.get(number)
            if wanted is None:
                line = self._known[number]
                self._put_line(Line(number, OFF, line.delay_ticks, line.width_ticks))
            else:
                mode = ONCE_A_BLOCK if wanted.once else EACH_SHOT
                self._put_line(Line(number, mode, wanted.delay_ticks, wanted.width_ticks))
        self._echoed(Kind.SET_BLOCK, Block(body.period_ticks, body.n_shots))
        self._body = body
        return 0

    def _check(self, body: TriggerBody, can: Capabilities) -> None:
        name = self.controller.name
        if body.tick_hz != can.tick_hz:
            raise LimitError(f"{name}: the program counts ticks of {body.tick_hz:g} Hz, the device of {can.tick_hz:g}")
        Limits(1, can.max_shots).check(body.n_shots, f"{name}: n_shots")
        Limits(can.min_period_ticks, can.max_period_ticks).check(body.period_ticks, f"{name}: period_ticks")
        for number, line in body.lines.items():
            Limits(1, can.n_lines).check(number, f"{name}: line")
            Limits(0, can.max_delay_ticks).check(line.delay_ticks, f"{name}: line {number} delay_ticks")
            Limits(can.min_width_ticks, can.max_width_ticks).check(
                line.width_ticks, f"{name}: line {number} width_ticks"
            )
            if not line.once and line.delay_ticks + line.width_ticks >= body.period_ticks:
                raise LimitError(
                    f"{name}: line {number} ends after {line.delay_ticks + line.width_ticks} ticks, "
                    f"the period is {body.period_ticks}"
                )

    def _put_line(self, line: Line) -> None:
        if self._known.get(line.line) != line:
            self._known.pop(line.line, None)
            self._known[line.line] = self._echoed(Kind.SET_LINE, line)

    def fire(self) -> None:
        """Start the loaded block of triggers; one round trip."""
        self._fire_block()

    def wait(self, timeout_s: float) -> None:
        """Return when the block has been fired completely.

        Raises
        ------
        DeviceTimeoutError
            If it is still firing then.
        DeviceError
            If it ended before all its shots were fired.
        """
        name = self.controller.name
        done = self.controller.next_done(self._block_number, timeout_s)
        if done is None:
            status: Status = self.controller.call(Kind.STATUS)
            if status.block_number != self._block_number or status.state != 0:
                raise DeviceTimeoutError(
                    f"{name}: block {self._block_number} is not done after {timeout_s:g} s: "
                    f"{status.n_fired} of {status.n_shots} shots fired",
                    instrument=name,
                )
            n_fired, reason = status.n_fired, 0 if status.n_fired == status.n_shots else 1
        else:
            n_fired, reason = done.n_fired, done.reason
        if reason != 0 or (self._body is not None and n_fired != self._body.n_shots):
            raise DeviceError(
                f"{name}: block {self._block_number} ended after {n_fired} shots: {REASONS.get(reason, reason)}",
                instrument=name,
                n_fired=n_fired,
            )

    def safe(self) -> None:
        """Stop, and hold every line low."""
        self._known.clear()
        self._generation = -1
        self._body = None
        self.controller.call(Kind.SAFE)
        for number in range(1, self._can().n_lines + 1):
            line: Line = self.controller.call(Kind.GET_LINE, LineNumber(number))
            if line.mode != OFF:
                raise RefusedError(
                    f"{self.controller.name}: line {number} is still enabled", instrument=self.controller.name
                )


def open_driver(instrument: Instrument, lab: Lab) -> QctlTrigger:
    """Open the port and the session, check the identity, set the reference."""
    path = device_path(instrument.address)
    device = QctlTrigger(Controller(instrument.name, lambda: SerialPort(path), "qctl,trigger"), instrument)
    device.prepare()
    return device
