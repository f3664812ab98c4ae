"""Firmware images: a head, the body and a signature; ``python -m qctl.firmware_io.images`` makes keys and signs.

The layout is docs/firmware-update.md. The key file is secret, and says which leaf signs next; it is on disk with the
next number before a signature is handed out, so that a crash wastes a leaf and never uses one twice. KEY.json.lock
keeps processes apart that sign at the same time.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any

from construct import Bytes, Const, Int16ul, Int32ul, Struct

from qctl.errors import LimitError
from qctl.firmware_io.lms import LmsKey

__all__ = ["IMAGE_HEAD", "build_image", "c_header", "main", "new_key_file", "sign_with_file"]

IMAGE_HEAD = Struct(
    "magic" / Const(b"QIMG"),
    "layout" / Const(1, Int16ul),
    "board" / Int16ul,
    "version" / Int32ul,
    "length" / Int32ul,
    "signature_length" / Int32ul,
    "reserved" / Bytes(12),
)


def build_image(body: bytes, version: int, board: int, key: LmsKey, leaf: int) -> bytes:
    """Return a signed image.

    Parameters
    ----------
    body : bytes
        What the board executes.
    version : int
        major << 24 | minor << 16 | patch.
    board : int
        Number of the board that it is made for.
    key : LmsKey
    leaf : int
        Which of the key's leaves signs; one that has signed nothing before.
    """
    n_signature = 4 + 4 + 32 * (1 + {4: 67, 8: 34}[key.width]) + 4 + 32 * key.height
    head = {"board": board, "version": version, "length": len(body), "signature_length": n_signature}
    signed: bytes = IMAGE_HEAD.build({**head, "reserved": bytes(12)}) + body
    return signed + key.sign(signed, leaf)


def new_key_file(path: Path) -> LmsKey:
    """Make a key and its file, readable by its owner alone.

    Raises
    ------
    FileExistsError
        If the file is there: keys are never written over.
    """
    key = LmsKey(secrets.token_bytes(32), secrets.token_bytes(16), height=10, width=8)
    content = {"seed": key.seed.hex(), "identity": key.identity.hex(), "height": 10, "width": 8, "next_leaf": 0}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    return key


def sign_with_file(path: Path, body: bytes, version: int, board: int) -> bytes:
    """Return an image signed by the key in a file, whose next leaf is used up before.

    Raises
    ------
    LimitError
        If the key has no leaf left.
    """
    key, leaf = _take_leaf(path.resolve())
    return build_image(body, version, board, key, leaf)


def _take_leaf(path: Path) -> tuple[LmsKey, int]:
    """Return the key in a file and its next leaf, which is used up on disk by then, for all processes."""
    with os.fdopen(os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = json.loads(path.read_text("ascii"))
        key, leaf = _next_leaf(path, content)
        content["next_leaf"] = leaf + 1
        _replace(path, json.dumps(content))
    return key, leaf


def _next_leaf(path: Path, content: dict[str, Any]) -> tuple[LmsKey, int]:
    key = LmsKey(
        bytes.fromhex(content["seed"]), bytes.fromhex(content["identity"]), content["height"], content["width"]
    )
    leaf = content["next_leaf"]
    if leaf >= key.n_signatures:
        raise LimitError(f"{path}: all {key.n_signatures} signatures are used up; make a new key")
    return key, leaf


def _replace(path: Path, text: str) -> None:
    """Put a file in the place of another, on disk before this returns."""
    number, beside = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)  # it holds the secret
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def c_header(public: bytes) -> str:
    """Return the C header from which the firmware takes its public key."""
    rows = [", ".join(f"0x{byte:02x}" for byte in public[at : at + 14]) for at in range(0, len(public), 14)]
    lines = ",\n".join(f"    {row}" for row in rows)
    return (
        "/* The public key of whoever may sign images; written by qctl.firmware_io.images. */\n"
        "#ifndef IMAGE_KEY_H\n#define IMAGE_KEY_H\n\n#include <stdint.h>\n\n"
        f"static const uint8_t image_key[{len(public)}] = {{\n{lines},\n}};\n\n#endif\n"
    )


def _version(text: str) -> int:
    """Return a version's number: 8 bits, 8 bits and 16."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text, re.ASCII)
    parts = [int(part) for part in found.groups()] if found else []
    if not parts or any(part > most for part, most in zip(parts, (255, 255, 65_535), strict=True)):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 1.2.3, up to 255.255.65535")
    return parts[0] << 24 | parts[1] << 16 | parts[2]


def main(words: list[str] | None = None) -> None:
    """Make a key, or sign an image, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m qctl.firmware_io.images", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("key", help="make a key and the header with its public half")
    make.add_argument("key", type=Path)
    make.add_argument("header", type=Path)
    sign = verbs.add_parser("sign", help="sign a body")
    for name in ("key", "body", "image"):
        sign.add_argument(name, type=Path)
    sign.add_argument("--version", type=_version, required=True, help="as 1.2.3")
    sign.add_argument("--board", type=int, choices=(1, 2), required=True, help="1 the host's model, 2 LM3S6965")
    chosen = parser.parse_args(words)
    if chosen.verb == "key":
        chosen.header.write_text(c_header(new_key_file(chosen.key).public), "ascii")
        return
    try:  # the body is read before a leaf of the key is used up
        body = chosen.body.read_bytes()
    except OSError as error:
        parser.error(f"{chosen.body}: {error.strerror}")
    chosen.image.write_bytes(sign_with_file(chosen.key, body, chosen.version, chosen.board))


if __name__ == "__main__":
    main()
