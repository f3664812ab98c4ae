"""A module of an SPI rack: DACs whose outputs are led to voltages or currents at the slew of lab.toml, in steps.

The rack has no slew and no limits of its own, and a write is not answered: limits and span are checked before a byte
leaves, the host times the steps (`ramps`), and each is read back from the DAC's registers. Outputs keep what they show
when a link is opened or closed. Where the span of an output doesn't hold its limits, as after the rack was switched on,
another one is chosen, with the code that keeps the output where it is; both are shown at once.

Source: the package `spirack` 0.2.21 (`D5a_module`, `S4g_module`, `SPI_rack`): outputs, spans, locking, the check that a
module is there, temperature and battery of the controller; `qblox_instruments` 1.4.1 (`SpiRack`): ramps by the host.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar

from qctl.errors import DeviceError, LimitError, QctlError, RefusedError, RequestError
from qctl.instruments.commands import Command
from qctl.instruments.dc_sources.outputs import narrow
from qctl.instruments.declared import Declaration, DeclaredInstrument
from qctl.instruments.links.link import Dialect
from qctl.instruments.ramps import Ramps
from qctl.instruments.spi_rack.kind import Kind, Lead, number_of
from qctl.instruments.spi_rack.ltc2758 import Span
from qctl.units import Limits

__all__ = ["RackModule", "rack_declaration"]

_LOG = logging.getLogger(__name__)
_TEST_CODES = (177033, 85110)
"""Written where they wait unseen, to find out whether a module is there; the second where the first waits already."""
_BATTERY_V = 3.3 / 4096
_BATTERY_GAINS = {"battery_plus_v": 2.171, "battery_minus_v": -2.148}


@dataclass(slots=True)
class _Shown:
    """What an output shows, and what it is to show."""

    code: int
    span: Span
    wanted: float


@dataclass(frozen=True, slots=True)
class RackModule(DeclaredInstrument):
    """One module.

    `set` of an output returns when its first step is made; it then moves at its slew, ``output{n}_present_…`` says
    where it is, and the setting reads as the value that its code makes. Outputs that lab.toml doesn't name are not
    touched.
    """

    KIND: ClassVar[Kind]
    leads: dict[int, Lead] = field(init=False)
    ramps: Ramps = field(init=False)
    _shown: dict[int, _Shown] = field(init=False)
    _slews: dict[int, float] = field(init=False)
    _session: list[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leads", self.KIND.leads(self.instrument))
        object.__setattr__(self, "_shown", {})
        object.__setattr__(self, "_slews", {})
        object.__setattr__(self, "_session", [])
        self._check_leads()
        object.__setattr__(self, "ramps", Ramps(self.instrument.name, self._show))
        DeclaredInstrument.__post_init__(self)

    def _check_leads(self) -> None:
        number_of(self.instrument)
        kind, n_outputs = self.KIND, len(self.KIND.places)
        for number, lead in self.leads.items():
            at = f"instruments.{self.instrument.name}: output {number}"
            if number > n_outputs:
                raise RequestError(f"{at} is none of a {kind.title}, which has {n_outputs}")
            if not any(lead.fits(span) for span in kind.spans.values()):
                widest = max(kind.spans.values(), key=lambda span: span.high - span.low)
                low, high = widest.bounds(lead.full)
                unit = kind.unit
                raise RequestError(
                    f"{at}: limits [{lead.low:g}, {lead.high:g}] {unit} go beyond [{low:g}, {high:g}] {unit}"
                )

    def _limits(self) -> dict[str, Limits]:
        limits = DeclaredInstrument._limits(self)
        for number, lead in self.leads.items():
            bounds = {
                f"output{number}_{self.KIND.setting}": Limits(lead.low, lead.high),
                f"output{number}_{self.KIND.slew}": Limits(0.0, lead.slew_per_s),
            }
            narrow(limits, bounds)
        return limits

    def _numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self.leads))

    def prepare(self) -> None:
        """Let writes through, make sure that the module is there, and take over what each output shows.

        Raises
        ------
        DeviceError
            If no such module is there.
        """
        self.link.write("UNLOCK")
        self._session[:] = [self.link.generation]
        self._shown.clear()
        if self.leads:
            self._check_presence(min(self.leads))
        for number in sorted(self.leads):
            self._take_over(number)

    def identify(self) -> str:
        """Return the identity string; raise first what stopped a ramp while nobody looked."""
        self.ramps.check()
        return DeclaredInstrument.identify(self)

    def set(self, name: str, value: Any) -> None:
        """Check a value against limits and span, and make the first step there.

        Raises
        ------
        LimitError
            If it is outside; nothing has been sent.
        RefusedError
            If an output shows another code than the one that was written.
        """
        checked = self.settings.checked(name, value)
        self._go_on()
        number, _, end = name.removeprefix("output").partition("_")
        if end == "span":
            self._found(int(number))
            self._switch(int(number), self.KIND.spans[checked])
        elif end == self.KIND.slew:
            self._slews[int(number)] = checked
        else:
            self._lead(int(number), checked, self._known(int(number))[self.KIND.slew])

    def get(self, name: str) -> Any:
        """Return what an output is to show and how fast it goes there, or ask for anything else."""
        number, _, end = name.removeprefix("output").partition("_")
        if not name.startswith("output") or not number.isdigit() or int(number) not in self.leads:
            return self._of_controller(name, self.settings.get(name))
        self._go_on()
        if end in (self.KIND.setting, self.KIND.slew):
            return self._known(int(number))[end]
        if end not in (self.KIND.present, "span"):
            raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)
        return self._asked(int(number))[end]

    def get_all(self) -> dict[str, Any]:
        """Ask for every value."""
        self._go_on()
        found = {name: self.get(name) for name in ("identity", "controller_c", *_BATTERY_GAINS)}
        for number in sorted(self.leads):
            told = self._known(number) | self._asked(number)
            found |= {f"output{number}_{end}": value for end, value in told.items()}
        return found

    def agrees(self, name: str, value: Any, found: Any) -> bool:
        """Say whether a value that is read is the one that was set: an output may be a code off."""
        number, _, end = name.removeprefix("output").partition("_")
        if end in (self.KIND.setting, self.KIND.present) and number.isdigit() and int(number) in self._shown:
            step = self._shown[int(number)].span.step(self.leads[int(number)].full)
            return isinstance(found, float) and isinstance(value, int | float) and abs(found - value) <= 1.000001 * step
        return self.settings.agrees(name, value, found)

    def safe(self) -> None:
        """Lead every output to its safe value at lab.toml's slew, all at once, and return when they are there.

        Raises
        ------
        QctlError
            If one of them does not go there, when all others are.
        """
        self._go_on()
        self.ramps.stop()
        refused: QctlError | None = None
        for number, lead in sorted(self.leads.items()):
            shown = self._shown[number]
            shown.wanted = shown.span.value(shown.code, lead.full)
            try:
                if not lead.fits(shown.span):
                    self._switch(number, self._span_for(number, lead))
                safe = self.settings.checked(f"output{number}_{self.KIND.setting}", lead.safe)
                self._lead(number, safe, lead.slew_per_s)
            except (RefusedError, LimitError) as error:
                refused = refused or error
        try:
            self.ramps.arrive()
            DeclaredInstrument.safe(self)
            self.ramps.arrive()
        except (RefusedError, LimitError) as error:
            refused = refused or error
        if refused is not None:
            raise refused

    def close(self) -> None:
        """Close the link; outputs stay where they are."""
        self.ramps.stop()
        self.link.close()

    def forget(self) -> None:
        """Take over anew what outputs show before anything else: somebody may have written past the driver."""
        self.ramps.stop()
        self._session.clear()

    # -- one output ------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Raise what went wrong with a ramp meanwhile; after the link was opened anew, take over what is there."""
        self.ramps.check()
        if self._session != [self.link.generation] or self.link.state != "up":
            self.ramps.stop()
            self.link.query(self.declaration.dialect.identity_query)
            self.prepare()

    def _known(self, number: int) -> dict[str, float]:
        return {
            self.KIND.setting: self._shown[number].wanted,
            self.KIND.slew: self._slews.get(number, self.leads[number].slew_per_s),
        }

    def _asked(self, number: int) -> dict[str, Any]:
        code, span = self._found(number)
        word = next(word for word, one in self.KIND.spans.items() if one is span)
        return {self.KIND.present: span.value(code, self.leads[number].full), "span": word}

    def _read(self, number: int) -> tuple[int, Span]:
        """Ask what an output shows."""
        reply = self.link.query(f"DAC {number}")
        code, span = map(int, reply.split())
        found = next((one for one in self.KIND.spans.values() if one.number == span), None)
        if found is None:
            raise DeviceError(
                f"{self.link.name}: output {number} shows span {span}, which no {self.KIND.title} has: "
                f"is one set to module {self.instrument.module}?",
                instrument=self.link.name,
            )
        return code, found

    def _found(self, number: int) -> tuple[int, Span]:
        """Ask what an output shows; where that was never written, as after a module lost its power, go on from there.

        Raises
        ------
        DeviceError
            If it tells one thing and then another: a byte was damaged.
        """
        found, shown = self._read(number), self._shown[number]
        if found == (shown.code, shown.span) or self.ramps.where(number) is not None:
            return found
        again = self._read(number)
        if again == (shown.code, shown.span):
            return again
        if again != found:
            raise DeviceError(
                f"{self.link.name}: output {number} tells code {found[0]}, and then {again[0]}: the line is disturbed",
                instrument=self.link.name,
            )
        text = "%s: output %d shows code %d of span %d, and was to show %d of span %d: did its module lose its power?"
        _LOG.warning(text, self.link.name, number, found[0], found[1].number, shown.code, shown.span.number)
        self._shown[number] = _Shown(*found, found[1].value(found[0], self.leads[number].full))
        return found

    def _check_presence(self, number: int) -> None:
        """Write a code that waits, unseen, and look whether it does."""
        before = int(self.link.query(f"INPUT {number}"))
        test = next(code for code in _TEST_CODES if code != before)
        self.link.write(f"INPUT {number} = {test}")
        found = int(self.link.query(f"INPUT {number}"))
        self.link.write(f"INPUT {number} = {before}")
        if found != test:
            raise DeviceError(
                f"{self.link.name}: no {self.KIND.title} answers as module {self.instrument.module} of the rack: "
                f"{test} was written, and {found} is there",
                instrument=self.link.name,
            )

    def _take_over(self, number: int) -> None:
        lead = self.leads[number]
        code, span = self._read(number)
        present = span.value(code, lead.full)
        self._shown[number] = _Shown(code, span, present)
        if not lead.fits(span):
            self._switch(number, self._span_for(number, lead))
        if not lead.low - span.step(lead.full) <= present <= lead.high + span.step(lead.full):
            text = "%s: output %d is at %g %s, outside [%g, %g], and stays there until it is set"
            _LOG.warning(text, self.link.name, number, present, self.KIND.unit, lead.low, lead.high)

    def _span_for(self, number: int, lead: Lead) -> Span:
        """Return the narrowest span that holds the limits and what the output shows."""
        shown = self._shown[number]
        present = shown.span.value(shown.code, lead.full)
        widths = sorted(self.KIND.spans.values(), key=lambda span: span.high - span.low)
        return next((span for span in widths if lead.fits(span, present)), widths[-1])

    def _switch(self, number: int, span: Span) -> None:
        """Switch an output to another span, with the code that keeps it where it is."""
        if self.ramps.where(number) is not None:
            raise LimitError(f"{self.link.name}: output {number} moves; its span is not switched meanwhile")
        lead, shown = self.leads[number], self._shown[number]
        present = shown.span.value(shown.code, lead.full)
        low, high = span.bounds(lead.full)
        for what, value in (("is at", present), ("goes to", shown.wanted)):
            if not low - span.step(lead.full) / 2 <= value <= high + span.step(lead.full):
                raise LimitError(
                    f"{self.link.name}: output {number} {what} {value:g} {self.KIND.unit}, outside the span "
                    f"[{low:g}, {high:g}] {self.KIND.unit}; it was not switched",
                    instrument=self.link.name,
                )
        code = span.code(present, lead.full, lead.low, lead.high)
        self.link.write(f"DAC {number} = {code} {span.number}")
        self._shown[number] = _Shown(code, span, span.value(code, lead.full))
        self._confirm(number)

    def _lead(self, number: int, value: float, slew_per_s: float) -> None:
        lead, before = self.leads[number], self._shown[number].span
        if self.ramps.where(number) is None:
            self._found(number)  # a step from where it is not would be a jump
        shown = self._shown[number]
        if shown.span is not before and not lead.fits(shown.span):
            self._switch(number, self._span_for(number, lead))
            shown = self._shown[number]
        low, high = shown.span.bounds(lead.full)
        if not low <= value <= high + 1.000001 * shown.span.step(lead.full):
            raise LimitError(
                f"{self.link.name}: output {number} = {value:g} {self.KIND.unit} is outside its span "
                f"[{low:g}, {high:g}]; set output{number}_span",
                instrument=self.link.name,
            )
        code = shown.span.code(value, lead.full, lead.low, lead.high)
        shown.wanted = shown.span.value(code, lead.full)
        self.ramps.go(number, shown.span.value(shown.code, lead.full), shown.wanted, slew_per_s)

    def _show(self, number: int, value: float) -> None:
        """Write the code of a value, and read it back; a step within a code sends nothing."""
        lead, shown = self.leads[number], self._shown[number]
        code = shown.span.code(value, lead.full, lead.low, lead.high)
        if code == shown.code:
            return
        self.link.write(f"DAC {number} = {code}")
        shown.code = code
        self._confirm(number)

    def _confirm(self, number: int) -> None:
        shown = self._shown[number]
        code, span = self._read(number)
        if (code, span) != (shown.code, shown.span):
            wrong = f"code {code} of span {span.number}, and was to show {shown.code} of span {shown.span.number}"
            shown.code, shown.span = code, span
            raise RefusedError(
                f"{self.link.name}: output {number} shows {wrong}: is the controller locked?",
                instrument=self.link.name,
            )

    @staticmethod
    def _of_controller(name: str, value: Any) -> Any:
        """Return what the controller's converter and thermometer read, in units."""
        if name in _BATTERY_GAINS:
            return _BATTERY_GAINS[name] * _BATTERY_V * value
        if name == "controller_c":
            return (value - (1 << 14) if value & 1 << 13 else value) / 32
        return value


def rack_declaration(commands: tuple[Command, ...], device: type[RackModule]) -> Declaration:
    """Return what modules of a kind are made from."""
    dialect = Dialect(identity_query="VERSION")
    return Declaration(
        commands, error_query="", joined=0, dialect=dialect, device=device, open_port=device.KIND.open_port
    )
