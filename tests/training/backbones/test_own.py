from __future__ import annotations

import zipfile

import numpy as np
import pytest

from dl_magics.errors import BadSetting, NotLoadable
from dl_magics.runs.events import Warned
from dl_magics.training import recorder
from dl_magics.training.backbones import kept_model
from dl_magics.training.engine import networks
from dl_magics.training.engine.fine_tuning.split_network import split_network
from dl_magics.training.loading.load_check import LoadCheck
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.cell_parser import parse_cell
from dl_magics.training.recipe.own_model import read_own_model
from dl_magics.training.recipe.recipe import check_settings
from dl_magics.training.run import Run
from support import tiny_keras

SIZE = 32
PIXELS = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def input_of(keras, *shape):
    return keras.Input(shape or (SIZE, SIZE, 3))


def scaled_classifier(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            input_of(keras),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, name="conv"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(5, activation="softmax", name="classes"),
        ]
    )


def logits_then_softmax(keras):
    layers = keras.layers
    pixels = input_of(keras, None, None, 3)
    mean = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(4, 3, name="conv")(pixels))
    return keras.Model(pixels, layers.Softmax(name="to_p")(layers.Dense(5, name="logits")(mean)))


def feature_map(keras):
    pixels = input_of(keras)
    return keras.Model(pixels, keras.layers.Conv2D(4, 3, name="conv")(pixels))


def embedding(keras):
    pixels = input_of(keras)
    flat = keras.layers.GlobalMaxPooling2D(name="most")(pixels)
    return keras.Model(pixels, keras.layers.Dense(6, name="embed")(flat))


def tokens(keras):
    pixels = input_of(keras)
    patches = keras.layers.Conv2D(4, 8, strides=8, name="conv")(pixels)
    return keras.Model(pixels, keras.layers.Reshape((16, 4), name="tokens")(patches))


CASES = {
    scaled_classifier: ("mean", ("classes",), True, False, lambda features: features),
    logits_then_softmax: ("mean", ("logits", "to_p"), False, True, lambda features: features),
    feature_map: ("conv", (), False, False, lambda features: features.mean((1, 2))),
    embedding: ("embed", (), False, False, lambda features: features),
    tokens: ("tokens", (), False, False, lambda features: features.mean(1)),
}


@pytest.mark.parametrize("make", CASES)
def test_features_are_what_comes_before_the_classifier(make, keras, tmp_path):
    layer, left_out, scales, flexible, pool = CASES[make]
    built = make(keras)
    path = tmp_path / "my_model.keras"
    built.save(path)

    own = read_own_model(str(path))
    recipe = check_settings("photos", {"model": str(path), "image_size": SIZE})
    frozen = networks.build_frozen(recipe, "mixed_bfloat16", tmp_path)

    assert (own.last_layer, own.left_out) == (layer, left_out)
    assert (own.scales_pixels, own.is_flexible) == (scales, flexible)
    assert (recipe.model, recipe.model_name) == (str(path), "my_model.keras")
    theirs = keras.Model(built.inputs, built.get_layer(layer).output).predict_on_batch(PIXELS)
    computed = frozen.fast.predict_on_batch(PIXELS)
    np.testing.assert_allclose(computed, pool(theirs), rtol=1e-4, atol=1e-4)


def test_an_own_model_without_tokens_has_no_class_token(keras, tmp_path):
    path = tmp_path / "my_model.keras"
    feature_map(keras).save(path)
    recipe = check_settings("photos", {"model": str(path), "pooling": "cls"})

    with pytest.raises(BadSetting, match="no class token") as caught:
        networks.build_frozen(recipe, "float32", tmp_path)
    assert caught.value.fix == "Leave pooling out."


def test_what_is_assumed_is_said_in_one_line(keras, tmp_path):
    said = []
    for make in (scaled_classifier, feature_map):
        path = tmp_path / f"{make.__name__}.keras"
        make(keras).save(path)
        said.append(pretrained.describe(pretrained.find_pretrained(str(path))))

    assert said == [
        "scaled_classifier.keras gets RGB pixels from 0 to 255, which it scales itself; left out "
        "are its last layers: classes.",
        "feature_map.keras gets RGB pixels from 0 to 255, which it does not scale: if it was "
        "trained on scaled pixels, put keras.layers.Rescaling(1 / 255) in front.",
    ]


