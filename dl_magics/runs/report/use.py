"""How the model of a run is used without dl_magics, as lines of Python in its report."""

from __future__ import annotations

from html import escape

from dl_magics.runs.state import RunState

# Keras loads the image as the run did: the center square, scaled bilinearly.
_USE = """\
import json, zipfile, keras

model = keras.saving.load_model("model.keras", safe_mode=True)
classes = json.loads(zipfile.ZipFile("model.keras").read("classes.json"))
image = keras.utils.load_img(
    "image.jpg", target_size=({size}, {size}), interpolation="bilinear", keep_aspect_ratio=True
)
probabilities = model.predict(keras.utils.img_to_array(image)[None])[0]
print(classes[probabilities.argmax()])
"""
_MODEL = "model.keras"


def describe_use(state: RunState) -> str:
    """Return the lines with their heading; "" for a run without a model of Keras 3."""
    size = state.recipe.get("image_size")
    if _MODEL not in state.files or not isinstance(size, int):
        return ""
    code = _USE.format(size=size)
    if state.gray:
        black, white = state.gray
        scale = f"# Scale grayscale of more than 8 bits first: {black:g} to 0, {white:g} to 255."
        code = f"{scale}\n{code}"
    return f"<h2>Use the model without dl_magics</h2><pre>{escape(code)}</pre>\n"
