"""Values of pandas: its own arrays, which columns consist of, and what is in them."""

from __future__ import annotations

from typing import Any

from dl_magics.core.serialization.codec import Codec, Codecs, Parts, pair


def _split_timestamp(value: Any) -> Parts:
    return [value.to_datetime64(), value.tzinfo], None


def _join_timestamp(parts: list[Any], _: Any) -> Any:
    import pandas as pd

    moment, zone = parts
    stamp = pd.Timestamp(moment)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _join_timedelta(parts: list[Any], _: Any) -> Any:
    import pandas as pd

    return pd.Timedelta(parts[0])


def _join_period(parts: list[Any], frequency: str) -> Any:
    import pandas as pd

    return pd.Period(ordinal=parts[0], freq=frequency)


def _join_interval(parts: list[Any], closed: str) -> Any:
    import pandas as pd

    return pd.Interval(*parts, closed=closed)


def _constant(name: str) -> Codec:
    def join(*_: Any) -> Any:
        import pandas as pd

        return getattr(pd, name)

    return Codec(lambda _: ([], None), join)


def _split_dates(value: Any) -> Parts:
    """Take dates apart: those of a time zone are kept in UTC."""
    import numpy as np

    return [np.asarray(value.asi8).view(f"M8[{_find_unit(value)}]"), value.tz], None


def _find_unit(value: Any) -> str:
    # pandas before 2 has nanoseconds only.
    return str(getattr(value, "unit", "ns"))


def _join_dates(parts: list[Any], _: Any) -> Any:
    import pandas as pd

    moments, zone = parts
    dates = pd.DatetimeIndex(moments)
    return (dates if zone is None else dates.tz_localize("UTC").tz_convert(zone)).array


def _split_durations(value: Any) -> Parts:
    import numpy as np

    return [np.asarray(value.asi8).view(f"m8[{_find_unit(value)}]")], None


def _join_durations(parts: list[Any], _: Any) -> Any:
    import pandas as pd

    return pd.TimedeltaIndex(parts[0]).array


def _split_periods(value: Any) -> Parts:
    import numpy as np

    return [np.asarray(value.asi8)], value.freqstr


def _join_periods(parts: list[Any], frequency: str) -> Any:
    import pandas as pd

    return pd.arrays.PeriodArray(parts[0], dtype=pd.PeriodDtype(frequency))


def _split_intervals(value: Any) -> Parts:
    return [value.left, value.right], value.closed


def _join_intervals(parts: list[Any], closed: str) -> Any:
    import pandas as pd

    return pd.arrays.IntervalArray.from_arrays(*parts, closed=closed)


def _split_categories(value: Any) -> Parts:
    import numpy as np

    return [np.asarray(value.codes), value.categories], bool(value.ordered)


def _join_categories(parts: list[Any], ordered: bool) -> Any:
    import pandas as pd

    return pd.Categorical.from_codes(parts[0], categories=parts[1], ordered=ordered)


def _split_nullable(value: Any) -> Parts:
    kind = value.dtype.numpy_dtype
    missing = value.isna()
    return [value.to_numpy(dtype=kind, na_value=kind.type(0)), missing], None


def _nullable(name: str) -> Codec:
    def join(parts: list[Any], _: Any) -> Any:
        import pandas as pd

        return getattr(pd.arrays, name)(*parts)

    return Codec(_split_nullable, join)


def _split_strings(value: Any) -> Parts:
    import pandas as pd

    texts = [None if missing else str(each) for each, missing in pair(value, value.isna())]
    is_na = getattr(value.dtype, "na_value", pd.NA) is pd.NA
    return [texts], ["NA" if is_na else "nan", value.dtype.storage]


def _join_strings(parts: list[Any], data: list[str]) -> Any:
    """Return strings, in the storage that this side has.

    pandas before 2.3 has no strings with NaN, but objects.
    """
    import numpy as np
    import pandas as pd

    missing, storage = data
    texts = np.empty(len(parts[0]), object)
    texts[:] = parts[0]
    if missing == "NA":
        try:
            return pd.array(texts, dtype=pd.StringDtype(storage))
        except ImportError:
            return pd.array(texts, dtype=pd.StringDtype("python"))
    try:
        return pd.array(texts, dtype=pd.StringDtype(na_value=np.nan))
    except TypeError:
        texts[[each is None for each in texts]] = np.nan
        return texts


def _split_sparse(value: Any) -> Parts:
    import numpy as np

    return [np.asarray(value), value.fill_value], value.kind


def _join_sparse(parts: list[Any], kind: str) -> Any:
    import pandas as pd

    return pd.arrays.SparseArray(parts[0], fill_value=parts[1], kind=kind)


_STRINGS = Codec(_split_strings, _join_strings)

CODECS: Codecs = {
    "pandas.Timestamp": Codec(_split_timestamp, _join_timestamp),
    "pandas.Timedelta": Codec(lambda value: ([value.to_timedelta64()], None), _join_timedelta),
    "pandas.Period": Codec(lambda value: ([value.ordinal], value.freqstr), _join_period),
    "pandas.Interval": Codec(
        lambda value: ([value.left, value.right], value.closed), _join_interval
    ),
    "pandas.NaTType": _constant("NaT"),
    "pandas.NAType": _constant("NA"),
    "pandas.DatetimeArray": Codec(_split_dates, _join_dates),
    "pandas.TimedeltaArray": Codec(_split_durations, _join_durations),
    "pandas.PeriodArray": Codec(_split_periods, _join_periods),
    "pandas.IntervalArray": Codec(_split_intervals, _join_intervals),
    "pandas.Categorical": Codec(_split_categories, _join_categories),
    "pandas.IntegerArray": _nullable("IntegerArray"),
    "pandas.FloatingArray": _nullable("FloatingArray"),
    "pandas.BooleanArray": _nullable("BooleanArray"),
    "pandas.StringArray": _STRINGS,
    "pandas.StringArrayNumpySemantics": _STRINGS,
    "pandas.ArrowStringArray": _STRINGS,
    "pandas.ArrowStringArrayNumpySemantics": _STRINGS,
    "pandas.SparseArray": Codec(_split_sparse, _join_sparse),
}
