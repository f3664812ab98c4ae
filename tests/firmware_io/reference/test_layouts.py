"""The firmware's structs and codes are those of the host's descriptions; the C compiler says where fields are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from construct import Construct, Renamed, Terminated
from device import REFERENCE, make

from qctl.firmware_io import instructions, messages, packets
from qctl.firmware_io import sequencer_messages as sequencer
from qctl.firmware_io.images import IMAGE_HEAD
from qctl.firmware_io.instructions import Op
from qctl.firmware_io.kinds import ErrorCode, Feature, Kind

LAYOUTS: dict[str, Construct] = {
    "packet_head": packets.HEAD,
    "hello": messages.LAYOUTS[messages.Hello],
    "status": messages.LAYOUTS[messages.Status],
    "done": messages.LAYOUTS[messages.Done],
    "identification": messages.LAYOUTS[sequencer.Identification],
    "sequencer_capabilities": messages.LAYOUTS[sequencer.SequencerCapabilities],
    "object": messages.LAYOUTS[sequencer.ObjectHead],
    "arming": messages.LAYOUTS[sequencer.Arming],
    "registers": messages.LAYOUTS[sequencer.RegisterRange],
    "clock": messages.LAYOUTS[sequencer.ClockTimes],
    "traced_event": sequencer.TRACED_ROW,
    "fault": messages.LAYOUTS[sequencer.Faulted],
    "mark": messages.LAYOUTS[sequencer.Marked],
    "telemetry": messages.LAYOUTS[sequencer.Telemetry],
    "boot_status": messages.LAYOUTS[sequencer.BootStatus],
    "program_head": instructions.HEADER,
    "instruction": instructions.ROW,
    "image_head": IMAGE_HEAD,
}


def described(layout: Construct) -> tuple[dict[str, tuple[int, int]], int]:
    """Return (offset, size) of each named field, and the size of all."""
    fields, at = {}, 0
    for part in layout.subcons:
        if part is Terminated:
            continue
        size = part.sizeof()
        if isinstance(part, Renamed):
            fields[part.name] = at, size
        at += size
    return fields, at


def test_structs_are_the_hosts_layouts(tmp_path: Path) -> None:
    lines = []
    for name, layout in LAYOUTS.items():
        lines.append(f"struct {name} all_{name};")
        lines.append(f'printf("{name} . 0 %zu\\n", sizeof(struct {name}));')
        lines += [
            f'printf("{name} {field} %zu %zu\\n", offsetof(struct {name}, {field}), sizeof(all_{name}.{field}));'
            for field in described(layout)[0]
        ]
    source = tmp_path / "layouts.c"
    body = "\n".join(lines)
    source.write_text(
        f'#include "layouts.h"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0;\n}}\n'
    )
    subprocess.run(["cc", "-std=c11", "-I", REFERENCE, source, "-o", tmp_path / "layouts"], check=True)
    told = subprocess.run([tmp_path / "layouts"], check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in LAYOUTS}
    for line in told.splitlines():
        name, field, offset, size = line.split()
        found[name][field] = int(offset), int(size)
    for name, layout in LAYOUTS.items():
        fields, size = described(layout)
        assert found[name] == {".": (0, size), **fields}, name


def constants() -> dict[str, int]:
    """Return the values of all enumerators of the firmware."""
    found: dict[str, int] = {}
    text = re.sub(r"/\*.*?\*/", "", (REFERENCE / "layouts.h").read_text("ascii"), flags=re.DOTALL)
    for inside in re.findall(r"enum \w+ \{(.*?)\}", text, flags=re.DOTALL):
        value = -1
        for one in filter(None, (part.strip() for part in inside.split(","))):
            name, _, given = (word.strip() for word in one.partition("="))
            value = int(given, 0) if given else value + 1
            found[name] = value
    return found


def test_codes_are_the_hosts() -> None:
    found = constants()
    kinds = {kind.name: kind.value for kind in Kind}
    ours = {name: value for name, value in found.items() if name in kinds}
    assert ours == {name: kinds[name] for name in ours}
    assert {name for name, value in kinds.items() if value >= 0x28} - set(ours) == {"WINDOW"}  # of which it has no need
    assert {name[3:]: value for name, value in found.items() if name.startswith("OP_")} == {
        op.name: op.value for op in Op
    }
    assert {name[4:]: value for name, value in found.items() if name.startswith("BAD_")} == {
        code.name: code.value for code in ErrorCode
    }
    features = {name[4:]: value for name, value in found.items() if name.startswith("HAS_")}
    assert sorted(features.values()) == sorted(feature.value for feature in Feature)


def test_the_firmwares_own_unit_tests_pass_under_the_sanitizers() -> None:
    make("test")


@pytest.mark.full
@pytest.mark.timeout(600)
def test_ten_million_fuzzed_bytes_neither_crash_nor_hang_it() -> None:
    make("fuzz", "FUZZ_BYTES=10000000")


def test_fuzzed_bytes_neither_crash_nor_hang_it() -> None:
    make("fuzz", "FUZZ_BYTES=100000")
