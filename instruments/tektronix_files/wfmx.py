"""The file form of a waveform, `.wfmx`: an XML head that says its own length, then float32 samples.

Source: QCoDeS ``AWG70000A.py`` (the elements, their order and values, and samples as fractions of half the range).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["wfmx"]

_SPACE = "http://www.tektronix.com"
_DIGITS = 9


def wfmx(samples: NDArray[np.generic]) -> bytes:
    """Return the file of a waveform without markers; the same samples give the same bytes.

    Parameters
    ----------
    samples : (n,) float32
        From -1 to 1.
    """
    described = {
        "NumberSamples": str(len(samples)),
        "SamplesType": "AWGWaveformSample",
        "MarkersIncluded": "false",
        "NumberFormat": "Single",
        "Endian": "Little",
        "Timestamp": "2000-01-01T00:00:00.000+00:00",
    }
    rows = "".join(f"<{name}>{value}</{name}>\r\n" for name, value in described.items())
    rest = (
        f'" version="0.1">\r\n<DataSetsCollection xmlns="{_SPACE}">\r\n<DataSets version="1" xmlns="{_SPACE}">\r\n'
        f"<DataDescription>\r\n{rows}</DataDescription>\r\n"
        '<ProductSpecific name="">\r\n<ReccSamplingRate units="Hz">NaN</ReccSamplingRate>\r\n'
        '<ReccAmplitude units="Volts">NaN</ReccAmplitude>\r\n<ReccOffset units="Volts">NaN</ReccOffset>\r\n'
        "<SerialNumber />\r\n<SoftwareVersion>1.0.0917</SoftwareVersion>\r\n<UserNotes />\r\n"
        "<OriginalBitDepth>Floating</OriginalBitDepth>\r\n<Thumbnail />\r\n"
        '<CreatorProperties name="" />\r\n</ProductSpecific>\r\n</DataSets>\r\n</DataSetsCollection>\r\n'
        "<Setup />\r\n</DataFile>"
    )
    begin = '<DataFile offset="'
    head = f"{begin}{len(begin) + _DIGITS + len(rest):0{_DIGITS}d}{rest}"
    return head.encode("ascii") + samples.astype("<f4").tobytes()
