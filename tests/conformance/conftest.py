"""Puts this folder's judges where its tests import them from, and takes the option --page."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file that docs/conformance.md is to be written to."""
    parser.addoption("--page", default="", help="write the table of programs and targets to this file")
