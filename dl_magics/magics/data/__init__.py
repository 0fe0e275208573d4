"""The magics for the images of a data set: `%check_data`, `%clean_images`, `%split_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_magics.magics.data.checking import CheckMagics
from dl_magics.magics.data.cleaning import CleanMagics
from dl_magics.magics.data.splitting import SplitMagics

if TYPE_CHECKING:
    from IPython.core.magic import Magics

ALL: tuple[type[Magics], ...] = (CheckMagics, CleanMagics, SplitMagics)
