"""Folders that a command writes to: made before its work begins, so that nothing is lost for want of one."""

from __future__ import annotations

import os
from pathlib import Path

from qctl.errors import RequestError

__all__ = ["made_folder"]


def made_folder(path: Path) -> Path:
    """Return a folder that can be written to, made if it wasn't there.

    Raises
    ------
    RequestError
        If it can't be made or written to, with its path and the reason.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise RequestError(f"{path}: this is no folder") from None
    except OSError as problem:
        raise RequestError(f"{path}: {problem.strerror}") from problem
    if not os.access(path, os.W_OK | os.X_OK):
        raise RequestError(f"{path}: the folder can't be written to")
    return path
