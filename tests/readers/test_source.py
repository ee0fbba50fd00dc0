"""What readers share: excerpts of rows that are rejected."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers._paths import Item
from pipeline.readers._source import EXCERPT, attempt

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner)
)


def refused(_):
    raise ValueError


@given(VALUES)
def test_an_excerpt_is_the_beginning_of_the_row_as_python_writes_it(value):
    for row in (value, Item(value)):
        assert attempt("a:1", refused, row).excerpt == str(value)[:EXCERPT]
