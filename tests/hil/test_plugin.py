"""The pytest plugin: the example repository of docs/hil.md works, and runs that don't use it pay nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
PAGE = Path(__file__).parents[2] / "docs" / "hil.md"
LOADED = ("-p", "no:qctl", "-p", "qctl.hil.plugin", "-p", "no:cacheprovider")


def unpack(folder: Path) -> None:
    """Write the files of the example repository: blocks of code that follow a path."""
    found = re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S)
    assert len(found) == 4
    for name, text in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.timeout(240)
def test_the_example_repository_of_the_page_works(pytester: pytest.Pytester) -> None:
    unpack(pytester.path)
    done = pytester.runpytest_subprocess(*LOADED, "-q")
    done.assert_outcomes(passed=4)


def test_a_run_that_does_not_use_it_imports_nothing_of_the_lab(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_imported():
            heavy = ("numpy", "zmq", "msgspec", "serial", "qctl.client", "qctl.hil.bench", "qctl.errors")
            assert not [name for name in heavy if name in sys.modules]
        """
    )
    pytester.runpytest_subprocess(*LOADED, "-p", "no:hypothesispytest", "-q").assert_outcomes(passed=1)
