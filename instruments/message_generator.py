"""Drive any generator that is set by messages and blocks: send what it lacks, select a point, start, stop.

Source: each family names where its words are from; SYSTem:ERRor? and the common commands are SCPI-1999 and IEEE 488.2.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.instruments.capability import Capability, limit
from qctl.instruments.confirm import confirm
from qctl.instruments.filling import Family, Filling, Numbers
from qctl.instruments.links.visa import open_visa_link
from qctl.instruments.loaded import loaded
from qctl.instruments.messages import Message
from qctl.instruments.set_by_commands import GeneratorByCommands
from qctl.instruments.step_checks import check_steps
from qctl.instruments.steps import Channel, StepsBody
from qctl.lab import Instrument
from qctl.program.device_program import DeviceProgram

__all__ = ["MessageGenerator", "open_generator"]

_CONFIRM_BYTES = 16_000_000
_START_TIMEOUT_S = 30.0


@dataclass(slots=True)
class MessageGenerator(GeneratorByCommands):
    """A generator that plays one sweep point a trigger, of a family whose words are handed in.

    What the box holds is known because this driver brought it there since the link was opened; all that it held before
    is deleted first, since most of these boxes can't be asked for samples.

    Attributes
    ----------
    family : Family
        Its words.
    table : Capability
        Its limits.
    """

    family: Family
    table: Capability
    _held: dict[str, tuple[Hashable, str, int]] = field(default_factory=dict)
    _numbers: Numbers = field(default_factory=Numbers)
    _generation: int = -1
    _body: StepsBody | None = None

    def __post_init__(self) -> None:
        rates = limit(self.table, "clocks.sample.hz").limits
        clocks = ("clock_hz", *(f"output{n}_clock_hz" for n in self.instrument.output))
        self.settings = self._settings(self.family.commands, dict.fromkeys(clocks, rates))

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        self.plan({name: value}, {})
        self._held.pop(name, None)
        self.settings.set(name, value)

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        return self.family.is_locked(self.link, self.instrument.reference == "external")

    def prepare(self) -> None:
        """Clear the status and set the reference that lab.toml names."""
        self.link.write("*CLS")
        if self.instrument.reference is not None:
            self._say(self.family.reference(self.instrument.reference == "external"), "the reference")

    def load(self, program: DeviceProgram) -> int:
        """Upload what the device does not hold yet; return the number of waveform bytes sent.

        Raises
        ------
        LimitError
            If a waveform, a level or the program's size is outside the limits; nothing has been sent.
        RefusedError
            With the device's own words; it is filled anew by the next program.
        """
        try:
            body = self.family.body.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the program's body is no {self.table.title}'s: {error}") from error
        check_steps(body, program.blobs, self.instrument, self.table, self.family.dtype, self._span(body))
        self._body = None
        self._say(self.family.stopped(sorted(self.instrument.output)), "to stop")
        try:
            n_bytes = self._fill(program)
        except DeviceError:
            self._generation = -1
            raise
        self._body = body
        return n_bytes

    def _span(self, body: StepsBody) -> Any:
        def span(channel: Channel, words: NDArray[np.generic] | None) -> tuple[float, float]:
            relative = np.array([-1.0, 1.0]) if words is None else self.family.relative(words, body)
            volts = channel.offset_v + channel.amplitude_vpp / 2 * np.array([relative.min(), relative.max()])
            return float(volts[0]), float(volts[1])

        return span

    def _fill(self, program: DeviceProgram) -> int:
        """Bring everything to its place that is not there yet; return the waveform bytes sent."""
        memories = self.family.memories(sorted(self.instrument.output))
        if self.link.generation != self._generation:
            self._held.clear()
            self._clear(memories)
            self._generation = self.link.generation
        fillings = list(self.family.fillings(program, self._numbers))
        full = [memory for memory in memories if self._is_full(memory, fillings)]
        if full:
            self._clear(full)
            fillings = list(self.family.fillings(program, self._numbers))
        new = [one for one in fillings if self._held.get(one.place, (None,))[0] != one.content]
        n_bytes = n_pending = 0
        with self.link.burst():
            for filling in new:
                self._held.pop(filling.place, None)
                for message in filling.brought():
                    self._send(message)
                    n_sent = len(message.block) if message.block is not None else 0
                    n_pending += n_sent
                    n_bytes += n_sent if filling.n_samples else 0
                if n_pending >= _CONFIRM_BYTES:
                    confirm(self.link, filling.place)
                    n_pending = 0
        if new:
            confirm(self.link, f"{len(new)} parts of a program, the last of them {new[-1].place}")
        known = self.settings.known()
        for filling in new:
            if filling.place in known:
                self.settings.read_back(filling.place, filling.content)
        self._held |= {one.place: (one.content, one.memory, one.n_samples) for one in new}
        return n_bytes

    def _is_full(self, memory: str, fillings: Sequence[Filling]) -> bool:
        """Say whether a memory has no room for what is new beside what it holds."""
        held = {place: n for place, (_, where, n) in self._held.items() if where == memory and n}
        mine = {one.place: one.n_samples for one in fillings if one.memory == memory and one.n_samples}
        together = held | mine
        if len(together) == len(mine):
            return False
        if sum(together.values()) > limit(self.table, "waveforms.samples").most:
            return True
        counted = self.table.waveforms is not None and self.table.waveforms.count is not None
        return counted and len(together) > limit(self.table, "waveforms.count").most

    def _clear(self, memories: Sequence[str]) -> None:
        for memory in memories:
            self._numbers.clear(memory)
            self._held = {place: held for place, held in self._held.items() if held[1] != memory}
            for message in self.family.cleared(memory):
                self._send(message)
        confirm(self.link, "clearing its memory")

    def _send(self, message: Message) -> None:
        if message.block is None:
            self.link.write(message.text)
        else:
            self.link.write_block(message.text, message.block)

    def _say(self, texts: Sequence[str], what: str) -> None:
        with self.link.burst():
            for text in texts:
                self.link.write(text)
        confirm(self.link, what)

    def start(self) -> None:
        """Wait for triggers at the first point, and switch outputs on."""
        body = self._loaded()
        switched = [self.family.switched(n, n in body.channels) for n in sorted(self.instrument.output)]
        self._say([*self.family.started(body), *switched], "to start")
        self.link.query("*OPC?", _START_TIMEOUT_S)

    def select(self, point: int) -> None:
        """Play this point of the loaded program from the next trigger on; one round trip."""
        body = self._loaded()
        if not 0 <= point < len(body.points):
            raise RequestError(f"{self.link.name}: point = {point} is outside [0, {len(body.points) - 1}]")
        confirm(self.link, f"point {point}", f"{self.family.selected(body, point)};:SYST:ERR?")

    def stop(self) -> None:
        """Stop playing; leave the program loaded."""
        self._say(self.family.stopped(sorted(self.instrument.output)), "to stop")

    def safe(self) -> None:
        """Stop, and switch every output off that lab.toml names."""
        outputs = sorted(self.instrument.output)
        switched = [self.family.switched(n, on=False) for n in outputs]
        self._say([*self.family.stopped(outputs), *switched], "switching all outputs off")
        for number in outputs:
            if self.link.query(self.family.is_on(number)) not in ("0", "OFF"):
                raise RefusedError(f"{self.link.name}: output {number} is still on", instrument=self.link.name)

    def forget(self) -> None:
        """Trust nothing that is known of the box: after text that this driver does not know was sent to it."""
        self._body = None
        self._generation = -1

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.link.close()

    def _loaded(self) -> StepsBody:
        return loaded(self._body, self.link, self._generation)


def open_generator(instrument: Instrument, family: Family, tables: Mapping[str, Capability]) -> MessageGenerator:
    """Open the link, check the identity, set the reference."""
    link = open_visa_link(instrument.name, instrument.address, instrument.timeout_s, family.identity)
    device = MessageGenerator(link, instrument, family, tables[instrument.model])
    device.prepare()
    return device
