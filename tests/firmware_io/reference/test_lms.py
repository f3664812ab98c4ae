"""Signatures that Python makes are good for another implementation, and the other way round for the firmware's C."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pyhsslms
import pytest
from device import LibraryDevice
from pyhsslms.pyhsslms import LmsPrivateKey, LmsPublicKey, lmots_sha256_n32_w4, lmots_sha256_n32_w8, lms_sha256_m32_h5

from qctl.errors import LimitError
from qctl.firmware_io.images import IMAGE_HEAD, c_header, main
from qctl.firmware_io.lms import LmsKey


def checked_in_c(device: LibraryDevice, key: bytes, message: bytes, signature: bytes) -> bool:
    check = device.library.lms_verify
    check.restype = ctypes.c_bool
    return bool(check(key, message, len(message), signature, len(signature)))


@pytest.mark.parametrize("width", [4, 8])
def test_our_signatures_are_good_for_others(device: LibraryDevice, width: int) -> None:
    key = LmsKey(bytes(range(32)), b"0123456789abcdef", 5, width)
    judge = LmsPublicKey.deserialize(key.public)
    for leaf in (0, 1, 17, 31):
        message = b"message %d" % leaf
        signature = key.sign(message, leaf)
        assert judge.verify(message, signature)
        assert checked_in_c(device, key.public, message, signature)
        assert not checked_in_c(device, key.public, message + b".", signature)
        for place in (3, 7, 20, 60, len(signature) - 164, len(signature) - 1):
            wrong = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
            assert not checked_in_c(device, key.public, message, wrong)
    with pytest.raises(LimitError, match="leaf 32 of a key with 32"):
        key.sign(b"", 32)


@pytest.mark.parametrize("one_time", [lmots_sha256_n32_w4, lmots_sha256_n32_w8])
def test_others_signatures_are_good_for_the_firmware(device: LibraryDevice, one_time: bytes) -> None:
    private = LmsPrivateKey(lms_type=lms_sha256_m32_h5, lmots_type=one_time)
    public = private.publicKey().serialize()
    for leaf in range(3):
        signature = private.sign(b"message %d" % leaf)
        assert checked_in_c(device, public, b"message %d" % leaf, signature)
        assert not checked_in_c(device, public, b"message", signature)


def test_the_key_file_never_signs_twice_with_one_leaf(tmp_path: Path) -> None:
    key, header, body, image = (tmp_path / name for name in ("key.json", "image_key.h", "body", "image"))
    body.write_bytes(b"code")
    content = {"seed": "11" * 32, "identity": "22" * 16, "height": 5, "width": 8, "next_leaf": 30}
    key.write_text(json.dumps(content))
    made = LmsKey(b"\x11" * 32, b"\x22" * 16, 5, 8)
    header.write_text(c_header(made.public))
    assert "image_key[56]" in header.read_text()
    words = ["sign", str(key), str(body), str(image), "--version", "1.2.3", "--board", "2"]
    leaves = []
    for _ in range(2):
        main(words)
        content = image.read_bytes()
        head = IMAGE_HEAD.parse(content)
        assert (head.version, head.board, head.length) == (0x01020003, 2, 4)
        assert len(content) == 32 + 4 + head.signature_length
        assert LmsPublicKey.deserialize(made.public).verify(content[:36], content[36:])
        leaves.append(int.from_bytes(content[36:40], "big"))
    assert leaves == [30, 31]
    with pytest.raises(LimitError, match="all 32 signatures"):
        main(words)
    assert pyhsslms.__name__ == "pyhsslms"
