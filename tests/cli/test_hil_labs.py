"""The command that starts virtual labs names all that there are."""

from qctl.cli import hil
from qctl.hil.labs.kinds import LABS


def test_help_names_every_built_in_lab() -> None:
    assert set(hil._LABS.split(", ")) == set(LABS)
