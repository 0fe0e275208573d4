"""The recipe of a run: the settings of a `%%finetune` cell, checked and frozen."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe import optimizers, own_model, pretrained
from dl_magics.training.recipe.settings import SETTINGS

_FINE_RATE = 3e-5
# Adapters begin at zero, and best learn about ten times as fast as the weights themselves.
_LORA_RATE = 1e-4


@dataclass(frozen=True, slots=True)
class Function:
    """The source of a function of a cell, with its imports, and the values of `names` in it."""

    source: str
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The validated settings of a `%%finetune` cell; they can be written as JSON.

    `data` is the image folder; `head` the source of a function `head(features)`, with the imports
    it needs, and `head_names` the plain values of the notebook that it uses. So are
    `augment_function` and `augment_names` of `augment(image, random)`.
    """

    data: str
    model: str = "VGG16"
    weights: str | None = "imagenet"
    image_size: int = 224
    epochs: int = 10
    batch_size: int | str = "auto"
    learning_rate: float = 1e-3
    optimizer: str | Mapping[str, Any] = "adam"
    weight_decay: float | None = None
    label_smoothing: float = 0.0
    class_weight: str | Mapping[str, float] | None = None
    heads: int | str = "auto"
    unfreeze: str | int | None = None
    lora_rank: int | None = None
    unfreeze_epochs: int = 3
    fine_learning_rate: float | None = None
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
    workers: tuple[str, ...] | None = None
    then: str | None = None
    backend: str | None = None
    head: str = ""
    head_names: Mapping[str, Any] = field(default_factory=dict)
    augment_function: str = ""
    augment_names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """The model as it is called in a sentence or a name: of a file, without its folder."""
        return PurePath(self.model).name if own_model.is_own_model(self.model) else self.model

    @property
    def trains_network(self) -> bool:
        """Whether layers of the network are trained after the head."""
        return self.unfreeze is not None or self.lora_rank is not None

    @property
    def fine_rate(self) -> float:
        """The highest learning rate of what is unfrozen."""
        usual = _FINE_RATE if self.lora_rank is None else _LORA_RATE
        return usual if self.fine_learning_rate is None else self.fine_learning_rate

    def rate_of(self, phase: str) -> float:
        """Return the learning rate of a phase of training: where a schedule has it, the highest."""
        return self.fine_rate if phase == "unfrozen" else self.learning_rate

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON types; tuples become lists."""
        workers = self.workers and list(self.workers)
        return {**asdict(self), "dense": list(self.dense), "workers": workers}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_json` was called on."""
        workers = values.get("workers")
        tuples = {"dense": tuple(values["dense"]), "workers": workers and tuple(workers)}
        return cls(**{**values, **tuples})


def check_settings(
    data: str,
    settings: Mapping[str, Any],
    *,
    functions: Mapping[str, Function] | None = None,
) -> Recipe:
    """Validate the settings of a cell, and `functions` by name; return its recipe.

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
    values = _move_optimizer_settings(
        {name: _checked(name, value) for name, value in settings.items()}
    )
    model = pretrained.find_pretrained(values.pop("model", "VGG16"))
    size = values.pop("image_size", None) or model.size
    pretrained.require_size(model, size)
    if isinstance(model, own_model.OwnModel) and values.get("weights", "imagenet") != "imagenet":
        raise BadSetting(
            f"weights = {quote_value(values['weights'])}: {model.name} has its own weights.",
            fix="Leave weights out.",
        )
    rank = values.get("lora_rank")
    if rank is not None:
        pretrained.require_attention(model, rank)
    values.setdefault("pooling", pretrained.default_pooling(model))
    pretrained.require_pooling(model, values["pooling"])
    head, augment = ((functions or {}).get(name, Function("")) for name in ("head", "augment"))
    if augment.source:
        _require_no_copies(values)
    return Recipe(
        data=data,
        model=model.path if isinstance(model, own_model.OwnModel) else model.name,
        image_size=size,
        head=head.source,
        head_names=head.names,
        augment_function=augment.source,
        augment_names=augment.names,
        **values,
    )


def _require_no_copies(values: Mapping[str, Any]) -> None:
    """Raise BadSetting for settings that exclude an augment(image, random) in the cell."""
    if "augment" in values:
        raise BadSetting(
            f"augment is set twice: {values['augment']}, and the function augment(image, random).",
            fix="Keep one of them: a number of copies is computed once, a function is called in "
            "each epoch.",
        )
    if values.get("workers"):
        raise BadSetting(
            f"workers = {quote_value(list(values['workers']))}: workers compute images once, "
            "augment(image, random) needs them in each epoch.",
            fix="Leave workers out · or store copies, which workers compute: augment = 2",
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


def _move_optimizer_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Move what the configuration of an optimizer has of other settings to these."""
    optimizer, moved = optimizers.move_settings(values.get("optimizer", "adam"))
    for name, value in moved.items():
        checked = _checked(name, value)
        if values.get(name, checked) != checked:
            raise BadSetting(
                f"{name} is set twice: {values[name]!r}, and {checked!r} in optimizer.",
                fix=f"Keep one of them: {name} = {values[name]!r}",
            )
        values[name] = checked
    return {**values, "optimizer": optimizer}


def _checked(name: str, value: Any) -> Any:
    if name not in SETTINGS:
        raise explain_unknown(name, f"{name} = {quote_value(value)}")
    try:
        return SETTINGS[name].rule(value)
    except ValueError as wanted:
        raise BadSetting(
            f"{name} = {quote_value(value)} is not valid.",
            fix=f"{name} is {wanted} ({SETTINGS[name].meaning}).",
        ) from None


def explain_unknown(name: str, given: str) -> BadSetting:
    """Return the error for a setting that there is not; `given` is what was written."""
    near = difflib.get_close_matches(name.lower(), SETTINGS, n=1, cutoff=0.5)
    nearest = f"Nearest: {near[0]}. " if near else ""
    fix = f"{nearest}All settings: {', '.join(SETTINGS)}"
    if name == "here":  # an option of other magics
        fix = "To train on this computer: %gpu_disconnect, then run the cell again."
    return BadSetting(f"{given}: there is no setting {name!r}.", fix=fix)


def quote_value(value: Any) -> str:
    """Return a value as quoted in a message: on one line, shortened."""
    try:
        quoted = " ".join(repr(value).split())
    except ValueError:
        # Python does not convert integers of more than 4300 digits to text.
        return "a number of thousands of digits"
    return quoted if len(quoted) <= 80 else f"{quoted[:77]}…"
