"""Capability tables with less in them, so that a few points reach a limit as thousands would."""

from __future__ import annotations

from types import ModuleType

import pytest

from qctl.instruments.capability import replaced


def narrow(monkeypatch: pytest.MonkeyPatch, family: ModuleType, path: str, most: int) -> None:
    """Let a family's lowering, checks and driver believe that a limit is at `most`, until the test ends."""
    monkeypatch.setitem(family.TABLES, family.MODEL, replaced(family.TABLES[family.MODEL], path, high=most))
