"""Changes the core's Verilog as mutants.toml says, one change a core, and compares what each does in programs.

Run as a script, it tells of every mutant, or of those that are named, what noticed it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1] / "firmware_io" / "reference"), str(Path(__file__).parent)]

from asking import Asker  # noqa: E402
from device import OUT, REFERENCE, LibraryDevice, make  # noqa: E402
from directed import a_stopped_block_leaves_nothing, judge, late_events_end_a_block  # noqa: E402
from test_ends import test_the_end_of_a_block_is_told_when_marks_fill_the_events as marks_fill  # noqa: E402

from qctl.firmware_io.kinds import Kind  # noqa: E402

__all__ = ["MUTANTS", "Mutant", "noticed", "prepare"]

GATEWARE = REFERENCE / "gateware"
AT_ONCE = 2
LONGEST_S = 300
N_RANDOM = 150


def more_marks_than_room(device: LibraryDevice, asker: Asker) -> None:
    """Check what the firmware's own test does of too many marks."""
    marks_fill(asker, 40, [Kind.MARKED] * 32 + [Kind.FAULTED, Kind.DONE])


CHECKS = (late_events_end_a_block, a_stopped_block_leaves_nothing, more_marks_than_room)


class Mutant(NamedTuple):
    """One change of one file, and why nothing can tell it if that is so."""

    name: str
    file: str
    find: str
    put: str
    equivalent: str = ""


def _mutants() -> dict[str, Mutant]:
    table = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())
    return {name: Mutant(name, **entry) for name, entry in table.items()}


MUTANTS = _mutants()


def prepare(names: list[str]) -> dict[str, str]:
    """Build the mutants of these names, and the core as it is under the name ""; return the library of each."""
    make("gateware-parts")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(["", *names], pool.map(_built, ["", *names]), strict=True))


def _built(name: str) -> str:
    """Return the library of a mutant, built if its sources are others than before."""
    folder = OUT / "mutants" / (name or "none")
    folder.mkdir(parents=True, exist_ok=True)
    for source in (*GATEWARE.glob("*.v"), GATEWARE / "ops.vh"):
        text = source.read_text()
        if name and source.name == MUTANTS[name].file:
            text = _changed(text, MUTANTS[name])
        copy = folder / source.name
        if not copy.exists() or copy.read_text() != text:
            copy.write_text(text)
            (folder / "core.so").unlink(missing_ok=True)
    subprocess.run(["make", "-s", "-C", str(REFERENCE), os.path.relpath(folder / "core.so", REFERENCE)], check=True)
    return str((folder / "core.so").relative_to(OUT))


def _changed(text: str, mutant: Mutant) -> str:
    """Return a source with the change; a place that is not there once is an error of the table."""
    if text.count(mutant.find) != 1:
        raise ValueError(f"{mutant.name}: {mutant.find!r} stands {text.count(mutant.find)} times in {mutant.file}")
    return text.replace(mutant.find, mutant.put)


def noticed(libraries: dict[str, str]) -> dict[str, str]:
    """Return what noticed each mutant, empty for one that nothing did; each is judged in a process of its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(libraries, pool.map(_noticed, libraries.values()), strict=True))


def _noticed(library: str) -> str:
    words = [sys.executable, __file__, "--judge", library]
    try:
        found = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return "it hangs"
    if found.returncode:
        return f"its process ended with {found.returncode}: {found.stderr[-200:]}"
    return found.stdout.strip()


def main(words: list[str]) -> int:
    """Judge one library, or build and judge mutants; return 1 if any is not as the table says."""
    if words[:1] == ["--judge"]:
        print(judge(lambda: LibraryDevice(words[1]), CHECKS, N_RANDOM))
        return 0
    names = words or list(MUTANTS)
    found = noticed(prepare(names))
    wrong = [name for name, said in found.items() if bool(said) is (not name or bool(MUTANTS[name].equivalent))]
    for name, said in found.items():
        print(f"{name or 'the core as it is'}: {said or 'nothing'}"[:200])
    print(
        f"{len(found) - 1} mutants; not as the table says: {', '.join(name or 'the core' for name in wrong) or 'none'}"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
