"""`%%finetune --explain`: plain Keras code that trains an equivalent model."""

from __future__ import annotations

from pprint import pformat

from dl_magics.data import layout
from dl_magics.training.backbones import network_code
from dl_magics.training.engine.heads import keras_code
from dl_magics.training.recipe.recipe import Recipe

_SCRIPT = """\
{command_line}import keras
import numpy as np
{names}
keras.utils.set_random_seed({seed})
train, valid = {read}
classes = train.class_names

{omitted}# The frozen part: raw RGB pixels to features.
pixels = keras.Input(({size}, {size}, 3))
{base}
base.trainable = False
x = base(x, training=False)
{pooled}frozen = keras.Model(pixels, x)

# Each image goes through it once.
def compute(images):
    pairs = [(frozen.predict_on_batch(batch), labels) for batch, labels in images]
    return [np.concatenate(part) for part in zip(*pairs)]

train_x, train_y = compute(train)
valid_x, valid_y = compute(valid)

# The head, with the features' own normalization in front.
features = keras.Input(train_x.shape[1:])
normalize = keras.layers.Normalization()
normalize.adapt(train_x)
x = normalize(features)
{head}
head = keras.Model(features, logits)
head.compile({optimizer}, {loss}, metrics={metrics})
{weights}{labels}head.fit(
    train_x, {train_y}, batch_size={batch}, epochs={epochs}{train_weights},
    validation_data=(valid_x, {valid_y}{valid_weights}),
    callbacks=[keras.callbacks.EarlyStopping(patience={patience}, restore_best_weights=True)],
)

{unfrozen}probabilities = {probabilities}
model = keras.Model(pixels, probabilities)
model.save({model_file})
right = [model.predict_on_batch(images).argmax(-1) == labels for images, labels in valid]
print("classes, in the order of the output:", ", ".join(classes))
print("accuracy on the validation images:", float(np.concatenate(right).mean()))
"""

_COPIES = """\
# The run also draws from {copies} augmented copies of each image, which are not made here.
"""
_FLOW = """\
# In each epoch the run trains on what its augment(image, random) returns, which is not called here.
"""

_SAMPLE = """\
# The run trains on {sample} images of each class, its sample; this script trains on all of them.
"""

_COMMAND_LINE = """\
import argparse
import pathlib
import sys

parser = argparse.ArgumentParser(description="Train a model on a folder of images.")
parser.add_argument("images", type=pathlib.Path, help="a folder as the one of the run")
parser.add_argument("--model", type=pathlib.Path, default="model.keras", help="the new file")
{weights}words = parser.parse_args()
if words.model.exists():
    sys.exit(f"{{words.model}} exists: name another file with --model.")

"""
_WEIGHTS = """\
parser.add_argument("--weights", required=True, help="the file of the pretrained weights")
"""

_UNFROZEN = """\
{choose}{schedule}network = keras.Model(pixels, head(frozen(pixels)))
network.compile({fine_optimizer}, {loss}, metrics={metrics})
{prepare}network.fit(
    {train}, epochs={epochs}, validation_data={valid},
    callbacks=[keras.callbacks.EarlyStopping(patience={patience}, restore_best_weights=True)],
)

"""

_SPLIT = """\
keras.utils.image_dataset_from_directory(
    {train}, image_size=({size}, {size}), crop_to_aspect_ratio=True,
    validation_split={share}, subset="both", seed={seed},
)"""

_PARTS = """\
(
    keras.utils.image_dataset_from_directory(
        folder, image_size=({size}, {size}), crop_to_aspect_ratio=True, seed={seed}
    )
    for folder in ({train}, {valid})
)"""


def write_script(recipe: Recipe) -> str:
    """Return a Keras script that trains what the recipe describes.

    It does not augment images, by number or by function, sample them, use half precision, keep
    features on disk or skip invalid files. Its numbers differ slightly, as Keras splits, shuffles
    and decodes the images differently.
    """
    train, valid = layout.find_train_and_valid(recipe.data)
    return _write_script(
        recipe,
        images=(repr(str(train)), repr(str(valid))),
        weights=repr(recipe.weights),
        model='"model.keras"',
    )


def write_program(recipe: Recipe) -> str:
    """Return the same script with a command line, which names the images and the new file.

    Pretrained weights of a file are named there too. Raises BadData where the images are not here.
    """
    top = layout.require_folder(recipe.data)
    train, valid = (
        " / ".join(["words.images", *map(repr, part.relative_to(top).parts)])
        for part in layout.find_train_and_valid(recipe.data)
    )
    is_file = has_weights_file(recipe)
    command_line = _COMMAND_LINE.format(weights=_WEIGHTS if is_file else "")
    return _write_script(
        recipe,
        images=(train, valid),
        weights="words.weights" if is_file else repr(recipe.weights),
        model="words.model",
        command_line=command_line,
    )


def has_weights_file(recipe: Recipe) -> bool:
    """Return whether the pretrained weights are in a file of the user."""
    return recipe.weights not in (None, "imagenet")


def _write_script(
    recipe: Recipe, *, images: tuple[str, str], weights: str, model: str, command_line: str = ""
) -> str:
    """Return the script; folders and files are Python expressions."""
    train, valid = images
    read = (_SPLIT if train == valid else _PARTS).format(
        train=train,
        valid=valid,
        share=recipe.valid,
        size=recipe.image_size,
        seed=recipe.seed,
    )
    names = "".join(f"{name} = {pformat(value)}\n" for name, value in recipe.head_names.items())
    return _SCRIPT.format(
        command_line=command_line,
        names=names,
        seed=recipe.seed,
        read=read,
        omitted=_describe_omissions(recipe),
        size=recipe.image_size,
        base=network_code.write_base(recipe, weights),
        model_file=model,
        pooled=network_code.write_pooling(recipe),
        batch=recipe.batch_size if isinstance(recipe.batch_size, int) else 32,
        epochs=recipe.epochs,
        patience=recipe.patience,
        unfrozen=_unfrozen(recipe),
        **keras_code.write_head(recipe),
    )


def _unfrozen(recipe: Recipe) -> str:
    if not recipe.trains_network:
        return ""
    return _UNFROZEN.format(
        choose=network_code.write_trainable(recipe),
        epochs=recipe.unfreeze_epochs,
        patience=recipe.unfreeze_epochs,
        **keras_code.write_fine_tuning(recipe),
    )


def _describe_omissions(recipe: Recipe) -> str:
    """Return comments on what the script leaves out."""
    sample = _SAMPLE.format(sample=recipe.sample) if recipe.sample else ""
    if recipe.augment_function:
        return sample + _FLOW
    return sample + (_COPIES.format(copies=recipe.augment) if recipe.augment else "")
