"""`report.html`: one page about a run that opens without a server or a network."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from dl_magics.runs import summary
from dl_magics.runs.state import RunState
from dl_magics.store import atomic
from dl_magics.text import escape_controls

FILE_NAME = "report.html"

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
td, th {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8886; }}
img {{ max-width: 100%; }}
</style>
{body}
<h2>Host</h2><p>{host}</p>
<h2>Images</h2>
<table><thead><tr><th>class</th><th>train</th><th>valid</th></tr></thead>
<tbody>{counts}</tbody></table>
{use}<h2>Recipe</h2><pre>{recipe}</pre>
<h2>Versions</h2><pre>{versions}</pre>
</html>
"""

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


def write_report(folder: Path, state: RunState) -> Path:
    """Write the report of a run into its folder and return its path."""
    counts = "".join(
        f"<tr><td>{_text(name)}</td>"
        + "".join(f"<td>{state.counts[part].get(name, 0):,}</td>" for part in ("train", "valid"))
        + "</tr>"
        for name in state.classes
    )
    page = _PAGE.format(
        title=_text(state.run),
        body=summary.render_html(state, summary.draw_curves(state) if state.epochs else b""),
        host=_text(summary.describe_host(state)),
        counts=counts,
        use=_describe_use(state),
        recipe=_text(json.dumps(state.recipe, indent=2, ensure_ascii=False)),
        versions=_text(json.dumps({**state.versions, "device": state.device}, indent=2)),
    )
    return atomic.replace(folder / FILE_NAME, page)


def _describe_use(state: RunState) -> str:
    size = state.recipe.get("image_size")
    if _MODEL not in state.files or not isinstance(size, int):
        return ""
    code = _USE.format(size=size)
    if state.gray:
        black, white = state.gray
        scale = f"# Scale grayscale of more than 8 bits first: {black:g} to 0, {white:g} to 255."
        code = f"{scale}\n{code}"
    return f"<h2>Use the model without dl_magics</h2><pre>{_text(code)}</pre>\n"


def _text(value: str) -> str:
    return escape(escape_controls(value, keep="\n"))