def test_a_run_is_resumed_saved_and_its_model_is_a_backbone_again(keras, data, tmp_path):
    built = scaled_classifier(keras)
    path = kept_model.keep_model(built, "my_model", tmp_path)
    settings = {"model": str(path), "weights": "imagenet", "epochs": 2}
    whole = tiny_keras.train(data, tmp_path, "whole", **settings)
    paths = tiny_keras.paths(tmp_path, "cut")
    tiny_keras.begin(data, paths, **settings)
    resumed = list(recorder.record_resumed_run(paths))
    run = Run(paths.run)
    again = tiny_keras.recipe(
        data, model=str(paths.run / "model.keras"), weights="imagenet", image_size=SIZE
    )
    frozen = networks.build_frozen(again, "float32", tmp_path)

    assert tiny_keras.losses(resumed)[-1] == tiny_keras.losses(whole)[-1]
    files = sorted(data.rglob("*.png"))
    photos = np.stack([tiny_keras.pixels(file, SIZE) for file in files])
    np.testing.assert_allclose(
        [list(each.probabilities.values()) for each in run.predict(files)],
        run.model.predict_on_batch(photos),
        atol=1e-6,
    )
    features = keras.Model(built.inputs, built.get_layer("mean").output)
    np.testing.assert_allclose(
        frozen.plain.predict_on_batch(photos), features.predict_on_batch(photos), atol=1e-4
    )


def around_another(keras):
    """A model as most are: around a pretrained one."""
    layers = keras.layers
    inner = keras.Sequential(
        [input_of(keras), layers.Conv2D(4, 3, name="stem"), layers.Conv2D(4, 3, name="conv")],
        name="pretrained",
    )
    last = [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]
    return keras.Sequential([input_of(keras), layers.Rescaling(1 / 255), inner, *last])


def test_layers_of_the_model_inside_an_own_model_can_be_unfrozen(keras, data, tmp_path):
    path = kept_model.keep_model(around_another(keras), "my_model", tmp_path)

    events = tiny_keras.train(
        data,
        tmp_path,
        model=str(path),
        weights="imagenet",
        unfreeze="conv",
        unfreeze_epochs=1,
        fine_learning_rate=0.01,
    )

    assert events[-1].status == "done"
    assert [each.phase for each in events if each.kind == "epoch_ended"][-1] == "unfrozen"
    stored = [each.text for each in events if isinstance(each, Warned)]
    assert stored[0].startswith("The output of stem is stored for 12 images, 30 × 30 × 4 float32")


def test_adapters_of_an_own_model_need_attention(keras, data, tmp_path):
    path = tmp_path / "my_model.keras"
    pixels = input_of(keras)
    patches = keras.layers.Conv2D(4, 8, strides=8, name="conv")(pixels)
    rows = keras.layers.Reshape((16, 4), name="tokens")(patches)
    attended = keras.layers.MultiHeadAttention(2, 2, name="attention")(rows, rows)
    keras.Model(pixels, attended).save(path)
    settings = {"model": str(path), "weights": "imagenet", "lora_rank": 1}

    recipe = tiny_keras.recipe(data, **settings)
    split = split_network(recipe, networks.build_frozen(recipe, "float32", tmp_path))
    feature_map(keras).save(path)
    with pytest.raises(BadSetting) as caught:
        tiny_keras.train(data, tmp_path, **settings)

    assert (split.name_above, split.projections, split.values) == ("attention", 2, 2 * (4 * 2 + 2))
    assert caught.value._render_traceback_() == [
        "BadSetting: lora_rank: backbone has no layers with attention for adapters.",
        "  Leave lora_rank out, and train the last layers themselves: unfreeze = 4",
    ]


def test_a_model_is_kept_once_under_a_name_of_its_content(keras, tmp_path):
    built = embedding(keras)

    first, again = (kept_model.keep_model(built, "my_model", tmp_path) for _ in range(2))
    built.set_weights([values + 1 for values in built.get_weights()])
    other = kept_model.keep_model(built, "my_model", tmp_path)

    assert first == again != other
    assert kept_model.has_kept_name(first)
    assert sorted(tmp_path.iterdir()) == sorted({first, other})


