"""What a Qblox cluster's management module does for a run; the limits of programs are the modules' own.

Source: Qblox documentation, Synchronization (SYNQ); qblox-instruments, ``constants.py`` (slots).
"""

from __future__ import annotations

__all__ = ["N_SLOTS"]

N_SLOTS = 20
"""Modules that a cluster can hold, and start together."""
