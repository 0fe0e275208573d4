"""Sphinx' settings; figures, and the reference pages, are made before each build."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402
import reference  # noqa: E402

from dl_magics.version import __version__ as release  # noqa: E402

project = "dl_magics"
author = "the authors of dl_magics"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {
    "description": "Rent a GPU, wire a notebook to it, fine-tune a pretrained image model, "
    "stop paying",
    "fixed_sidebar": True,
    "page_width": "1180px",  # room for the lines of a help text
    "show_powered_by": False,
}
html_show_copyright = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_title = f"dl_magics {release}"
highlight_language = "none"

figures.write_figures(HERE / "figures")
reference.write_pages(HERE / "reference")
