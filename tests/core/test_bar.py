from __future__ import annotations

import pytest

from dl_magics.core.bar import format_bar


@pytest.mark.parametrize(("share", "full"), [(0.0, 0), (0.5, 12), (1.0, 24), (-1.0, 0), (7.0, 24)])
def test_a_bar_is_full_to_its_share(share, full):
    assert format_bar(share) == "━" * full + "─" * (24 - full)
