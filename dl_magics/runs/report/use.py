"""How the model of a run is used without dl_magics, as lines of Python in its report."""

from __future__ import annotations

from html import escape

from dl_magics.runs.report import loading_code
from dl_magics.runs.state import RunState

_USE = """\
import json, zipfile, keras
{imports}

model = keras.saving.load_model("model.keras", safe_mode=True)
classes = json.loads(zipfile.ZipFile("model.keras").read("classes.json"))
{load}probabilities = model.predict(keras.utils.img_to_array(image)[None])[0]
print(classes[probabilities.argmax()])
"""
_MODEL = "model.keras"


def describe_use(state: RunState) -> str:
    """Return the lines with their heading; "" for a run without a model of Keras 3."""
    if _MODEL not in state.files:
        return ""
    code = _USE.format(
        imports=loading_code.IMPORTS, load=loading_code.write_lines(state, '"image.jpg"')
    )
    return f"<h2>Use the model without dl_magics</h2><pre>{escape(code)}</pre>\n"
