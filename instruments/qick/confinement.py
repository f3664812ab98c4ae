"""Take from a process what it doesn't need: rights of root, new programs, files, core dumps, more processes.

What can't be taken on a machine is left, and said: `confine` returns the names of what was taken.
Source: Linux manual pages prctl(2), setrlimit(2), landlock(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct

__all__ = ["confine"]

_NO_NEW_PRIVS, _DEATH_SIGNAL, _KILL = 38, 1, 9
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_FILES = (1 << 13) - 1
"""All rights of Landlock's first version: execute, write, read, list, remove and make of every kind."""
_LATER = {2: 1 << 13, 3: 1 << 14}
"""Rights of later versions: to link or rename into another folder, and to truncate."""
_READ = 1 << 2 | 1 << 3
_READABLE = ("/etc", "/run/systemd/resolve", "/lib", "/lib64", "/usr/lib", "/usr/share/zoneinfo")
"""What names of hosts are looked up with; and nothing of anybody's home."""
_NOBODY = 65_534
_MOST_FILES = 64
_MOST_BYTES = 1 << 32


def confine() -> tuple[str, ...]:
    """Confine this process for good; everything that it needs has to be imported before."""
    found = ["limits"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DEATH_SIGNAL, _KILL)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        libc.prctl(_DEATH_SIGNAL, _KILL)  # another user's process doesn't inherit the wish
        found.append("user")
    os.chdir("/")
    os.umask(0o777)
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_AS, _MOST_BYTES),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        found.append("new rights")
        if _close_files(libc):
            found.append("files")
    return tuple(found)


def _close_files(libc: ctypes.CDLL) -> bool:
    """Forbid opening any file but what names of hosts are looked up with; return whether the kernel does so."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    handled = _FILES | sum(right for since, right in _LATER.items() if version >= since)
    rights = ctypes.create_string_buffer(struct.pack("=Q", handled))
    rules = libc.syscall(_CREATE_RULESET, rights, ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for path in _READABLE:
            with contextlib.suppress(OSError):
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
                rule = ctypes.create_string_buffer(struct.pack("=Qi", _READ, place))
                libc.syscall(_ADD_RULE, rules, 1, rule, 0)
                os.close(place)
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)
