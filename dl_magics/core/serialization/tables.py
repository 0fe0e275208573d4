"""Values of pandas: series, frames and indexes."""

from __future__ import annotations

from typing import Any

from dl_magics.core.serialization.codec import Codec, Codecs, Parts, UnsupportedType

_DATES = ("DatetimeIndex", "TimedeltaIndex")


def get_values(column: Any) -> Any:
    """Return the values of a series or index: a NumPy array where it has a NumPy dtype."""
    import numpy as np

    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def _split_series(value: Any) -> Parts:
    parts = [get_values(value), value.index, value.name, value.attrs]
    return parts, value.flags.allows_duplicate_labels


def _join_series(parts: list[Any], unique: Any) -> Any:
    values, index, name, attrs = parts
    return _restore(_build_series(values, index, name), attrs, unique)


def _split_frame(value: Any) -> Parts:
    columns = [get_values(value.iloc[:, n]) for n in range(value.shape[1])]
    parts = [value.index, value.columns, value.attrs, *columns]
    return parts, value.flags.allows_duplicate_labels


def _join_frame(parts: list[Any], unique: Any) -> Any:
    import pandas as pd

    index, names, attrs, *columns = parts
    rows = pd.RangeIndex(len(index))
    # Each column as a series, so that pandas does not choose a dtype for objects.
    frame = pd.DataFrame({n: _build_series(each, rows) for n, each in enumerate(columns)}, rows)
    frame.index, frame.columns = index, names
    return _restore(frame, attrs, unique)


def _build_series(values: Any, index: Any, name: Any = None) -> Any:
    import pandas as pd

    return pd.Series(values, index=index, name=name, dtype=values.dtype)


def _restore(joined: Any, attrs: Any, unique: Any) -> Any:
    joined.attrs = attrs
    joined.flags.allows_duplicate_labels = bool(unique)
    return joined


def _split_index(value: Any) -> Parts:
    frequency = getattr(value, "freqstr", None) if type(value).__name__ in _DATES else None
    if frequency and not _is_frequency(frequency, value.freq):
        raise UnsupportedType(f"pandas index with the frequency {value.freq!r}")
    return [get_values(value), value.name], frequency


def _is_frequency(text: str, frequency: Any) -> bool:
    """Whether the text has all that the frequency has, unlike that of one with holidays."""
    import pandas as pd

    try:
        return bool(pd.tseries.frequencies.to_offset(text) == frequency)
    except ValueError:
        return False


def _join_index(parts: list[Any], frequency: Any) -> Any:
    import pandas as pd

    values, name = parts
    index = pd.Index(values, dtype=values.dtype)
    if frequency:
        try:
            index = type(index)(index, freq=frequency)
        except ValueError:
            # `ME` was `M` before pandas 2.2: each version finds its own name.
            index = type(index)(index, freq="infer")
    # Not `pd.Index(…, name=…)`, to which a tuple is several names.
    return index.rename(name)


def _split_multi_index(value: Any) -> Parts:
    return [list(value.names), *value.levels, *map(_to_array, value.codes)], value.nlevels


def _to_array(values: Any) -> Any:
    import numpy as np

    return np.asarray(values)


def _join_multi_index(parts: list[Any], levels: int) -> Any:
    import pandas as pd

    names, *rest = parts
    return pd.MultiIndex(levels=rest[:levels], codes=rest[levels:], names=names)


def _split_range(value: Any) -> Parts:
    return [range(value.start, value.stop, value.step), value.name], None


def _join_range(parts: list[Any], _: Any) -> Any:
    import pandas as pd

    return pd.RangeIndex(parts[0], name=parts[1])


_INDEX = Codec(_split_index, _join_index)

CODECS: Codecs = {
    "pandas.Series": Codec(_split_series, _join_series),
    "pandas.DataFrame": Codec(_split_frame, _join_frame),
    "pandas.MultiIndex": Codec(_split_multi_index, _join_multi_index),
    "pandas.RangeIndex": Codec(_split_range, _join_range),
    "pandas.Index": _INDEX,
    "pandas.DatetimeIndex": _INDEX,
    "pandas.TimedeltaIndex": _INDEX,
    "pandas.PeriodIndex": _INDEX,
    "pandas.CategoricalIndex": _INDEX,
    "pandas.IntervalIndex": _INDEX,
}
