"""Drive a Mini-Circuits RC box of up to eight SPDT switches over Telnet: each is at port 1 or 2.

One query tells all positions, one bit a switch, so a snapshot asks once.

Source: QCoDeS `MiniCircuitsRCSPDT` (SETA=0 or 1, SWPORT?, MN?, an answer to each setting), Mini-Circuits RF switch
programming manual (a setting is answered with 1 when it is carried out).
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.links.link import Dialect

__all__ = ["COMMANDS", "RC_SPDT", "open_driver"]


def _switch(place: int, letter: str) -> Command:
    return Command(
        "", f"switch_{letter.lower()}", f"Switch {letter}", kind=str, words=("1", "2"), codes=("0", "1"),
        send=f"SET{letter}={{value}}", ask="SWPORT?", parser=lambda reply: str((int(reply) >> place & 1) + 1),
    )  # fmt: skip


RC_SPDT = Declaration(
    (
        Command("MN", "identity", "Identity", kind=str, settable=False),
        *(_switch(place, letter) for place, letter in enumerate("ABCDEFGH")),
    ),
    error_query="", answer="1", joined=0, dialect=Dialect(identity_query="MN?", greets=True),
)  # fmt: skip
COMMANDS, open_driver = RC_SPDT.commands, RC_SPDT.open
