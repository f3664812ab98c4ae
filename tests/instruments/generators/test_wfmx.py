"""Files for an AWG70000A, read back by a parser that knows nothing of what wrote them, and QCoDeS' file beside ours."""

import xml.etree.ElementTree as ET

import numpy as np
from generator_boxes import BOXES, constant, lab_with, lowered
from qcodes.instrument_drivers.tektronix.AWG70000A import TektronixAWG70000Base

from qctl.instruments.rehearsal import blocks_of, commands_of

BOX = BOXES["tektronix-awg70000a"]


def parsed(file):
    """Return the elements of a head by name, and the samples behind it."""
    n = int(file.split(b'offset="')[1][:9])
    root = ET.fromstring(file[:n])
    found = {one.tag.rpartition("}")[2]: one.text for one in root.iter()}
    assert (found["NumberFormat"], found["Endian"], found["MarkersIncluded"]) == ("Single", "Little", "false")
    samples = np.frombuffer(file[n:], "<f4")
    assert len(samples) == int(found["NumberSamples"])
    return found, samples


def test_file_holds_the_samples_and_the_elements_that_qcodes_writes():
    made, _ = lowered(constant(3000, BOX.clock_hz, 0.2), lab_with(BOX))
    ((name, file),) = blocks_of(made).items()
    (samples,) = made.blobs.values()
    assert name == f"q{next(iter(made.blobs))}.wfmx"
    ours, read = parsed(file)
    np.testing.assert_array_equal(read, samples)
    theirs, other = parsed(TektronixAWG70000Base.makeWFMXFile(np.full(3000, 0.2), BOX.vpp))
    assert list(ours) == list(theirs)
    assert {k: v for k, v in ours.items() if k != "Timestamp"} == {k: v for k, v in theirs.items() if k != "Timestamp"}
    np.testing.assert_allclose(read, other, atol=1 / 65534)


def test_commands_show_the_files_and_a_step_that_waits():
    made, _ = lowered(constant(3000, BOX.clock_hz, 0.2), lab_with(BOX))
    shown = commands_of(made, None)
    (file,) = [text for text in shown if text.startswith("MMEM:DATA")]
    size = len(next(iter(blocks_of(made).values())))
    assert file.endswith(f'.wfmx",#5{size}<{size} bytes>')
    assert 'SLIS:SEQ:STEP1:WINP "qctl",ATR' in shown and 'SLIS:SEQ:STEP1:GOTO "qctl",1' in shown
