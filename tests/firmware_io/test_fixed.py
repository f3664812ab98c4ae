"""The fast form of fixed layouts is judged by construct itself."""

from __future__ import annotations

import pytest
from construct import ConstructError, Int8ul, Int16ub, PascalString, Struct
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import InternalError, WireError
from qctl.firmware_io.fixed import FixedLayout
from qctl.firmware_io.messages import FIXED, LAYOUTS
from qctl.firmware_io.packets import HEAD

KINDS = [HEAD, *(LAYOUTS[kind] for kind in FIXED)]


@given(st.sampled_from(KINDS), st.data())
def test_same_bytes_as_construct_both_ways(layout, data):
    fixed = FixedLayout.of(layout)
    values = [data.draw(st.integers(-1, 1 << 33) | st.integers(0, 255)) for _ in fixed.names]
    try:
        built = layout.build(dict(zip(fixed.names, values, strict=True)))
    except ConstructError:
        with pytest.raises(WireError, match="does not fit"):
            fixed.build(*values)
        return
    assert fixed.build(*values) == built
    assert fixed.parse(built) == tuple(values)


@given(st.sampled_from(KINDS[1:]), st.binary(max_size=40))
def test_any_bytes_are_taken_or_refused_as_construct_does(layout, data):
    fixed = FixedLayout.of(layout)
    try:
        parsed = layout.parse(data)
    except ConstructError:
        with pytest.raises(WireError):
            fixed.parse(data)
        return
    assert fixed.parse(data) == tuple(parsed[name] for name in fixed.names)


@pytest.mark.parametrize("field", ["text" / PascalString(Int8ul, "ascii"), "big" / Int16ub])
def test_what_is_not_fixed_is_refused(field):
    with pytest.raises(InternalError, match="no fixed size"):
        FixedLayout.of(Struct(field))
