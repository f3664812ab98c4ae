"""Names the folders that become `qctl` and compiles `cext/`; everything declarative is in pyproject.toml."""

import os
import shutil
from functools import partial
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

FOLDERS = {
    "qctl": "qctl",
    "qctl.cext": "cext",
    "qctl.instruments": "instruments",
    "qctl.firmware_io": "firmware_io",
    "qctl.hil": "hil",
}
WORKERS = os.cpu_count() or 1
NUMPY = Path(numpy.__file__).parent
CHECKED = os.environ.get("QCTL_CYTHON_DEBUG") == "1"
FLAGS = ["-O1", "-g"] if CHECKED else ["-O3", "-g0", "-ffp-contract=off"]
SHARED = "qctl.cext._memoryviews"
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "cdivision": not CHECKED,
    "overflowcheck": CHECKED,
    "embedsignature": True,
    "freethreading_compatible": True,
}


def packages() -> list[str]:
    """Return every package under its import name."""
    found = []
    for name, folder in FOLDERS.items():
        found.append(name)
        found += [f"{name}.{sub}" for sub in find_packages(folder) if name == "qctl" or sub]
    return found


def kernels() -> list[Extension]:
    """Cythonize `cext/`, with its .pxd files where `cimport qctl.cext.x` finds them."""
    include = Path("build/pxd/qctl/cext")
    include.mkdir(parents=True, exist_ok=True)
    for folder in (include, include.parent):
        (folder / "__init__.pxd").touch()
    for pxd in Path("cext").glob("*.pxd"):
        shutil.copy2(pxd, include / pxd.name)  # with its time: what depends on it is compiled anew only if it changed
    extensions = [
        Extension(
            f"qctl.cext.{source.stem}",
            [str(source)],
            include_dirs=["cext", numpy.get_include()],
            library_dirs=[str(NUMPY / "random" / "lib")],
            libraries=["npyrandom", "m"] if source.stem == "chance" else [],
            depends=[str(header) for header in sorted(Path("cext").glob("*.h"))],
            extra_link_args=["-pthread"],
            extra_compile_args=FLAGS,
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        )
        for source in sorted(Path("cext").glob("*.pyx"))
    ]
    made = "build/cython-checked" if CHECKED else "build/cython"
    Path(made).mkdir(parents=True, exist_ok=True)
    # One module has what every kernel needs for its memoryviews: each would compile five seconds of it for itself.
    extensions.append(Extension(SHARED, [f"{made}/_memoryviews.c"], extra_compile_args=FLAGS))
    wide = [
        each for each in extensions if CHECKED and each.name != SHARED and "wide_t" in Path(each.sources[0]).read_text()
    ]
    made_of = partial(
        cythonize,
        shared_utility_qualified_name=SHARED,
        include_path=["build/pxd"],
        build_dir=made,
        nthreads=WORKERS,
    )
    made_extensions = [
        *made_of([each for each in extensions if each not in wide], compiler_directives=DIRECTIVES),
        *made_of(wide, compiler_directives=DIRECTIVES | {"overflowcheck": False}),  # Cython can't check 128 bits
    ]
    for header in Path("cext").glob("*.h"):
        # Cython copies headers beside the C that includes them, where they are found first, and leaves old copies.
        shutil.copy2(header, Path(made, "cext", header.name))
    return made_extensions


if __name__ == "__main__":  # the processes that cythonize import this file anew
    setup(
        package_dir=FOLDERS,
        packages=packages(),
        ext_modules=kernels(),
        options={"build_ext": {"parallel": WORKERS}},
    )
