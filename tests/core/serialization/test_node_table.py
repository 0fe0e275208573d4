"""Every kind of value travels and comes back as it was, or is refused by its name."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import math
import pathlib
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.extra import pandas as frames

from dl_magics.core.serialization import node_table, value_file
from dl_magics.errors import BadValue

Point = collections.namedtuple("Point", "x y", module="__main__")


def nest(levels, kind=list):
    nested = kind()
    for _ in range(levels - 1):
        nested = kind([nested])
    return nested


def object_frame():
    return pd.DataFrame({"a": pd.Series(["x", np.nan, None, 1, (2,)], dtype=object)})


def zoned_frame():
    when = pd.date_range("2026-10-25 00:30", periods=4, freq="h", tz="Europe/Berlin")
    return pd.DataFrame({"when": when, "n": range(4)}, index=when)


def labelled_frame():
    frame = pd.DataFrame([[1, 2.5]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    frame.attrs = {"source": "camera"}
    return frame.set_flags(allows_duplicate_labels=False)


def masked_array():
    masked = np.ma.array([1, 2, 3], mask=[0, 1, 0], hard_mask=True)
    masked.fill_value = -7
    return masked


PLAIN = [
    *("None", "True", "0", "-1", "2**63", "-(2**200)", "10**5000", "0.1", "-0.0", "math.nan"),
    *("math.inf", "5e-324", "1+2j", "complex(-0.0, math.nan)", "'é 日本 \\0'", "'\\ud83d\\ude00'"),
    *("'\\U0001f600'", "b'\\0\\xff'", "bytes(10_000)", "bytearray(b'1')", "bytearray(10_000)"),
    *("[]", "[1, [2.0, 'x']]", "(1, (2,))", "()", "{1, 'a', (2, 3)}", "frozenset({1})", "{}"),
    *("{1: {None: [True]}, (1, 2): 'x'}", "{1: 'int', True: 'x'}", "range(3)", "slice(1, None, 2)"),
    *("range(0, 10**30, 7)", "...", "nest(2000)", "nest(9000, tuple)", "Point(1, [2])"),
    "collections.OrderedDict([(2, 'b'), (1, 'a')])",
    "collections.Counter('hello')",
    "collections.Counter({'a': -1, 'b': 0})",
    "collections.defaultdict(list, {'a': [1]})",
    "collections.defaultdict(None, {1: 2})",
    "collections.deque([1, 2], maxlen=3)",
    "collections.deque([1, 2])",
    *("decimal.Decimal('1.10')", "decimal.Decimal('sNaN')", "fractions.Fraction(1, 3)"),
    *("uuid.UUID(int=7)", "pathlib.Path('a b/ü')", "pathlib.PureWindowsPath('C:/a')"),
    "pathlib.PurePosixPath('/a')",
]
DATES = [
    "datetime.datetime(2024, 1, 1)",
    "datetime.datetime(2024, 1, 1, 5, 6, 7, 8, tzinfo=datetime.timezone.utc)",
    "datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))",
    "datetime.date(2024, 1, 1)",
    "datetime.time(1, 2, 3, 4)",
    "datetime.timedelta(days=-1, microseconds=5)",
    "datetime.timezone(datetime.timedelta(hours=2))",
    "datetime.timezone(datetime.timedelta(hours=-2), 'there')",
]
ARRAYS = [
    "np.arange(6).reshape(2, 3)",
    "np.asfortranarray(np.arange(6.0).reshape(2, 3))",
    "np.arange(10)[::2]",
    "np.array(5)",
    "np.zeros((0, 3))",
    "np.array([1, 2], '>i4')",
    "np.array(['a', 'bc'])",
    "np.array([b'a', b'bc'])",
    "np.array(['2024-01-01', 'NaT'], 'M8[D]')",
    "np.array([1, 2], 'm8[h]')",
    "np.array([1 + 2j], np.complex64)",
    "np.array([(1, 2.5)], dtype=[('a', 'i4'), ('b', 'f8', (2,))])",
    "np.zeros(2, dtype=[(f'field_{n}', 'f8') for n in range(1000)])",
    "np.array(['x', None, [1, 2], np.nan], dtype=object)",
    "np.array([[1, 2], [3, 4]], dtype=object)",
    "np.array([], dtype=object)",
    "masked_array()",
    "np.ma.array([1.5, 2.5])",
    "np.ma.masked",
    "np.ma.array([(1, 2)], mask=[(1, 0)], dtype=[('a', int), ('b', int)])",
    "np.matrix([[1, 2]])",
    "np.rec.array([(1, 2.5)], names='a,b')",
    "np.rec.array([(1, 2.5)], names='a,b')[0]",
    "np.array([(1, 2.5)], dtype=(np.record, [('a', int), ('b', float)]))",
    "np.float32(1.5)",
    "np.float64(1.5)",
    "np.int8(-1)",
    "np.bool_(True)",
    "np.str_('x')",
    "np.bytes_(b'x')",
    "np.datetime64('2024-01-01T00:00:00.5')",
    "np.timedelta64(5, 's')",
    "np.array([(1, 2.5)], dtype=[('a', 'i4'), ('b', 'f8')])[0]",
    "np.longdouble(1) / 3",
]
TABLES = [
    "object_frame()",
    "zoned_frame()",
    "labelled_frame()",
    "pd.DataFrame()",
    "pd.DataFrame(index=[1, 2])",
    "pd.DataFrame({'a': [1, 2]}, index=pd.date_range('2024', periods=2))",
    "pd.DataFrame({'a': [1, 2]}, index=pd.date_range('2024', periods=2, freq='ME'))",
    "pd.DataFrame({'a': [1, 2]}, index=pd.timedelta_range('1h', periods=2))",
    "pd.DataFrame({'a': pd.Categorical(['x', None, 'x'], categories=['y', 'x'], ordered=True)})",
    "pd.DataFrame({'a': pd.cut([1, 5, 9], 3)})",
    "pd.DataFrame({'a': pd.cut([1, 5, 9], 3).astype(object)})",
    "pd.DataFrame({'a': [datetime.date(2024, 1, 1), None]})",
    "pd.DataFrame({'a': pd.array([1, None], dtype='Int64'), 'b': pd.array([1, 2], dtype='UInt8')})",
    "pd.DataFrame({'a': pd.array([True, None], dtype='boolean')})",
    "pd.DataFrame({'a': pd.array([1.5, None], dtype='Float32')})",
    "pd.DataFrame({'a': ['x', None]})",
    "pd.DataFrame({'a': pd.array(['x', None], dtype='string')})",
    "pd.DataFrame({'a': pd.arrays.SparseArray([0, 0, 1])})",
    "pd.DataFrame({'a': pd.period_range('2024', periods=2, freq='M')})",
    "pd.DataFrame({'a': pd.arrays.IntervalArray.from_breaks([0, 1, 2], closed='left')})",
    "pd.DataFrame([[1, 2]], columns=['same', 'same'], index=['i'])",
    "pd.DataFrame({0: [1.5], 'x': ['2024']}).astype({'x': 'datetime64[s]'})",
    "pd.DataFrame({'a': np.array([1, 2], 'float16'), 'b': [1 + 2j, 3]})",
    "pd.Series([1, 2], pd.MultiIndex.from_product([['x'], [1, 2]], names=['k', None])).to_frame()",
    "pd.Series([1.5, None], name='loss', index=['a', 'a'])",
    "pd.Series(['x'], name=('two', 'parts'))",
    "pd.Series([], dtype=object)",
    "pd.Series([pd.Timestamp('2024'), pd.NaT, None], dtype=object)",
    "pd.Series(pd.to_datetime(['2024', None], utc=True))",
    "pd.Series(pd.to_timedelta([1, None], unit='s'))",
    *("pd.Index([1])", "pd.Index(['a', None], name='x')", "pd.Index([1, 'a'], dtype=object)"),
    *("pd.RangeIndex(2, 10, 3, name='r')", "pd.CategoricalIndex(['a', 'b'])"),
    "pd.IntervalIndex.from_breaks([0.5, 1, 2])",
    "pd.PeriodIndex(['2024-01', '2024-02'], freq='M')",
    "pd.DatetimeIndex(['2024-01-01', '2024-01-05'])",
    "pd.date_range('2024', periods=5, freq='B', tz='Asia/Tokyo', name='b')",
    "pd.MultiIndex.from_tuples([('a', 1.5), ('b', None)], names=['x', ('y', 1)])",
    *("pd.Timestamp('2024')", "pd.Timestamp('2026-10-25 01:30+00:00').tz_convert('Europe/Berlin')"),
    *("pd.Timestamp('2024').as_unit('s')", "pd.Timedelta('1 day 5 ns')", "pd.NaT", "pd.NA"),
    *("pd.Period('2024-01', 'M')", "pd.Interval(0, 1.5, closed='both')"),
    *("pd.Categorical(['a'])", "pd.array([1, None])", "pd.array(['a'], dtype='string')"),
]


# What the expressions of the tables may name.
NAMES = {
    **{module.__name__: module for module in (collections, datetime, decimal, fractions, math)},
    **{module.__name__: module for module in (pathlib, uuid, zoneinfo)},
}


def evaluate(expression):
    return eval(expression, {**globals(), **NAMES})


def kind_of(dtype):
    """Return a dtype; a zone by its name, as those of pytz (pandas 2) come back as zoneinfo's."""
    return str(dtype) if isinstance(dtype, pd.DatetimeTZDtype) else dtype


