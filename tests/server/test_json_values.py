from __future__ import annotations

import json
import math

from dl_magics.errors import NoCapacity
from dl_magics.server import json_values


def test_a_number_that_json_lacks_becomes_null():
    logs = {"loss": math.nan, "best": [math.inf, (1.5, "NaN")], "epoch": 3}

    assert json.loads(json_values.encode_json(logs)) == {
        "loss": None,
        "best": [None, [1.5, "NaN"]],
        "epoch": 3,
    }


def test_an_error_has_its_class_and_its_two_lines():
    assert json_values.describe_error(NoCapacity("AWS has none.", fix="Wait.")) == {
        "error": "NoCapacity",
        "message": "AWS has none.",
        "fix": "Wait.",
    }