@pytest.mark.parametrize("name", ["resnet", "my_model"])
def test_a_model_of_the_notebook_becomes_a_file(name, keras, tmp_path):
    given = {}

    def find_model(called, value):
        given[called] = value
        return str(kept_model.keep_model(value, called, tmp_path))

    built = scaled_classifier(keras)
    recipe = parse_cell("photos", f"model = {name}", {name: built}, find_model)

    assert given == {name: built}
    assert recipe.model_name.endswith(f"-{name}.keras")
    assert recipe.image_size == SIZE


def save_with(keras, path, *layers, shape=(SIZE, SIZE, 3)):
    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return path


def a_lambda(keras, path):
    return save_with(keras, path, keras.layers.Lambda(lambda x: x))


def gray(keras, path):
    return save_with(keras, path, keras.layers.Conv2D(2, 3), shape=(SIZE, SIZE, 1))


def an_oblong(keras, path):
    return save_with(keras, path, keras.layers.Conv2D(2, 3), shape=(SIZE, 2 * SIZE, 3))


def a_text(_keras, path):
    path.write_text("no model")
    return path


def nothing(_keras, path):
    return path


@pytest.mark.parametrize(
    ("make", "settings", "happened"),
    [
        (nothing, {}, "there is no such file."),
        (a_text, {}, "is not a model that Keras 3 saved: File is not a zip file"),
        (gray, {}, "takes [None, 32, 32, 1] and returns 1 outputs."),
        (an_oblong, {}, "takes [None, 32, 64, 3] and returns 1 outputs."),
    ],
)
def test_a_file_that_is_no_image_model_is_refused_before_anything(
    make, settings, happened, keras, tmp_path
):
    path = make(keras, tmp_path / "my_model.keras")

    with pytest.raises(BadSetting) as caught:
        check_settings("photos", {"model": str(path), **settings})

    assert happened in str(caught.value)
    assert len(caught.value._render_traceback_()) == 2


@pytest.mark.parametrize(
    ("settings", "happened"),
    [
        ({"image_size": 64}, "image_size = 64: my_model.keras takes images of 32 pixels only."),
        ({"weights": None}, "weights = None: my_model.keras has its own weights."),
    ],
)
def test_settings_that_do_not_go_with_a_file_are_refused(settings, happened, keras, tmp_path):
    path = save_with(keras, tmp_path / "my_model.keras", keras.layers.Conv2D(2, 3))

    with pytest.raises(BadSetting) as caught:
        check_settings("photos", {"model": str(path), **settings})

    assert str(caught.value) == happened


def test_a_file_with_code_is_not_loaded(keras, tmp_path):
    path = a_lambda(keras, tmp_path / "my_model.keras")
    recipe = check_settings("photos", {"model": str(path)})

    with pytest.raises(NotLoadable, match="it uses 'Lambda'"):
        networks.build_frozen(recipe, "float32", tmp_path)
    with LoadCheck() as check, pytest.raises(NotLoadable, match="it uses 'Lambda'"):
        check.load_own(path)


def test_a_file_is_loaded_once_in_a_process_of_its_own(keras, tmp_path):
    path = save_with(keras, tmp_path / "my_model.keras", keras.layers.Conv2D(2, 3))
    with LoadCheck() as check:
        check.load_own(path)
    with zipfile.ZipFile(path) as archive:
        weights = archive.read("model.weights.h5")
    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(broken, "w") as written:
        for member in archive.namelist():
            content = archive.read(member)
            written.writestr(member, content if "weights" not in member else weights[:200])

    with LoadCheck() as check, pytest.raises(NotLoadable, match="cannot be loaded by Keras"):
        check.load_own(broken)


def test_a_model_that_keras_cannot_save_is_refused(keras, tmp_path):
    class Own(keras.layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

    built = keras.Sequential([input_of(keras), Own(object())])

    with pytest.raises(BadSetting) as caught:
        kept_model.keep_model(built, "my_model", tmp_path)

    assert str(caught.value).startswith("model = my_model: Keras cannot save it: ")
    assert list(tmp_path.iterdir()) == []
