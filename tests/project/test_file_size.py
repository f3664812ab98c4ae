"""No file outgrows a sitting: 400 lines for code, tests included."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
FOLDERS = ("qctl", "cext", "instruments", "firmware_io", "hil", "tests", "docs")
ENDINGS = {".py", ".pyx", ".pxd", ".pyi", ".h", ".c"}


def sources() -> list[Path]:
    """Return every source file that a person wrote."""
    found = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*")) if file.suffix in ENDINGS]
    return [ROOT / "setup.py", *(file for file in found if not _generated(file))]


def _generated(file: Path) -> bool:
    return file.suffix == ".c" and file.with_suffix(".pyx").exists()


@pytest.mark.parametrize("folder", (".", *FOLDERS))
def test_no_file_is_longer_than_a_sitting(folder: str) -> None:
    mine = [file for file in sources() if (file.relative_to(ROOT).parts[0] if folder != "." else "setup.py") == folder]
    mine = mine if folder != "." else [ROOT / "setup.py"]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in mine}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_name_says_nothing() -> None:
    vague = {"utils", "helpers", "common", "misc", "manager", "data", "info", "util", "helper", "stuff"}
    names = [file.relative_to(ROOT) for file in sources()]
    assert [str(name) for name in names if vague & {name.stem, *name.parts}] == []
