"""Values as JSON of browsers: it has neither NaN nor infinity, which a run that diverged has."""

from __future__ import annotations

import json
import math
from typing import Any

from dl_magics.errors import DLMagicsError


def make_finite(value: Any) -> Any:
    """Return the value with None in place of each number that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: make_finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [make_finite(each) for each in value]
    return value


def encode_json(value: Any) -> bytes:
    """Return the value as JSON."""
    return json.dumps(make_finite(value)).encode()


def describe_error(error: DLMagicsError) -> dict[str, str]:
    """Return the two lines of an expected failure, as `Error` of the contract."""
    return {"error": type(error).__name__, "message": str(error), "fix": error.fix}