def same(one, other):
    """Whether two values are equal in type and in all that can be seen of them."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one.hex() == other.hex()
    if isinstance(one, complex):
        return repr(one) == repr(other)
    if isinstance(one, decimal.Decimal):
        return repr(one) == repr(other)
    if isinstance(one, np.ma.MaskedArray):
        return one is other or (
            same(one.data, other.data)
            and same(np.asarray(one.mask), np.asarray(other.mask))
            and same(np.asarray(one.fill_value), np.asarray(other.fill_value))
            and one.hardmask == other.hardmask
        )
    if isinstance(one, (np.ndarray, np.generic)):
        if (one.dtype, one.shape, one.dtype.type) != (other.dtype, other.shape, other.dtype.type):
            return False
        if one.dtype == object:
            return same([*one.flat], [*other.flat])
        if one.dtype == np.longdouble:  # which may have any bytes beside those of its value
            return np.array_equal(one, other)
        return one.tobytes() == other.tobytes() and one.flags.fnc == other.flags.fnc
    if isinstance(one, pd.DataFrame):
        columns = [(one.iloc[:, n], other.iloc[:, n]) for n in range(one.shape[1])]
        return (
            one.shape == other.shape
            and same(one.index, other.index)
            and same(one.columns, other.columns)
            and all(same(*pair) for pair in columns)
            and one.attrs == other.attrs
            and one.flags == other.flags
        )
    if isinstance(one, pd.Series):
        return (
            kind_of(one.dtype) == kind_of(other.dtype)
            and same([*one], [*other])
            and same(one.index, other.index)
            and same(one.name, other.name)
        )
    if isinstance(one, pd.Index):
        freq = getattr(one, "freq", None) == getattr(other, "freq", None)
        return (
            kind_of(one.dtype) == kind_of(other.dtype)
            and same([*one], [*other])
            and same([*one.names], [*other.names])
            and freq
        )
    if isinstance(one, pd.api.extensions.ExtensionArray):
        return kind_of(one.dtype) == kind_of(other.dtype) and same([*one], [*other])
    if isinstance(one, dict):
        factory = getattr(one, "default_factory", None) == getattr(other, "default_factory", None)
        return factory and same([*one.items()], [*other.items()])
    if isinstance(one, (list, tuple, collections.deque)):
        levels = [(one, other)]
        while levels:
            a, b = levels.pop()
            if type(a) is type(b) and isinstance(a, (list, tuple)):
                if len(a) != len(b):
                    return False
                levels += zip(a, b, strict=True)
            elif isinstance(a, collections.deque):
                if a.maxlen != b.maxlen or len(a) != len(b):
                    return False
                levels += zip(a, b, strict=True)
            elif not same(a, b):
                return False
        return True
    if isinstance(one, pd.Timestamp):
        return (one.unit, one, str(one.tz)) == (other.unit, other, str(other.tz))
    if isinstance(one, datetime.datetime):
        return (one, one.fold, one.tzinfo) == (other, other.fold, other.tzinfo)
    return one is other or one == other


def round_trip(path, value, classes=()):
    value_file.write_values(path / "values", {"x": value})
    return value_file.read_values(path / "values", ["x"], dict(classes))["x"]


@pytest.mark.parametrize("expression", [*PLAIN, *DATES, *ARRAYS, *TABLES])
def test_a_value_comes_back_with_its_type_and_all_that_it_has(tmp_path, expression):
    value = evaluate(expression)

    back = round_trip(tmp_path, value, {"Point": Point})

    assert same(value, back), (value, back)


def test_what_two_containers_share_is_shared_on_the_other_side(tmp_path):
    row, array = [0], np.zeros(2)

    grid, arrays_ = round_trip(tmp_path, [[row] * 3, (array, array)])

    grid[0][0] = 5
    assert grid == [[5], [5], [5]]
    assert arrays_[0] is arrays_[1]


def test_a_named_tuple_gets_the_class_of_the_notebook_that_receives_it(tmp_path):
    back = round_trip(tmp_path, Point(1, 2), {"Point": Point})
    other = round_trip(tmp_path, Point(1, 2), {"Point": collections.namedtuple("Point", "y x")})

    assert type(back) is Point
    assert (other.x, other.y) == (1, 2)


tensorflow = pytest.mark.parametrize(
    "expression",
    [
        "tf.constant([1.5, 2.5])",
        "tf.constant([[1, 2]], tf.int8)",
        "tf.constant([b'a', b'bc'])",
        "tf.constant([1.5], tf.bfloat16)",
        "tf.zeros((0, 3))",
    ],
)


@tensorflow
def test_a_tensor_of_tensorflow_comes_back_as_one(tmp_path, expression):
    tf = pytest.importorskip("tensorflow")
    value = eval(expression, {"tf": tf})

    back = round_trip(tmp_path, value)

    assert type(back) is type(value)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert back.numpy().tolist() == value.numpy().tolist()


@pytest.mark.backends
@pytest.mark.parametrize(
    "expression",
    [
        "torch.tensor([1.5, 2.5])",
        "torch.tensor([1.5], dtype=torch.bfloat16)",
        "torch.tensor([1.0], requires_grad=True)",
        "torch.arange(6).reshape(2, 3).T",
        "torch.tensor(1 + 2j).conj()",
    ],
)
def test_a_tensor_of_pytorch_comes_back_as_one(tmp_path, expression):
    torch = pytest.importorskip("torch")
    value = eval(expression, {"torch": torch})

    back = round_trip(tmp_path, value)

    assert type(back) is torch.Tensor
    assert (back.dtype, back.requires_grad) == (value.dtype, value.requires_grad)
    assert torch.equal(back, value.resolve_conj())


@pytest.mark.backends
def test_an_array_of_jax_comes_back_as_one(tmp_path):
    jnp = pytest.importorskip("jax.numpy")
    value = jnp.array([1.5, 2.5], jnp.bfloat16)

    back = round_trip(tmp_path, value)

    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert back.tolist() == [1.5, 2.5]


def loop():
    around = []
    around.append(around)
    return around


class Own(dict):
    pass


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("object()", "builtins.object"),
        ("{'a': [lambda: 0]}", "builtins.function"),
        ("np.array([object()])", "builtins.object"),
        ("np.array([(1, [])], dtype=[('a', int), ('b', object)])", "NumPy array of"),
        ("np.memmap('zeros', mode='w+', shape=3)", "memmap"),
        ("loop()", "value that contains itself"),
        ("nest(node_table.MAX_DEPTH + 1)", "value that is nested more than 10,000 levels deep"),
        ("collections.defaultdict(lambda: 5)", "defaultdict with a factory of its own"),
        ("Own()", "Own"),
        ("type('Text', (str,), {})('x')", "Text"),
        ("pd.DataFrame({'a': [object()]})", "builtins.object"),
        (
            "pd.date_range('2024', '2025', freq=pd.offsets.CDay(holidays=['2024-05-01']))",
            "frequency",
        ),
    ],
)
def test_any_other_value_is_refused_by_name_in_two_lines(tmp_path, monkeypatch, expression, kind):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadValue, match="x is or contains a") as refused:
        round_trip(tmp_path, evaluate(expression))

    assert kind in str(refused.value)
    assert "%sync" in refused.value.fix


_names = st.one_of(st.text(), st.integers(), st.booleans(), st.none())
_leaves = st.one_of(
    _names,
    st.floats(),
    st.complex_numbers(),
    st.binary(),
    st.integers(-(2**100), 2**100),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(),
    st.fractions(),
    st.uuids(),
    st.text(st.characters()),
)
_plain = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.lists(inner).map(collections.deque),
        st.dictionaries(_names, inner),
        st.dictionaries(_names, inner).map(collections.OrderedDict),
        st.frozensets(_names),
    ),
    max_leaves=15,
)
_dtypes = st.one_of(
    arrays.integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.boolean_dtypes(),
    arrays.datetime64_dtypes(),
    arrays.timedelta64_dtypes(),
    arrays.unicode_string_dtypes(),
    arrays.array_dtypes(),
)
_columns = frames.columns(
    ["a", "b"], dtype=None, elements=st.one_of(st.floats(), st.booleans(), st.integers(0, 9))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("values")


@given(value=_plain)
def test_plain_values_come_back_unchanged(folder, value):
    assert same(value, round_trip(folder, value))


@given(value=arrays.arrays(_dtypes, arrays.array_shapes(min_dims=0, min_side=0)))
def test_arrays_come_back_unchanged(folder, value):
    assert same(value, round_trip(folder, value))


@given(value=arrays.arrays(object, arrays.array_shapes(min_side=0), elements=_leaves))
def test_arrays_of_objects_come_back_unchanged(folder, value):
    assert same(value, round_trip(folder, value))


@given(
    value=frames.data_frames(
        index=frames.range_indexes(max_size=5),
        columns=[
            frames.column("whole", dtype="int64"),
            frames.column("real", dtype="float32"),
            frames.column("any", dtype=object, elements=_leaves),
            frames.column("when", dtype="datetime64[ns]"),
        ],
    )
)
def test_frames_come_back_unchanged(folder, value):
    assert same(value, round_trip(folder, value))


def test_the_depth_that_is_allowed_can_be_hashed():
    assert isinstance(hash(nest(node_table.MAX_DEPTH, tuple)), int)
    assert math.isfinite(node_table.MAX_DEPTH)
