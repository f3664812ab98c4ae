"""Runs pytest on checked kernels: `python tests/support/checked.py build/checked [pytest arguments]`.

The checked build (bounds, overflow and initialisation checks on) takes the place of the ordinary `qctl.cext` modules;
a kernel without a checked build is an error, and so is a run in which no kernel was tested.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMORYVIEWS = "_memoryviews"
"""What setup.py compiles once for all kernels."""


class CheckedKernels(MetaPathFinder):
    """Find `qctl.cext.<kernel>` in the folder of the checked build, ahead of all other finders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a kernel's checked build is, or None for what is no kernel."""
        package, _, name = fullname.rpartition(".")
        kernel = (ROOT / "cext" / f"{name}.pyx").exists()
        if package != "qctl.cext" or not (kernel or name == MEMORYVIEWS):
            return None
        for suffix in EXTENSION_SUFFIXES:
            file = self.folder / "qctl" / "cext" / f"{name}{suffix}"
            if file.exists():
                if kernel:
                    self.loaded.add(name)
                return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))
        raise ImportError(f"{fullname} has no checked build in {self.folder}")


def main(arguments: list[str]) -> int:
    """Run pytest with the checked kernels and return its exit status."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    finder = CheckedKernels(Path(arguments[0]).resolve())
    early = sorted(name for name in sys.modules if name.startswith("qctl.cext."))
    if early:
        print(f"already imported: {', '.join(early)}", file=sys.stderr)
        return 2
    sys.meta_path.insert(0, finder)
    status = int(pytest.main(arguments[1:]))
    wrong = sorted(
        name
        for name, module in sys.modules.items()
        if name.startswith("qctl.cext.") and not str(getattr(module, "__file__", "")).startswith(str(finder.folder))
    )
    for name in wrong:
        print(f"{name} was not the checked build: {sys.modules[name].__file__}", file=sys.stderr)
    print(f"checked kernels: {', '.join(sorted(finder.loaded)) or 'none'}")
    if status == 0 and (wrong or not finder.loaded):
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
