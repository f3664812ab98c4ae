"""Which instruments share a process of the server: those of one named group, and those that play one run together."""

from __future__ import annotations

from qctl.lab.held import held, kept
from qctl.lab.lab import Lab

__all__ = ["group_of", "groups_of"]


def group_of(lab: Lab, name: str) -> str:
    """Return the group of an instrument of a lab.

    One that names none is with those that it plays runs with: in the group that they name, if it is one. Units of one
    line are together, and any other has a group of its own.
    """
    return kept(held(lab), "group_of", lambda: _all_groups(lab))[name]


def groups_of(lab: Lab) -> dict[str, tuple[str, ...]]:
    """Return the instruments of each group, in the order of lab.toml."""
    groups: dict[str, tuple[str, ...]] = {}
    for name in lab.instruments:
        group = group_of(lab, name)
        groups[group] = (*groups.get(group, ()), name)
    return groups


def _all_groups(lab: Lab) -> dict[str, str]:
    found = {name: one.group or lab.sharing(name)[0] for name, one in lab.instruments.items()}
    for players in _together(lab):
        named = {lab.instruments[name].group for name in players} - {""}
        if len(named) <= 1:
            found |= dict.fromkeys(players, next(iter(named), players[0]))
    return found


def _together(lab: Lab) -> list[list[str]]:
    """Return the instruments that play runs together, in the order of lab.toml; processors may share some."""
    sets: list[set[str]] = []
    for processor in lab.processors:
        joined = lab.players_of(processor)
        apart = [known for known in sets if not known & joined]
        sets = [*apart, joined.union(*(known for known in sets if known & joined))]
    return [[name for name in lab.instruments if name in players] for players in sets]
