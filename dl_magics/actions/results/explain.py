"""What `%confusion`, `%top_losses`, `%bias_report` and `%predict` do, as plain Keras code."""

from __future__ import annotations

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.results.place import ResultPlace
from dl_magics.actions.results.predicting import ImagesPlace
from dl_magics.data import layout
from dl_magics.runs import evaluation
from dl_magics.runs.report import loading_code
from dl_magics.training.engine.pipeline import MODEL

_LOAD = """\
import json, os, pathlib, zipfile
import keras
import numpy as np
{imports}

file = os.path.expanduser({model!r})
model = keras.saving.load_model(file, compile=False)
classes = json.loads(zipfile.ZipFile(file).read("classes.json"))

{load}
"""

_LIST = """\
# The images of this part, as the run found them: %confusion --split {split} writes this list.
found = json.load(open(os.path.expanduser({listed!r})))
files = [os.path.join({root}, path) for path, _, _ in found["photos"]]
labels = np.array([classes.index(name) for _, name, _ in found["photos"]])
"""

_FOLDER = """\
folder = pathlib.Path({folder!r})
files = [
    each for name in classes for each in sorted((folder / name).rglob("*"))
    if each.suffix.lower() in Image.registered_extensions()
]
labels = np.array([classes.index(each.relative_to(folder).parts[0]) for each in files])
"""

_EVALUATE = """\
probabilities = np.concatenate([
    model.predict_on_batch(np.stack([load(each) for each in files[n : n + 32]]))
    for n in range(0, len(files), 32)
])
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
pixels = np.stack([load(each) for each in files])
side = pixels.shape[1] // 4
others = [np.random.choice(np.flatnonzero(labels != label)) for label in labels]
pixels[:, :side, :side] = pixels[others, :side, :side]  # the top left corner of another class
changed = model.predict(pixels, verbose=0).argmax(1)
for n, name in enumerate(classes):
    print(name, (predicted == n)[labels == n].mean(), (changed == n)[labels == n].mean())
"""

_LOSSES = """\
losses = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))
for n in np.argsort(-losses)[:{most}]:
    print(files[n], classes[predicted[n]], probabilities[n].max(), losses[n])

frozen, head = model.layers[1:3]
pool = frozen.layers[-1]
image = load(files[0])[None].astype(np.float32)
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
    fall = probabilities[0, predicted[0]] - model.predict(hidden, verbose=0)[:, predicted[0]]
    cam = np.maximum(fall, 0).reshape(7, 7)
"""

_PREDICT = """\
path = pathlib.Path({path!r}).expanduser()
for file in sorted(each for each in path.rglob("*") if each.is_file()) or [path]:
    (row,) = model.predict(load(file)[None], verbose=0)
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
    listed = _list_images(place, split)
    return Script("\n".join([*first, _load(place), listed + _EVALUATE, ends[view]]))


def _list_images(place: ResultPlace, split: str) -> str:
    """Return the code that lists the images of a part with their classes."""
    root = place.data or str(place.run.state.recipe.get("data", ""))
    if not place.host:
        train, valid = layout.find_train_and_valid(root)
        if split == "test":
            folder = layout.find_test(layout.require_folder(root)) or f"{root}/test"
            return _FOLDER.format(folder=str(folder))
        if train != valid:
            return _FOLDER.format(folder=str(train if split == "train" else valid))
    return _LIST.format(
        split=split,
        listed=f"{place.folder}/{evaluation.FOLDER}/{split}.json",
        root=repr(place.data) if place.data else 'found["root"]',
    )


def _load(place: ResultPlace) -> str:
    return _LOAD.format(
        model=f"{place.folder}/{MODEL}",
        imports=loading_code.IMPORTS,
        load=loading_code.write_function(place.run.state),
    )
