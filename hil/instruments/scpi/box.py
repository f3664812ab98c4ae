"""The part that all emulated SCPI instruments share: settings, common commands, errors, the way to the plant.

Source: IEEE 488.2-1992, section 10 (common commands); SCPI-99 volume 2, section 20 (STATus) and 21 (SYSTem).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.commands import CommandTable
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.scpi.status import Register, Status

__all__ = ["REFERENCE_UNLOCKED", "Box"]

REFERENCE_UNLOCKED = 32
"""Bit 5 (FREQuency) of the questionable status: an external reference is asked for and not locked."""


class Box:
    """One emulated instrument; every connection talks to the same one.

    Parameters
    ----------
    config : EmulatorConfig
        Name and serial number.
    plant : Plant
        Where outputs go and records come from.
    """

    idn = "QCTL,EMULATOR,{serial},1.0"
    kind = "box"
    n_outputs = 0
    n_inputs = 0
    options = "0"
    reference_suffixes: tuple[int, ...] = ()
    own_faults = frozenset({"firmware"})
    reply_end = "\n"
    greeting = b""
    answers_settings = False
    table_type: type[CommandTable] = CommandTable

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config = config
        self.plant = plant
        self.status = Status()
        self.table = self.table_type()
        self.dirty = False
        self.counters: dict[str, int] = {}
        self.faults: dict[str, Any] = {}
        self._values: dict[tuple[Any, ...], Any] = {}
        self._defaults: dict[str, Any] = {}
        self._common()
        self._system()
        self.commands()

    def commands(self) -> None:
        """Add the model's own commands to the table."""

    @property
    def parts(self) -> Parts:
        """Return what the plant has to know of boxes that this one speaks for."""
        return {}

    # settings ------------------------------------------------------------------------------------

    def value(self, name: str, *suffixes: int) -> Any:
        """Return a setting as it is now."""
        found = self._values.get((name, *suffixes))
        return self._defaults[name] if found is None else found

    def put(self, name: str, value: Any, *suffixes: int) -> None:
        """Change a setting."""
        self._values[(name, *suffixes)] = value

    def setting(
        self,
        pattern: str,
        name: str,
        default: Any,
        read: Callable[[Any], Any],
        show: Callable[[Any], str] = str,
        dirty: bool = False,
        changed: Callable[..., Any] | None = None,
    ) -> None:
        """Declare one setting: its command, its query and its value after ``*RST``.

        Parameters
        ----------
        pattern : str
            Header of the command; the query is the same with a ``?``.
        name : str
            Name for `value` and `put`; suffixes of the header are part of the key.
        read, show : callable
            From the argument to the value, and from the value to the reply.
        dirty : bool
            Whether a change must be told to the plant.
        changed : callable, optional
            Called with the suffixes after a change; what it returns is awaited.
        """
        self._defaults[name] = default

        def put(suffixes: tuple[int, ...], args: list[Any]) -> Any:
            self.put(name, read(args[0]), *suffixes)
            self.dirty = self.dirty or dirty
            return changed(*suffixes) if changed is not None else None

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            return show(self.value(name, *suffixes))

        self.table.add(pattern, put, 1)
        self.table.add(pattern + "?", ask, 0, 1)

    def number(
        self,
        pattern: str,
        name: str,
        default: float,
        low: float = -math.inf,
        high: float = math.inf,
        form: str = "{:.9E}",
        **more: Any,
    ) -> None:
        """Declare a setting that is a number within bounds."""
        self.setting(pattern, name, default, lambda a: arg.number(a, low, high, default), form.format, **more)

    def integer(self, pattern: str, name: str, default: int, low: int, high: int, **more: Any) -> None:
        """Declare a setting that is a whole number within bounds."""
        self.setting(pattern, name, default, lambda a: arg.integer(a, low, high, default), **more)

    def switch(self, pattern: str, name: str, default: bool = False, **more: Any) -> None:
        """Declare a setting that is on or off."""
        self.setting(pattern, name, default, arg.boolean, lambda on: "1" if on else "0", **more)

    def choice(self, pattern: str, name: str, default: str, words: str, **more: Any) -> None:
        """Declare a setting that is one of some words; replies are in short form."""
        known = arg.spellings(words)
        self.setting(pattern, name, default, lambda a: arg.choice(a, known), **more)

    # what sessions call --------------------------------------------------------------------------

    async def flush(self) -> None:
        """Tell the plant all that has changed."""
        self.dirty = False

    async def settle(self) -> None:
        """Wait until nothing is pending; ``*OPC?`` and ``*WAI`` wait for this."""
        if self.dirty:
            await self.flush()

    def pending(self) -> bool:
        """Return whether an overlapped operation runs."""
        return False

    def reset(self) -> Awaitable[None] | None:
        """Do what ``*RST`` does."""
        self._values.clear()
        self.dirty = True
        return None

    def power_cycle(self) -> Awaitable[None] | None:
        """Forget everything, as after a power cut."""
        self.status.clear()
        self.status.event = 128
        self.status.event_enable = self.status.service_enable = 0
        return self.reset()

    def trigger(self) -> Any:
        """Do what ``*TRG`` does."""
        return None

    def clear(self) -> None:
        """Do what a device clear does beside emptying the buffers."""

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults of this box; the reference's lock is one of them."""
        self.faults = dict(faults)
        self.reference_changed()

    def reference_changed(self, *suffixes: int) -> None:
        """Show in the status whether the reference is locked."""
        self.status.questionable.set_condition(REFERENCE_UNLOCKED, self.unlocked())

    def unlocked(self) -> bool:
        """Return whether an external reference is asked for and missing."""
        external = (
            self._defaults.get("reference") is not None and self.value("reference", *self.reference_suffixes) == "EXT"
        )
        return external and bool(self.faults.get("unlocked"))

    def show_error(self, number: int, text: str) -> str:
        """Return an error as ``SYST:ERR?`` sends it."""
        return f'{number},"{text}"'

    def next_error(self, args: list[Any]) -> str:
        """Answer ``SYST:ERR?``."""
        if args:
            raise refusal(-108)
        return self.show_error(*self.status.pop())

    def reworded(self, unit: str) -> str:
        """Return a command in SCPI's form, for a box with a form of its own."""
        return unit

    def refused(self, number: int, text: str) -> str | None:
        """Note a command that is refused; return what the box says to it at once, if anything."""
        self.status.push(number, text)
        return None

    # common commands -----------------------------------------------------------------------------

    def _common(self) -> None:
        add, status = self.table.add, self.status
        add("*IDN?", lambda s, a: self._identity())
        add("*OPT?", lambda s, a: self.options)
        add("*RST", lambda s, a: self.reset())
        add("*CLS", lambda s, a: status.clear())
        add("*ESE", lambda s, a: setattr(status, "event_enable", arg.integer(a[0], 0, 255)), 1)
        add("*ESE?", lambda s, a: str(status.event_enable))
        add("*ESR?", lambda s, a: str(status.read_event()))
        add("*SRE", lambda s, a: setattr(status, "service_enable", arg.integer(a[0], 0, 255) & ~64), 1)
        add("*SRE?", lambda s, a: str(status.service_enable))
        add("*STB?", lambda s, a: str(status.byte()))
        add("*OPC", lambda s, a: self._complete())
        add("*OPC?", lambda s, a: self._complete_query())
        add("*WAI", lambda s, a: self.settle() if self.dirty or self.pending() else None)
        add("*TST?", lambda s, a: "0")
        add("*TRG", lambda s, a: self.trigger())

    def _system(self) -> None:
        add, status = self.table.add, self.status
        add("SYSTem:ERRor[:NEXT]?", lambda s, a: self.next_error(a), 0, 1)
        add("SYSTem:ERRor:COUNt?", lambda s, a: str(status.n_errors))
        none = [(0, "No error")]
        add("SYSTem:ERRor:ALL?", lambda s, a: ",".join(self.show_error(*e) for e in status.pop_all() or none))
        add("SYSTem:VERSion?", lambda s, a: "1999.0")
        self._register("STATus:OPERation", status.operation)
        self._register("STATus:QUEStionable", status.questionable)

    def _register(self, pattern: str, register: Register) -> None:
        self.table.add(pattern + "[:EVENt]?", lambda s, a: str(register.read_event()))
        self.table.add(pattern + ":CONDition?", lambda s, a: str(register.condition))
        self.table.add(pattern + ":ENABle", lambda s, a: setattr(register, "enable", arg.integer(a[0], 0, 65535)), 1)
        self.table.add(pattern + ":ENABle?", lambda s, a: str(register.enable))

    def _identity(self) -> str:
        told, firmware = self.idn.format(serial=self.config.serial), self.faults.get("firmware")
        return told if firmware is None else f"{told.rpartition(',')[0]},{firmware}"

    def _complete(self) -> Any:
        if not (self.dirty or self.pending()):
            self.status.complete()
            return None
        return self._complete_later()

    async def _complete_later(self) -> None:
        await self.settle()
        self.status.complete()

    def _complete_query(self) -> Any:
        if not (self.dirty or self.pending()):
            return "1"
        return self._one_later()

    async def _one_later(self) -> str:
        await self.settle()
        return "1"
