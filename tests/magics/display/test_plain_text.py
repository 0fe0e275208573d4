from __future__ import annotations

from dl_magics.magics.display.plain_text import build_bundle
from dl_magics.magics.prompts import Notice


def test_a_text_keeps_its_lines_and_breaks_them_between_words():
    bundle = build_bundle("a < b\nsecond line")

    assert bundle["text/plain"] == "a < b\nsecond line"
    assert "a &lt; b\nsecond line" in bundle["text/html"]
    assert "white-space: pre-wrap; word-break: normal" in bundle["text/html"]


def test_a_notice_is_shown_so():
    assert Notice("on")._repr_html_() == build_bundle("on")["text/html"]
