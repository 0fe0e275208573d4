"""The learning rate of what is unfrozen, step by step: a warm-up, then half a cosine down.

The first gradients come from a head that was trained on other features, and Adam knows nothing of
their size yet: full steps would undo what the network has learned. The small steps at the end take
what is gained into the last weights. benchmarks/unfreeze.py compares it with the head alone.
"""

from __future__ import annotations

from typing import Any

from dl_magics.training.engine.heads.training import choose_training_batch
from dl_magics.training.recipe.recipe import Recipe

WARM_UP = 0.1
"""The share of the steps in which the rate rises."""
START, END = 0.1, 0.01
"""The first and the last rate, as shares of the highest one."""


def build_schedule(recipe: Recipe, images: int) -> Any:
    """Return Keras' schedule of the learning rate over the epochs on so many images."""
    import keras

    steps = recipe.unfreeze_epochs * -(-images // choose_training_batch(recipe.batch_size))
    warm_up = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=START * recipe.fine_rate,
        decay_steps=max(1, steps - warm_up),
        alpha=END,
        warmup_target=recipe.fine_rate,
        warmup_steps=warm_up,
    )
