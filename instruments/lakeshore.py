"""What Lake Shore's temperature controllers have in common: rows of commands for inputs and heater outputs.

A reading whose status mask is not zero is no reading: its value is None, and ``…_status`` has the mask. There is no
error queue; settings are read back. Chains of queries are kept to 64 characters a message.

Source: the maker's own lakeshorecryotronics/python-driver (KRDG?, SRDG?, RDGST?, INNAME?, queries joined with ``;:``,
57,600 baud, 7 data bits, odd parity) and QCoDeS `lakeshore_base` (SETP, RANGE, PID, HTR?, TLIMIT, line end CR LF).
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.links.link import Dialect, SerialLine
from qctl.units import Limits

__all__ = ["IDENTITY", "heater_range", "inputs", "lakeshore", "outputs"]

IDENTITY = Command("*IDN", "identity", "Identity", kind=str, settable=False)
_KELVIN = Limits(0, 400)


def valid_reading(reply: str) -> float | None:
    """Return the first of two answers, a reading, if the second, its status, has no bit set; else None."""
    reading, status = reply.split(";")
    return None if int(status) else float(reading)


def inputs(numbers: tuple[int | str, ...]) -> tuple[Command, ...]:
    """Return the rows of inputs: temperature, sensor, status, name and the limit that switches all heaters off."""

    def row(name: str, label: str, ask: str, unit: str = "", kind: type = float, checked: bool = False) -> Command:
        if checked:
            ask += ";:RDGST? {n}"
        parser = valid_reading if checked else None
        return Command(
            "", "input{n}_" + name, f"{label} of input", unit, kind, False, numbers=numbers, ask=ask, parser=parser
        )

    return (
        row("temperature_k", "Temperature", "KRDG? {n}", "K", checked=True),
        row("sensor", "Sensor", "SRDG? {n}", checked=True),
        row("status", "Status", "RDGST? {n}", kind=int),
        row("name", "Name", "INNAME? {n}", kind=str),
        Command("", "input{n}_limit_k", "Limit of input", "K", limits=Limits(0, 1500), resolution=0.01,
                numbers=numbers, send="TLIMIT {n},{value}", ask="TLIMIT? {n}"),
    )  # fmt: skip


def outputs(numbers: tuple[int | str, ...]) -> tuple[Command, ...]:
    """Return the rows of closed loops: setpoint, and the list of P, I and D."""
    return (
        Command("", "output{n}_setpoint_k", "Setpoint of output", "K", limits=_KELVIN, resolution=1e-4,
                numbers=numbers, send="SETP {n},{value}", ask="SETP? {n}"),
        Command("", "output{n}_pid", "P, I and D of output", "", list, limits=Limits(0, 10_000), resolution=0.1,
                numbers=numbers, send="PID {n},{value}", ask="PID? {n}",
                parser=lambda reply: [float(item) for item in reply.split(",")]),
    )  # fmt: skip


def heater_range(numbers: tuple[int | str, ...], words: tuple[str, ...]) -> Command:
    """Return the row of heater ranges: words in the order of their numbers, ``OFF`` first."""
    return Command(
        "",
        "output{n}_range",
        "Range of output",
        kind=str,
        words=words,
        codes=tuple(str(code) for code in range(len(words))),
        numbers=numbers,
        send="RANGE {n},{value}",
        ask="RANGE? {n}",
    )


def lakeshore(commands: tuple[Command, ...]) -> Declaration:
    """Return a controller: nothing heats but what lab.toml lets, and all of that is off in the safe state.

    An input's limit, which switches heaters off, is off itself at 0 K: lab.toml says how low it may be set.
    """
    return Declaration(
        (IDENTITY, *commands),
        needs=("output{n}_setpoint_k", "output{n}_range", "input{n}_limit_k"),
        safe={"output{n}_range": "OFF"},
        error_query="",
        joined=64,
        dialect=Dialect("\r\n", serial=SerialLine(57_600, 7, "odd")),
    )
