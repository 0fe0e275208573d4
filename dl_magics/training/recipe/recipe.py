"""The settings of a `%%finetune` cell, their validation, and the recipe made of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe import applications, validators


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
        "any model of keras.applications, with its own preprocessing",
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
    "epochs": Setting(5, validators.whole(1, 100_000), "epochs of the head"),
    "batch_size": Setting(
        "auto",
        validators.either(validators.whole(1, 65536), validators.one_of("auto")),
        '"auto" is what fits into memory for the frozen part, and 32 for the head',
    ),
    "learning_rate": Setting(1e-3, validators.number(0, 100), "of Adam, for the head"),
    "dense": Setting(
        (256,), validators.sizes, "sizes of the hidden layers of the head; [] for none"
    ),
    "dropout": Setting(
        0.5, validators.number(0, 1, zero=True), "fraction of units to drop in the head"
    ),
    "pooling": Setting(
        "avg",
        validators.one_of("avg", "max", None),
        "input of the head: the mean or the maximum of each feature map, or the whole map (None)",
    ),
    "augment": Setting(0, validators.whole(0, 100), "augmented copies of each training image"),
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
        3, validators.whole(1, 100_000), "epochs without a lower val_loss before training stops"
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
    "then": Setting(
        None,
        validators.one_of("stop", "terminate", None),
        'what happens to the instance once the results are on this computer and checked: "stop", '
        '"terminate" (with -f on the line), or None',
    ),
    "backend": Setting(
        None,
        validators.one_of("tensorflow", "jax", "torch", "theano", None),
        'None is the backend that %backend shows; "theano" trains VGG16 with Keras 1',
    ),
}

NOT_SUPPORTED_YET = ("unfreeze", "unfreeze_epochs", "fine_learning_rate", "workers")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The validated settings of a `%%finetune` cell; they can be written as JSON.

    `data` is the image folder; `head` the source of a function `head(features)`, with the imports
    it needs, and `head_names` the plain values of the notebook that it uses.
    """

    data: str
    model: str = "VGG16"
    weights: str | None = "imagenet"
    image_size: int = 224
    epochs: int = 5
    batch_size: int | str = "auto"
    learning_rate: float = 1e-3
    dense: tuple[int, ...] = (256,)
    dropout: float = 0.5
    pooling: str | None = "avg"
    augment: int = 0
    valid: float = 0.2
    sample: int | None = None
    seed: int = 42
    patience: int = 3
    mixed_precision: bool | str = "auto"
    max_duration: float | None = None
    budget: float | None = None
    then: str | None = None
    backend: str | None = None
    head: str = ""
    head_names: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON types; `dense` becomes a list."""
        return {**asdict(self), "dense": list(self.dense)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_json` was called on."""
        return cls(**{**values, "dense": tuple(values["dense"])})


def check_settings(
    data: str,
    settings: Mapping[str, Any],
    *,
    head: str = "",
    head_names: Mapping[str, Any] | None = None,
) -> Recipe:
    """Validate the settings of a cell and return its recipe.

    Raises
    ------
    BadSetting
        for an unknown name, a wrong type or an invalid value.
    """
    if not data.strip():
        raise BadSetting(
            "%%finetune got no image folder.",
            fix="Give a folder with one folder per class: %%finetune data/dogscats",
        )
    values = {name: _checked(name, value) for name, value in settings.items()}
    model = applications.find_application(values.pop("model", "VGG16"))
    size = values.pop("image_size", None) or model.size
    if size < model.smallest:
        raise BadSetting(
            f"image_size = {size} is too small for {model.name}.",
            fix=f"Use image_size = {model.smallest} or more; {model.name} was made for "
            f"{model.size}.",
        )
    return Recipe(
        data=data,
        model=model.name,
        image_size=size,
        head=head,
        head_names=head_names or {},
        **values,
    )


def describe_sample(recipe: Recipe) -> str:
    """Return a sentence about what `sample` leaves out; "" without it."""
    if recipe.sample is None:
        return ""
    held = max(1, round(recipe.sample * recipe.valid))
    return (
        f"sample = {recipe.sample}: at most {recipe.sample:,} images of each class for training "
        f"and {held:,} for validation, also if there is a folder valid/."
    )


def _checked(name: str, value: Any) -> Any:
    if name in NOT_SUPPORTED_YET:
        raise BadSetting(
            f"{name} = {quote_value(value)}: this version trains the head only, on one machine.",
            fix=f"Leave {name} out.",
        )
    if name not in SETTINGS:
        near = difflib.get_close_matches(name.lower(), SETTINGS, n=1, cutoff=0.5)
        nearest = f"Nearest: {near[0]}. " if near else ""
        raise BadSetting(
            f"{name} = {quote_value(value)}: there is no setting {name!r}.",
            fix=f"{nearest}All settings: {', '.join(SETTINGS)}",
        )
    try:
        return SETTINGS[name].rule(value)
    except ValueError as wanted:
        raise BadSetting(
            f"{name} = {quote_value(value)} is not valid.",
            fix=f"{name} is {wanted} ({SETTINGS[name].meaning}).",
        ) from None


def quote_value(value: Any) -> str:
    """Return a value as quoted in a message: on one line, shortened."""
    try:
        quoted = " ".join(repr(value).split())
    except ValueError:
        # Python does not convert integers of more than 4300 digits to text.
        return "a number of thousands of digits"
    return quoted if len(quoted) <= 80 else f"{quoted[:77]}…"
