"""The waveform list of an AWG5014C: which waveforms it holds, by content, and the upload of those it lacks.

A waveform's name is made from its content hash, so a name in the list is the content; except that an upload may have
been cut after WLISt:WAVeform:NEW. So names found on connecting are read back and compared before they are first used.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual, WLISt group: SIZE?, NAME? (from 0; predefined waveforms
begin with ``*``), WAVeform:NEW, :DATA, :DATA?, :DELete, :LENGth?.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.errors import LimitError
from qctl.instruments.capability import limit
from qctl.instruments.confirm import confirm, parsed_int
from qctl.instruments.links.link import Link
from qctl.instruments.tektronix_awg5014 import capabilities as can

__all__ = ["WaveformList", "waveform_name"]

_PREFIX = "qctl-"
_CONFIRM_BYTES = 16_000_000
_READ_TIMEOUT_S = 60.0


def waveform_name(digest: str) -> str:
    """Return the name under which a waveform is held."""
    return _PREFIX + digest[:40]


@dataclass(slots=True)
class WaveformList:
    """What the box holds, as far as it is known.

    Attributes
    ----------
    link : Link
        To the instrument.
    """

    link: Link
    _trusted: dict[str, int] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)
    _pending: dict[str, int] = field(default_factory=dict)
    _n_foreign: int = 0

    def read(self) -> None:
        """Ask for the list; what is in it is not trusted yet."""
        n_names = parsed_int(self.link, self.link.query("WLIS:SIZE?"), "the size of the waveform list")
        names = [self.link.query(f"WLIS:NAME? {index}").strip('"') for index in range(n_names)]
        self._trusted.clear()
        self._found = {name for name in names if name.startswith(_PREFIX)}
        self._n_foreign = len(names) - len(self._found)

    def hold(self, blobs: Mapping[str, NDArray[np.generic]], needed: Collection[str]) -> tuple[int, bool]:
        """Upload the needed waveforms that the box lacks; none of the last ones is trusted before `trust`.

        Parameters
        ----------
        blobs : mapping of str to (n_samples,) uint16
            Waveform words by digest.
        needed : collection of str
            Digests that the sequence uses.

        Returns
        -------
        n_bytes : int
            Waveform bytes sent.
        evicted : bool
            Whether waveforms were deleted to make room; the sequence may have lost them.
        """
        names = {waveform_name(digest): digest for digest in sorted(needed)}
        for name in sorted(self._found & set(names)):
            self._verify(name, blobs[names[name]])
        missing = [name for name in names if name not in self._trusted]
        evicted = self._make_room(len(missing), names)
        n_bytes = n_pending = 0
        self._pending.clear()
        with self.link.burst():
            for name in missing:
                words = blobs[names[name]]
                n_samples = len(words)
                # One message: two would take the box, and this loop, longer than their few bytes.
                made = f'WLIS:WAV:NEW "{name}",{n_samples},INT'
                self.link.write_block(f'{made};:WLIS:WAV:DATA "{name}",0,{n_samples},', words)
                self._pending[name] = n_samples
                n_bytes += words.nbytes
                n_pending += words.nbytes
                if n_pending >= _CONFIRM_BYTES:
                    confirm(self.link, f"{len(self._pending)} waveforms")
                    self.trust()
                    n_pending = 0
        return n_bytes, evicted

    def trust(self) -> None:
        """Take the waveforms that were sent last as held: nothing of what was sent has been refused."""
        self._trusted.update(self._pending)
        self._pending.clear()

    def _verify(self, name: str, words: NDArray[np.generic]) -> None:
        """Compare a waveform that was found in the list; delete it if it is not what its name says."""
        self._found.discard(name)
        n_samples = parsed_int(self.link, self.link.query(f'WLIS:WAV:LENG? "{name}"'), "a waveform's length")
        if n_samples == len(words):
            (block,) = self.link.query_blocks(f'WLIS:WAV:DATA? "{name}"', timeout_s=_READ_TIMEOUT_S)
            held = np.frombuffer(block, "<u2")
            if np.array_equal(held, words):
                self._trusted[name] = n_samples
                return
        self.link.write(f'WLIS:WAV:DEL "{name}"')
        confirm(self.link, f"deleting {name}")

    def _make_room(self, n_new: int, needed: Collection[str]) -> bool:
        """Delete the waveforms that were found or used longest ago, and no longer needed, if names run out."""
        n_held = self._n_foreign + len(self._found) + len(self._trusted)
        most = limit(can.TABLES[can.MODEL], "waveforms.count").most
        n_over = n_held + n_new - most
        if n_over <= 0:
            return False
        idle = [name for name in (*sorted(self._found), *self._trusted) if name not in needed]
        if len(idle) < n_over:
            raise LimitError(f"{self.link.name}: {n_held + n_new} waveforms are over {most}", instrument=self.link.name)
        for name in idle[: max(n_over, len(idle) // 2)]:
            self.link.write(f'WLIS:WAV:DEL "{name}"')
            self._found.discard(name)
            self._trusted.pop(name, None)
        confirm(self.link, "deleting waveforms")
        return True
