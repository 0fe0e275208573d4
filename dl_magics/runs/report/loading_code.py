"""The lines of Python that load an image as a run did, without dl_magics."""

from __future__ import annotations

from textwrap import indent

from dl_magics.runs.state import RunState

IMPORTS = "from PIL import Image, ImageOps"

# Keras' load_img neither turns a photo as its camera was held, nor knows what is transparent.
_LOAD = """\
image = ImageOps.exif_transpose(Image.open({file})).convert("RGBA")
image = ImageOps.fit(image, model.input_shape[1:3], Image.Resampling.BILINEAR)
image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
"""
_FUNCTION = """\
def load(file):
{lines}    return np.array(image)
"""


def write_lines(state: RunState, file: str) -> str:
    """Return the lines that load `file`, an expression, into `image`, for the model `model`.

    The image is turned by its EXIF orientation, put on white, and cropped to its center square.
    """
    code = _LOAD.format(file=file)
    if state.gray:
        black, white = state.gray
        scale = f"# Scale grayscale of more than 8 bits first: {black:g} to 0, {white:g} to 255."
        code = f"{scale}\n{code}"
    return code


def write_function(state: RunState) -> str:
    """Return a function `load(file)` that returns the pixels."""
    return _FUNCTION.format(lines=indent(write_lines(state, "file"), "    "))
