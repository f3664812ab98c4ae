"""A body that takes its programs as they are is the one that msgpack makes of them."""

import msgspec
import pytest

from qctl.instruments.qblox.body import QbloxBody, Sequencer, with_programs


@pytest.mark.parametrize("sizes", [(), (0,), (31, 32), (255, 256), (65_535, 65_536, 5)])
def test_programs_are_put_in_as_msgpack_would(sizes):
    texts = ["x" * n for n in sizes]
    made = tuple(
        Sequencer(k, f"q{k}.program", (1,), (), True, 1.0, 0.0, (0.0,), 4, text, {0: "program"}, {}, {})
        for k, text in enumerate(texts)
    )
    bare = tuple(msgspec.structs.replace(one, program="") for one in made)
    parts = [(t[:7].encode(), memoryview(t[7:].encode())) for t in texts]
    assert with_programs(QbloxBody(bare, 3, 5, True, 200), parts) == QbloxBody(made, 3, 5, True, 200).to_bytes()
