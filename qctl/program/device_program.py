"""DeviceProgram: what one device plays or records, exact in its grid, memory and DAC words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["DeviceProgram", "Usage"]


class Usage(msgspec.Struct, frozen=True):
    """One row of the resource report: what a program uses of what a device has.

    Attributes
    ----------
    resource : str
        ``waveform samples``, ``sequence elements``, ``records`` …
    used, allowed : int
        In the resource's own count.
    place : str
        Output, input or pulse that needs most of it.
    """

    resource: str
    used: int
    allowed: int
    place: str = ""

    @property
    def fits(self) -> bool:
        """Say whether it is within what the device has."""
        return self.used <= self.allowed


class DeviceProgram(msgspec.Struct, frozen=True, eq=False):
    """Hold one device's part of a run, in the device's own units.

    Attributes
    ----------
    instrument : str
        Its name in lab.toml.
    model : str
        Registry key of the driver that plays it.
    content : bytes or sequence of bytes
        The body, or its pieces one after the other: a program that was patched shares those that stayed as they were.
    blobs : mapping of str to array
        Content hash → waveform words as they are sent; the driver uploads only hashes that the
        device does not hold.
    n_points : int
        Sweep points that `select` can choose; 1 when all points are the same for this device.
    usage : tuple of Usage
        Rows of the resource report.
    trail : object
        What its family keeps of the way here, so that changed phases cost only what they touch; not part of the value.
    """

    instrument: str
    model: str
    content: bytes | Sequence[bytes]
    blobs: Mapping[str, NDArray[np.generic]] = msgspec.field(default_factory=dict)
    n_points: int = 1
    usage: tuple[Usage, ...] = ()
    trail: object = None

    @property
    def body(self) -> bytes:
        """Return msgpack of the family's own frozen struct (declared beside its `lower`); pieces are joined once."""
        content = self.content
        if not isinstance(content, bytes):
            content = b"".join(content)
            msgspec.structs.force_setattr(self, "content", content)
        return content

    @property
    def n_bytes(self) -> int:
        """Return about how many bytes the program holds."""
        content = self.content
        n = len(content) if isinstance(content, bytes) else sum(map(len, content))
        return 2000 + n + sum([200 + words.nbytes for words in self.blobs.values()])

    def __repr__(self) -> str:
        n = self.n_bytes
        return f"DeviceProgram({self.instrument!r}, {self.model!r}, {self.n_points} points, {n} bytes, {self.usage!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeviceProgram):
            return NotImplemented
        mine, others = (
            (one.instrument, one.model, one.body, one.blobs, one.n_points, one.usage) for one in (self, other)
        )
        return mine == others

    __hash__ = None  # type: ignore[assignment]
