"""The settings of a `%%finetune` cell: their defaults, rules and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dl_magics.training.recipe import optimizers, validators


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings."""

    default: Any
    rule: validators.Rule
    meaning: str


SETTINGS: dict[str, Setting] = {
    "model": Setting(
        "VGG16",
        validators.nonempty_text,
        'any model of keras.applications, any image backbone of KerasHub ("dinov2_small"), or one '
        "of your own, as a variable or a .keras file; with its own preprocessing",
    ),
    "weights": Setting(
        "imagenet",
        validators.either(validators.nonempty_text, validators.one_of(None)),
        'pretrained weights: "imagenet", a file, or None for random initialization',
    ),
    "image_size": Setting(
        None,
        validators.either(validators.whole(16, 4096), validators.one_of(None)),
        "height and width in pixels; None is the default of the model (VGG16: 224)",
    ),
    "epochs": Setting(10, validators.whole(1, 100_000), "epochs of the head"),
    "batch_size": Setting(
        "auto",
        validators.either(validators.whole(1, 65536), validators.one_of("auto")),
        '"auto" is what fits into memory for the frozen part, and 32 for the head',
    ),
    "learning_rate": Setting(1e-3, validators.number(0, 100), "of the optimizer, for the head"),
    "optimizer": Setting(
        "adam",
        optimizers.optimizer,
        "one of keras.optimizers by name, or as Keras writes it: class_name and config",
    ),
    "weight_decay": Setting(
        None,
        validators.either(validators.number(0, 1, zero=True), validators.one_of(None)),
        "of the optimizer; None is its own (0.004 for adamw, else none)",
    ),
    "label_smoothing": Setting(
        0.0,
        validators.number(0, 1, zero=True),
        "fraction of each label that is spread over all classes",
    ),
    "class_weight": Setting(
        None,
        validators.either(validators.one_of("balanced", None), validators.weights),
        'weights of the classes in the loss: "balanced" gives each class the same share, or a '
        "dict by name; None is 1 for each image",
    ),
    "heads": Setting(
        "auto",
        validators.either(validators.whole(1, 100), validators.one_of("auto")),
        "heads that are trained side by side, their probabilities are averaged; "
        '"auto" is 5, or 1 for a head of your own, without hidden layers, on whole maps and with '
        "Theano",
    ),
    "unfreeze": Setting(
        None,
        validators.either(
            validators.either(validators.whole(1), validators.nonempty_text),
            validators.one_of(None),
        ),
        'what is trained after the head, together with it: from a block or layer on ("block5"), or '
        "a number of the last layers, of a vision transformer of its last blocks; None is nothing",
    ),
    "lora_rank": Setting(
        None,
        validators.either(validators.whole(1, 256), validators.one_of(None)),
        "trains adapters (LoRA) of this rank on the queries and values of attention in place of "
        "the weights: in all blocks, or from unfreeze on; 4 is usual",
    ),
    "unfreeze_epochs": Setting(3, validators.whole(1, 100_000), "epochs of what is unfrozen"),
    "fine_learning_rate": Setting(
        None,
        validators.either(validators.number(0, 100), validators.one_of(None)),
        "the highest of the optimizer for what is unfrozen: it rises in the first tenth of the "
        "steps, then falls along a cosine; None is 3e-05, or 0.0001 with lora_rank",
    ),
    "dense": Setting(
        (256,), validators.sizes, "sizes of the hidden layers of the head; [] for none"
    ),
    "dropout": Setting(
        0.5, validators.number(0, 1, zero=True), "fraction of units to drop in the head"
    ),
    "pooling": Setting(
        "avg",
        validators.one_of("avg", "max", "cls", None),
        "input of the head: the mean or the maximum of each feature map, the class token of a "
        'vision transformer ("cls", its default), or the whole map (None)',
    ),
    "augment": Setting(
        0,
        validators.whole(0, 100),
        "augmented copies of each training image, computed once: each epoch draws one of them or "
        "the image; for others in each epoch, define augment(image, random)",
    ),
    "valid": Setting(
        0.2, validators.number(0, 1), "fraction kept for validation if the folder has no valid/"
    ),
    "sample": Setting(
        None,
        validators.either(validators.whole(2), validators.one_of(None)),
        "training images per class, and sample * valid of them for validation; None is all",
    ),
    "seed": Setting(42, validators.whole(0, 2**32 - 1), "same seed, same numbers"),
    "patience": Setting(
        3,
        validators.whole(1, 100_000),
        "epochs of the head without a lower val_loss before its training stops",
    ),
    "mixed_precision": Setting(
        "auto",
        validators.one_of("auto", True, False),
        'half precision for the frozen part; "auto" uses it where the device is faster with it',
    ),
    "max_duration": Setting(
        None,
        validators.either(validators.duration, validators.one_of(None)),
        'time after which the run ends and keeps the best weights: minutes, or "90s", "30m", "2h"',
    ),
    "budget": Setting(
        None,
        validators.either(validators.number(0), validators.one_of(None)),
        "dollars that the time of the run may cost on an instance: it ends before, with the best "
        "weights",
    ),
    "workers": Setting(
        None,
        validators.either(validators.names, validators.one_of(None)),
        "instances that compute the features together and, with JAX, train what is unfrozen: the "
        'name given to %aws_launch --count ("crew"), or a list of names; None is where the run '
        "trains",
    ),
    "then": Setting(
        None,
        validators.one_of("stop", "terminate", None),
        "what happens to the instance, or to all that workers names, once the results are on this "
        'computer and checked: "stop", "terminate" (with -f on the line), or None',
    ),
    "backend": Setting(
        None,
        validators.one_of("tensorflow", "jax", "torch", "theano", None),
        'None is the backend that %backend shows; "theano" trains VGG16 with Keras 1',
    ),
}
