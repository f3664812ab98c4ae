"""The whole laboratory as one frozen value: processors, instruments and the ports between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal, TypeVar

from msgspec import Struct

from qctl.errors import RequestError
from qctl.lab.addresses import Address, parse_address
from qctl.lab.atom import AtomCoupler, AtomProcessor, AtomQubit
from qctl.lab.ion import IonCoupler, IonProcessor, IonQubit
from qctl.lab.rack import Input, InputRef, Instrument, Interlock, Output, OutputRef, Port
from qctl.lab.transmon import TransmonCoupler, TransmonProcessor, TransmonQubit

__all__ = ["Coupler", "Lab", "Processor", "Qubit", "processor_meant"]

Processor = TransmonProcessor | IonProcessor | AtomProcessor
Qubit = TransmonQubit | IonQubit | AtomQubit
Coupler = TransmonCoupler | IonCoupler | AtomCoupler

_Key = TypeVar("_Key", str, int)
_Value = TypeVar("_Value")


def processor_meant(names: Iterable[str], where: str, qpu: str | None = None, first: bool = False) -> str:
    """Return the processor that is meant: the one that is named, else the only one or, where that will do, the first.

    Parameters
    ----------
    names : iterable of str
        Of the lab's processors.
    where : str
        The lab, in words.
    qpu : str, optional
        What was asked for; whether it is there is for others to say.
    first : bool
        Whether the first of several will do.

    Raises
    ------
    RequestError
        If none is named, and there is none or more than one.
    """
    found = list(names)
    if not found:
        raise RequestError(
            f"{where} has no processor, so nothing can be run on it: describe one under [processors.NAME]"
        )
    if qpu:
        return qpu
    if len(found) > 1 and not first:
        raise RequestError(f"{where} has {len(found)} processors: name one of {', '.join(found)} (qpu)")
    return found[0]


class Lab(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A laboratory, as its lab.toml describes it.

    Attributes
    ----------
    schema : int
        Version of the file's form.
    name : str
        For people.
    processors : mapping of str to Processor
        What is controlled; without any, instruments are set and asked for, and nothing is run.
    instruments : mapping of str to Instrument
        What controls it.
    ports : mapping of str to Port
        How they are wired.
    interlocks : mapping of str to Interlock
        What must hold for a run to play.
    """

    schema: Literal[1]
    name: str
    processors: dict[str, Processor] = {}
    instruments: dict[str, Instrument]
    ports: dict[str, Port] = {}
    interlocks: dict[str, Interlock] = {}

    def processor(self, name: str) -> Processor:
        """Return a processor by name.

        Raises
        ------
        RequestError
            If the lab has none of this name.
        """
        return _named(self.processors, name, "processor")

    def instrument(self, name: str) -> Instrument:
        """Return an instrument by name.

        Raises
        ------
        RequestError
            If the lab has none of this name.
        """
        return _named(self.instruments, name, "instrument")

    def sharing(self, name: str) -> tuple[str, ...]:
        """Return the units of Modbus, or the modules of a rack, at the address of one; of any other, itself alone."""
        if self.instrument(name).modbus is None and self.instrument(name).module is None:
            return (name,)
        places = {one: parse_address(two.address) for one, two in self.instruments.items()}
        mine = places[name]
        return tuple(
            one
            for one, place in places.items()
            if one == name
            or (isinstance(place, Address) and isinstance(mine, Address) and place.identity == mine.identity)
        )

    def port(self, name: str) -> Port:
        """Return a port by name; ``q0/drive`` is taken as ``q0.drive``.

        Raises
        ------
        RequestError
            If the lab has none of this name.
        """
        return _named(self.ports, name.replace("/", "."), "port")

    def output(self, ref: OutputRef) -> Output:
        """Return the output that a port refers to."""
        return _named(self.instrument(ref.instrument).output, ref.output, f"output of {ref.instrument}")

    def input(self, ref: InputRef) -> Input:
        """Return the input that a port refers to."""
        return _named(self.instrument(ref.instrument).input, ref.input, f"input of {ref.instrument}")

    def carrier_hz(self, port: Port) -> float | None:
        """Return the frequency of a port's LO, a source of its own or one inside its instrument; None without any."""
        if port.lo is not None:
            return self.instrument(port.lo).frequency_hz
        return next((lo for ref in port.outputs if (lo := self.output(ref).lo_hz) is not None), None)

    def ports_of(self, processor: str) -> tuple[Port, ...]:
        """Return the ports of a processor's qubits and beams, in the order of the file."""
        owner = self.processor(processor)
        targets = {*owner.qubits, *getattr(owner, "beam", {})}
        return tuple(port for port in self.ports.values() if port.target in targets)

    def _passing(self, name: str) -> list[str]:
        """Return the instruments that an instrument's trigger goes through, the nearest first."""
        found: list[str] = []
        wire = self.instrument(name).trigger
        while wire is not None and wire.source in self.instruments and wire.source not in (name, *found):
            found.append(wire.source)
            wire = self.instruments[wire.source].trigger
        return found

    def clocks_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return instruments, and those that their reference clocks come from."""
        found = list(dict.fromkeys(names))
        for name in found:
            source = self.instruments[name].clock_source
            if source in self.instruments and source not in found:
                found.append(source)
        return tuple(found)

    def players_of(self, processor: str) -> set[str]:
        """Return the instruments that get programs of a run: its trigger, the ports' players, what passes triggers on.

        Sources of carriers and static biases are set before a run, and are not among them.
        """
        found = {self.processor(processor).trigger}
        for port in self.ports_of(processor):
            found.update(ref.instrument for ref in port.connectors)
        return found.union(*(self._passing(name) for name in found))

    def instruments_of(self, processor: str) -> tuple[Instrument, ...]:
        """Return what a run on the processor occupies: its trigger, what its ports use, what passes triggers on."""
        names = [self.processor(processor).trigger]
        for port in self.ports_of(processor):
            refs = (*port.outputs, *port.inputs, *((port.dc,) if port.dc else ()))
            names += [ref.instrument for ref in refs]
            names += [port.lo] if port.lo else []
        for name in list(names):
            names += self._passing(name)
        return tuple(self.instrument(name) for name in dict.fromkeys(names))


def _named(table: Mapping[_Key, _Value], name: _Key, kind: str) -> _Value:
    """Return a table's value, or say what the table has."""
    found = table.get(name)
    if found is None:
        known = [str(key) for key in table]
        close = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the lab has {', '.join(known[:12]) or 'none'}"
        raise RequestError(f"no {kind} {name}; {hint}")
    return found
