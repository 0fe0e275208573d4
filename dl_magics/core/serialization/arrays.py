"""Values of NumPy."""

from __future__ import annotations

import math
from typing import IO, Any

from dl_magics.core.serialization.codec import Codec, Codecs, Member, Parts, UnsupportedType

_EXTENSIONS = "ml_dtypes"
_HEADER_BYTES = 200_000


def _split_array(value: Any) -> Parts:
    import numpy as np

    dtype = value.dtype
    if dtype == np.dtype(object):
        return [*value.flat], {"shape": [*value.shape]}
    if dtype.type.__module__ == _EXTENSIONS:
        # bfloat16 and others: the .npy format does not know them.
        plain = np.ascontiguousarray(value).view(f"u{dtype.itemsize}").reshape(value.shape)
        return [_write_npy(plain)], {"extension": dtype.name}
    if (
        np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) != dtype
        or dtype.hasobject
    ):
        raise UnsupportedType(f"NumPy array of {dtype}")
    return [_write_npy(value)], {"record": True} if dtype.type is np.record else None


def _write_npy(array: Any) -> Member:
    def write(file: IO[bytes]) -> None:
        import numpy as np

        np.save(file, np.asarray(array), allow_pickle=False)

    return Member(write)


def _join_array(parts: list[Any], data: Any) -> Any:
    import numpy as np

    if data and "shape" in data:
        if math.prod(data["shape"]) != len(parts):
            raise ValueError(f"{len(parts)} elements do not fill the shape {data['shape']}")
        flat = np.empty(len(parts), object)
        for n, each in enumerate(parts):
            flat[n] = each
        return flat.reshape(data["shape"])
    read = np.lib.format.read_array
    # An array with hundreds of fields has a long header. NumPy before 1.24 has no limit.
    longer: dict[str, Any] = {"max_header_size": _HEADER_BYTES} if read.__kwdefaults__ else {}
    array: Any = read(parts[0], allow_pickle=False, **longer)
    if data and "extension" in data:
        import ml_dtypes

        return array.view(np.dtype(getattr(ml_dtypes, data["extension"])))
    if data and "record" in data:
        return array.view(np.dtype((np.record, array.dtype)))
    return array


def _split_masked(value: Any) -> Parts:
    import numpy as np

    mask = None if value.mask is np.ma.nomask else value.mask
    return [value.data, mask, np.asarray(value.fill_value)], bool(value.hardmask)


def _join_masked(parts: list[Any], hard: bool) -> Any:
    import numpy as np

    data, mask, fill = parts
    masked = np.ma.array(data, mask=np.ma.nomask if mask is None else mask, hard_mask=hard)
    masked.fill_value = fill[()]
    return masked


def _view(kind: str) -> Codec:
    def join(parts: list[Any], _: Any) -> Any:
        import numpy as np

        return parts[0].view(getattr(np, kind))

    return Codec(lambda value: ([_to_base(value)], None), join)


def _to_base(value: Any) -> Any:
    import numpy as np

    return value.view(np.ndarray)


def is_scalar(value: Any) -> bool:
    """Whether a value is one of NumPy's scalars, such as `np.float32(1)`."""
    return type(value).__module__.partition(".")[0] in ("numpy", _EXTENSIONS) and all(
        hasattr(value, name) for name in ("dtype", "tobytes", "setflags")
    )


def split_scalar(value: Any) -> Parts:
    """Take a scalar apart: an array without dimensions."""
    import numpy as np

    if not isinstance(value, np.generic):
        raise UnsupportedType(f"{type(value).__module__}.{type(value).__qualname__}")
    return [np.asarray(value)], None


def _join_masked_constant(*_: Any) -> Any:
    import numpy as np

    return np.ma.masked


CODECS: Codecs = {
    "numpy.ndarray": Codec(_split_array, _join_array),
    "numpy.scalar": Codec(split_scalar, lambda parts, _: parts[0][()]),
    "numpy.MaskedArray": Codec(_split_masked, _join_masked),
    "numpy.MaskedConstant": Codec(lambda _: ([], None), _join_masked_constant),
    "numpy.matrix": _view("matrix"),
    "numpy.recarray": _view("recarray"),
}
