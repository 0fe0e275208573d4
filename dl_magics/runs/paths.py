"""The folders that a run reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run, and the two that all runs of a computer share.

    `run` holds the log, the recipe, the checkpoint and the model; `features` the features that the
    frozen part computed; `weights` pretrained weights.
    """

    run: Path
    features: Path
    weights: Path
