"""Drive a Mini-Circuits RCDAT step attenuator over Telnet; lab.toml must say how little it may attenuate.

Source: QCoDeS `MiniCircuitsRudat13G90Base` (SETATT=, ATT?, MN?), Mini-Circuits programmable attenuator programming
manual (steps of 0.25 dB; a setting is answered with 1 when it is carried out); Telnet as `MiniCircuitsRCSPDT` there.
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.links.link import Dialect
from qctl.units import Limits

__all__ = ["COMMANDS", "RCDAT", "open_driver"]

RCDAT = Declaration(
    (
        Command("MN", "identity", "Identity", kind=str, settable=False),
        Command("", "attenuation_db", "Attenuation", "dB", limits=Limits(0, 120), resolution=0.13,
                send="SETATT={value}", ask="ATT?"),
    ),
    needs=("attenuation_db",), error_query="", answer="1", joined=0, dialect=Dialect(identity_query="MN?", greets=True),
)  # fmt: skip
COMMANDS, open_driver = RCDAT.commands, RCDAT.open
