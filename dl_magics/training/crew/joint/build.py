"""Build the network that hosts train together: its weights come from the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dl_magics.store import private
from dl_magics.training.engine import networks
from dl_magics.training.engine.fine_tuning.split_network import build_trainable, split_network
from dl_magics.training.engine.heads.network import join_head
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe


def build_network(begin: Mapping[str, Any]) -> Any:
    """Return the compiled network of what a run said to begin with, with any weights."""
    recipe = Recipe.from_json(begin["recipe"])
    folder = private.ensure_folder(private.ensure_folder(Path.home() / ".dl_magics") / "weights")
    frozen = networks.build_frozen(recipe, begin["precision"], folder)
    mean, variance = (np.array(each) for each in begin["moments"])
    head = join_head(recipe, (mean, variance), frozen.features, begin["classes"])
    split = split_network(recipe, frozen)
    return build_trainable(recipe, frozen, split, head, begin["images"]).joint


def leave_weights_out(recipe: Recipe) -> Recipe:
    """Return a recipe whose network is built without weights, where that is possible."""
    if recipe.model in applications.APPLICATIONS:
        return replace(recipe, weights=None)
    return recipe
