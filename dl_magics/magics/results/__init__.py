"""The magics that look at what a run learned: `%confusion`, `%top_losses`, `%predict` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_magics.magics.results.bias import BiasMagics
from dl_magics.magics.results.confusion import ConfusionMagics
from dl_magics.magics.results.losses import LossMagics
from dl_magics.magics.results.prediction import PredictionMagics

if TYPE_CHECKING:
    from IPython.core.magic import Magics

ALL: tuple[type[Magics], ...] = (ConfusionMagics, LossMagics, PredictionMagics, BiasMagics)
