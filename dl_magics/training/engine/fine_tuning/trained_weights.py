"""What of a network a recipe uses and trains, as far as it is known before it is loaded."""

from __future__ import annotations

from dl_magics.training.recipe.hub_presets import PRESETS, HubPreset
from dl_magics.training.recipe.pretrained import find_pretrained
from dl_magics.training.recipe.recipe import Recipe


def describe_trained(recipe: Recipe) -> str:
    """Return what is trained after the head, with the number of its weights; "" for nothing."""
    if not recipe.trains_network:
        return ""
    wanted, rank = recipe.unfreeze, recipe.lora_rank
    place = f"from {wanted} on" if isinstance(wanted, str) else f"unfreeze = {wanted}"
    where = "all blocks" if wanted is None else place
    if rank is None:
        return f"the head, then with it {recipe.model_name}: {where}"
    model = find_pretrained(recipe.model)
    blocks = wanted if isinstance(wanted, int) else None
    count = model.count_adapters(rank, blocks) if isinstance(model, HubPreset) else 0
    about = "as many weights as the run says once it is loaded"
    if isinstance(model, HubPreset) and count:
        most = "at most " if isinstance(wanted, str) else ""
        about = f"{most}{count:,} weights of {model.parameters:,}"
    return f"the head, then with it adapters of rank {rank}, {where}: {about}"


def count_features(recipe: Recipe) -> int:
    """Return the number of features of an image, as far as it is known; else 0."""
    if recipe.model in ("VGG16", "VGG19"):
        return 512
    preset = PRESETS.get(recipe.model)
    return preset.width if preset else 0
