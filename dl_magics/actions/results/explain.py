"""What `%confusion`, `%top_losses`, `%bias_report` and `%predict` do, as plain Keras code."""

from __future__ import annotations

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.results.place import ResultPlace
from dl_magics.actions.results.predicting import ImagesPlace
from dl_magics.data import layout
from dl_magics.training.engine.pipeline import MODEL

_LOAD = """\
import json, os, zipfile
import keras
import numpy as np

file = os.path.expanduser({model!r})
model = keras.saving.load_model(file, compile=False)
classes = json.loads(zipfile.ZipFile(file).read("classes.json"))
"""

_EVALUATE = """\
images = keras.utils.image_dataset_from_directory(
    {folder!r}, image_size=model.input_shape[1:3], crop_to_aspect_ratio=True,
    class_names=classes, shuffle=False, batch_size=32,{split}
)
labels = np.concatenate([label for _, label in images])
probabilities = model.predict(images)
predicted = probabilities.argmax(1)
"""

_MATRIX = """\
matrix = np.zeros((len(classes), len(classes)), int)
np.add.at(matrix, (labels, predicted), 1)  # rows: label, columns: prediction
print(matrix, (labels == predicted).mean())
"""

_PAIRS = """\
pairs = [(matrix[i, j], classes[i], classes[j]) for i, j in np.argwhere(matrix) if i != j]
print(sorted(pairs, reverse=True))
"""

_REGIONS = """\
pixels = np.concatenate([image for image, _ in images])
side = pixels.shape[1] // 4
others = [np.random.choice(np.flatnonzero(labels != label)) for label in labels]
pixels[:, :side, :side] = pixels[others, :side, :side]  # the top left corner of another class
changed = model.predict(pixels).argmax(1)
for n, name in enumerate(classes):
    print(name, (predicted == n)[labels == n].mean(), (changed == n)[labels == n].mean())
"""

_LOSSES = """\
losses = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))
for n in np.argsort(-losses)[:{most}]:
    print(images.file_paths[n], classes[predicted[n]], probabilities[n].max(), losses[n])

frozen, head = model.layers[1:3]
pool = frozen.layers[-1]
image = next(iter(images))[0][:1]
if len(pool.input.shape) == 4:
    # Grad-CAM of one image: the last map of the network, weighted by the gradient of a logit.
    import tensorflow as tf

    maps = keras.Model(frozen.input, pool.input)(image)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = tf.reshape(head(pool(maps), training=False), (-1, len(classes)))
        logit = tf.reduce_mean(logits, 0)[int(predicted[0])]
    weights = tf.reduce_mean(tape.gradient(logit, maps), (1, 2), keepdims=True)
    cam = tf.nn.relu(tf.reduce_sum(weights * maps, -1))[0]
else:
    # Occlusion of one image, as there is no last map: each of 7 × 7 fields is hidden in turn.
    hidden = np.repeat(image, 49, axis=0)
    edges = np.linspace(0, len(hidden[0]), 8).round().astype(int)
    for n, field in enumerate(np.ndindex(7, 7)):
        rows, columns = (slice(edges[at], edges[at + 1]) for at in field)
        hidden[n, rows, columns] = hidden[n].mean((0, 1))
    fall = probabilities[0, predicted[0]] - model.predict(hidden)[:, predicted[0]]
    cam = np.maximum(fall, 0).reshape(7, 7)
"""

_PREDICT = """\
import pathlib

for file in sorted(pathlib.Path({path!r}).rglob("*")):
    if file.is_file():
        image = keras.utils.load_img(
            file, target_size=model.input_shape[1:3], keep_aspect_ratio=True
        )
        (row,) = model.predict(keras.utils.img_to_array(image)[None], verbose=0)
        print(file, classes[row.argmax()], row.max())
"""


def explain_prediction(place: ResultPlace, path: str, found: ImagesPlace | None) -> Script:
    """Return the code that predicts the images of a folder, on the host that has them."""
    if not found or not found.host:
        return Script(_load(ResultPlace(place.run)) + "\n" + _PREDICT.format(path=path))
    first = comment(f"runs this on {found.host}")
    return Script("\n".join([first, _load(place), _PREDICT.format(path=found.paths[0])]))


def explain_evaluation(place: ResultPlace, split: str, *, view: str, most: int = 0) -> Script:
    """Return the code that evaluates a run; `view` is "matrix", "pairs", "losses", "regions"."""
    ends = {
        "matrix": _MATRIX,
        "pairs": _MATRIX + _PAIRS,
        "losses": _LOSSES.format(most=most),
        "regions": _REGIONS,
    }
    first = [comment(f"runs this on {place.host}")] if place.host else []
    return Script("\n".join([*first, _load(place), _read_images(place, split), ends[view]]))


def _read_images(place: ResultPlace, split: str) -> str:
    """Return the code that reads and predicts the images of a part."""
    recipe = place.run.state.recipe
    root = place.data or str(recipe.get("data", ""))
    folder, subset = f"{root}/{split}", ""
    if not place.host:
        train, valid = layout.find_train_and_valid(root)
        if split != "test":
            folder = str(train if split == "train" else valid)
        if split != "test" and train == valid:
            name = "training" if split == "train" else "validation"
            subset = (
                f"\n    validation_split={recipe.get('valid', 0.2)}, subset={name!r}, "
                f"seed={recipe.get('seed', 42)},  # Keras splits the images differently"
            )
    return _EVALUATE.format(folder=folder, split=subset)


def _load(place: ResultPlace) -> str:
    model = f"{place.folder}/{MODEL}"
    return _LOAD.format(model=model)
