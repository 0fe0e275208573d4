from __future__ import annotations

import json
import shutil
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dl_magics.data import folders, images
from dl_magics.errors import BadSetting, NotInstalled, WeightsNotFound
from dl_magics.runs import log
from dl_magics.runs.events import CheckpointSaved, EpochEnded, RunEnded, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.training import explain, model_archive, recorder
from dl_magics.training.backbones import hub, load, network_code
from dl_magics.training.engine import checkpoint, device, fingerprint, networks, pipeline
from dl_magics.training.engine.fine_tuning import adapters
from dl_magics.training.engine.fine_tuning.split_network import split_network
from dl_magics.training.engine.heads.learned import TUNED
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.evaluation.grad_cam import GradCam
from dl_magics.training.evaluation.model_parts import take_apart
from dl_magics.training.evaluation.occlusion import Occlusion
from dl_magics.training.loading import load_check
from dl_magics.training.recipe import hub_presets, pretrained
from dl_magics.training.recipe.applications import APPLICATIONS
from dl_magics.training.recipe.recipe import check_settings
from dl_magics.training.run import Run
from support import tiny_keras
from support.backbones import hub_cache

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)

LORA = {
    "model": hub_cache.DINO,
    "weights": "imagenet",
    "image_size": 56,
    "epochs": 1,
    "batch_size": 5,
    "lora_rank": 2,
    "unfreeze_epochs": 2,
    "fine_learning_rate": 0.01,
}

# What the authors use: the class token, a mean of tokens or maps, or the network's own pooling.
OF_THEIR_OUTPUT = {
    hub_cache.DINO: lambda output: output[:, 0],
    hub_cache.DINO_3: lambda output: output[:, 0],
    hub_cache.SIGLIP: lambda output: output,
    hub_cache.VIT: lambda output: output[:, 0],
    hub_cache.DEIT: lambda output: output[:, 0],
    hub_cache.SWIN: lambda output: output.mean(1),
    hub_cache.RESNET: lambda output: output.mean((1, 2)),
    hub_cache.EFFICIENTNET: lambda output: output.mean((1, 2)),
    hub_cache.CSPNET: lambda output: output.mean((1, 2)),
}


@pytest.fixture(autouse=True)
def kept_presets(presets, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(presets))


def compute(network, pixels):
    """Return the output without tracing a function, which takes longer than to compute once."""
    return np.asarray(network(pixels, training=False))


def build(name, folder, precision="float32", **settings):
    recipe = check_settings("photos", {"model": name, **settings})
    return networks.build_frozen(recipe, precision, folder)


@cache
def build_once(name, size):
    """Return the network for all tests that leave it as it is."""
    return build(name, Path(), image_size=size)


@cache
def compute_as_keras_hub(name, size):
    """Return what the preset's converter and backbone compute, as in KerasHub's guide."""
    import keras_hub

    shape = {"image_shape": (size, size, 3)} if "dino" in name else {}
    network = keras_hub.models.Backbone.from_preset(name, **shape)
    network = getattr(network, "vision_encoder", network)
    converter = keras_hub.layers.ImageConverter.from_preset(name, image_size=(size, size))
    prepared = np.asarray(converter(PIXELS[:, :size, :size].astype("float32")))
    given = {next(iter(network.input)): prepared} if isinstance(network.input, dict) else prepared
    output = network(given, training=False)
    return np.asarray(list(output.values())[-1] if isinstance(output, dict) else output)


@pytest.mark.parametrize("name", OF_THEIR_OUTPUT)
def test_features_are_those_of_keras_hub_behind_its_converter(name):
    size = 224 if not pretrained.find_pretrained(name).architecture.step else 112
    frozen = build_once(name, size)

    computed = compute(frozen.plain, PIXELS[:, :size, :size])

    assert computed.shape == (2, *frozen.features)
    assert np.ptp(computed, axis=0).max() > 0
    theirs = OF_THEIR_OUTPUT[name](compute_as_keras_hub(name, size))
    np.testing.assert_allclose(computed, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name", [hub_cache.DINO, hub_cache.SIGLIP, hub_cache.SWIN, hub_cache.CSPNET]
)
def test_its_model_is_checked_saved_and_loaded_with_its_preprocessing(name, tmp_path):
    import keras

    frozen = build_once(name, 224)
    head = build_head(
        check_settings("photos", {"dense": [4], "heads": 1}), compute(frozen.plain, PIXELS), 2
    )
    model = networks.join_model(frozen, head)
    path = tmp_path / "model.keras"
    networks.save_model(model, ["cats", "dogs"], path)

    model_archive.check_archive(path)
    loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    np.testing.assert_allclose(
        compute(loaded, PIXELS), compute(model, PIXELS), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("pooling", "of_tokens"),
    [
        ("avg", lambda tokens: tokens[:, 3:].mean(1)),
        ("max", lambda tokens: tokens[:, 3:].max(1)),
        (None, lambda tokens: tokens),
    ],
)
def test_tokens_are_pooled_without_class_token_and_registers(pooling, of_tokens, tmp_path):
    frozen = build(hub_cache.DINO, tmp_path, image_size=56, pooling=pooling)

    theirs = of_tokens(compute_as_keras_hub(hub_cache.DINO, 56))
    computed = compute(frozen.plain, PIXELS[:, :56, :56])
    np.testing.assert_allclose(computed, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [hub_cache.DINO, hub_cache.SIGLIP, hub_cache.RESNET])
def test_half_precision_has_the_same_weights_and_close_features(name, tmp_path):
    half = build(name, tmp_path, "mixed_bfloat16")

    plain, fast = (compute(each, PIXELS) for each in (half.plain, half.fast))

    assert half.half.network.compute_dtype == "bfloat16"
    assert fast.dtype == np.float32
    assert not np.array_equal(plain, fast)
    np.testing.assert_allclose(fast, plain, atol=0.05 * np.abs(plain).max())


@pytest.mark.parametrize("name", [hub_cache.RESNET, hub_cache.EFFICIENTNET])
def test_a_convolutional_backbone_has_grad_cam_maps(name):
    pixels = PIXELS[:, :64, :64]
    recipe = check_settings("photos", {"model": name, "image_size": 64, "dense": [], "heads": 1})
    frozen = build_once(name, 64)
    head = build_head(recipe, compute(frozen.plain, pixels), 2)
    parts = take_apart(networks.join_model(frozen, head))

    maps = GradCam(parts).draw_maps(pixels, [0, 1])

    assert maps.shape[1:] == parts.base.output_shape[1:3]
    assert np.ptp(maps, axis=(1, 2)).max() > 0


def draw_patches(*places):
    """Return a photo of 7 x 7 fields of 32 pixels, with some noise and white fields."""
    pixels = np.random.default_rng(0).integers(100, 108, (224, 224, 3), np.uint8)
    for row, column in places:
        pixels[32 * row : 32 * (row + 1), 32 * column : 32 * (column + 1)] = 255
    return pixels


@pytest.mark.parametrize("name", [hub_cache.VIT, hub_cache.DINO])
def test_the_map_of_a_vision_transformer_is_highest_where_a_patch_drives_its_prediction(
    name,
):
    import keras

    frozen = build_once(name, 224)
    without, there = compute(frozen.plain, np.stack([draw_patches(), draw_patches((2, 5))]))
    towards = (there - without) / np.linalg.norm(there - without) ** 2
    features = keras.Input(frozen.features)
    dense = keras.layers.Dense(2)
    head = keras.Model(features, dense(features), name="head")
    dense.set_weights([4 * np.stack([-towards, towards], axis=1), np.zeros(2)])
    parts = take_apart(networks.join_model(frozen, head))

    (drawn,) = Occlusion(parts).draw_maps(draw_patches((2, 5))[None], [1])

    assert not GradCam(parts).is_possible
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (2, 5)


def identify(name, folder, **settings):
    """Return what the features of a preset depend on."""
    recipe = check_settings("photos", {"model": name, **settings})
    frozen = networks.build_frozen(recipe, "float32", folder)
    space = fingerprint.feature_space(recipe, frozen, "float32", device.detect_device())
    return json.dumps({**space, "image_size": 0}, sort_keys=True)


def test_the_identity_changes_with_weights_graph_and_scaling(tmp_path):
    import keras_hub

    cache = hub_cache.copy_preset(hub_cache.DINO, tmp_path)
    built = identify(hub_cache.DINO, tmp_path, image_size=56)
    networks._frozen.cache_clear()
    again = identify(hub_cache.DINO, tmp_path, image_size=56)
    other_size = identify(hub_cache.DINO, tmp_path, image_size=112)
    networks._frozen.cache_clear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KAGGLEHUB_CACHE", str(cache))
        converter = next(cache.rglob("image_converter.json"))
        described = json.loads(converter.read_text())
        described["config"]["scale"] = 1 / 255
        converter.write_text(json.dumps(described))
        other_scale = identify(hub_cache.DINO, tmp_path, image_size=56)
        networks._frozen.cache_clear()
        weights = next(cache.rglob("model.weights.h5"))
        network = keras_hub.models.Backbone.from_preset(hub_cache.DINO)
        network.set_weights([value + 1 for value in network.get_weights()])
        network.save_weights(weights)
        other_weights = identify(hub_cache.DINO, tmp_path, image_size=56)

    assert again == built
    assert len({built, other_size, other_scale, other_weights}) == 4


def test_a_run_is_recorded_resumed_and_predicts_as_an_uninterrupted_one(data, tmp_path):
    settings = {"model": hub_cache.DINO, "image_size": 56, "weights": "imagenet", "epochs": 2}
    whole = tiny_keras.train(data, tmp_path, "whole", **settings)
    paths = tiny_keras.paths(tmp_path, "cut")
    tiny_keras.begin(data, paths, **settings)
    resumed = list(recorder.record_resumed_run(paths))

    assert resumed[-1].status == "done"
    assert tiny_keras.losses(resumed)[-1] == tiny_keras.losses(whole)[-1]
    files = sorted(data.rglob("*.png"))
    run = Run(paths.run)
    load_check.check_loads(paths.run / "model.keras", {})
    photos = np.stack([tiny_keras.pixels(file, 56) for file in files])
    np.testing.assert_allclose(
        [list(each.probabilities.values()) for each in run.predict(files)],
        run.model.predict_on_batch(photos),
        atol=1e-6,
    )
    assert not [each for each in whole if isinstance(each, Warned) and "download" in each.text]
    assert isinstance(whole[-1], RunEnded)


def test_the_explained_script_computes_the_same_features(data, tmp_path, monkeypatch):
    import keras

    monkeypatch.chdir(tmp_path)
    recipe = tiny_keras.recipe(
        data, model=hub_cache.DINO, weights="imagenet", image_size=56, epochs=1
    )
    frozen = networks.build_frozen(recipe, "float32", tmp_path)
    names: dict[str, keras.Model] = {}

    exec(explain.write_script(recipe), names)

    pixels = PIXELS[:, :56, :56].astype("float32")
    np.testing.assert_allclose(
        compute(names["frozen"], pixels),
        compute(frozen.plain, pixels),
        rtol=1e-4,
        atol=1e-4,
    )
    assert (tmp_path / "model.keras").is_file()


def test_a_preset_that_is_not_on_disk_is_said_to_be_downloaded(tmp_path, monkeypatch):
    preset = hub_presets.PRESETS[hub_cache.DINO]
    assert not load.needs_download(preset, "imagenet", tmp_path)

    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    assert load.needs_download(preset, "imagenet", tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "dinov3_vit_small_lvd1689m",
            "dinov3_vit_small_lvd1689m of KerasHub is a download of about 86 MB unless it is kept; "
            "its license is the DINOv3 License of Meta: https://www.kaggle.com/models/keras/dinov3",
        ),
        (
            "swin_tiny_patch4_window7_224",
            "swin_tiny_patch4_window7_224 of KerasHub is a download of about 110 MB unless it is "
            "kept; its license is stated: https://www.kaggle.com/models/keras/swin-transformer",
        ),
        ("VGG16", ""),
    ],
)
def test_the_license_is_said_before_anything_is_downloaded(name, said):
    assert pretrained.describe(pretrained.find_pretrained(name)) == said


def test_a_failed_download_names_the_page_with_the_license(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))

    def fail(*_, **__):
        raise ConnectionError("Failed to resolve 'api.kaggle.com'")

    monkeypatch.setattr("kagglehub.model_download", fail)
    with pytest.raises(WeightsNotFound) as caught:
        build(hub_cache.DINO_3, tmp_path)

    happened, fix = caught.value._render_traceback_()
    assert happened == (
        "WeightsNotFound: dinov3_vit_small_lvd1689m cannot be loaded or downloaded by KerasHub: "
        "Failed to resolve 'api.kaggle.com'"
    )
    assert "https://www.kaggle.com/models/keras/dinov3" in fix


def test_without_keras_hub_a_run_is_refused_before_keras_is_imported(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)

    with pytest.raises(NotInstalled) as caught:
        tiny_keras.train(data, tmp_path, model=hub_cache.DINO, image_size=56)

    assert caught.value._render_traceback_() == [
        "NotInstalled: model = 'dinov2_small' needs KerasHub, which is not installed.",
        "  %pip install keras-hub · for the GPU kernel: %%gpu, then %pip install keras-hub",
    ]


def test_the_presets_are_all_image_backbones_of_the_installed_keras_hub():
    import keras_hub  # noqa: F401 - registers the presets
    from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS_FOR_BACKBONE

    kinds = {
        "SigLIPBackbone" if each.name == "SigLIP" else each.backbone: each
        for each in hub_presets.ARCHITECTURES.values()
    }
    theirs = {
        name: (kinds[kind.__name__].name, details["metadata"]["params"], handle[-4])
        for kind, presets in BUILTIN_PRESETS_FOR_BACKBONE.items()
        if kind.__name__ in kinds
        for name, details in presets.items()
        for handle in [details["kaggle_handle"].split("/")]
        # Three presets lead to the weights of another one.
        if handle[-2] == name
    }
    ours = {
        each.name: (each.architecture.name, each.parameters, each.page)
        for each in hub_presets.PRESETS.values()
    }

    of_keras = {name for name in theirs if pretrained.find_pretrained(name).name in APPLICATIONS}
    assert ours == {name: each for name, each in theirs.items() if name not in of_keras}
    assert of_keras >= {"vgg_16_imagenet", "resnet_50_imagenet"}


@pytest.mark.parametrize("architecture", hub_presets.ARCHITECTURES.values(), ids=lambda e: e.name)
def test_each_architecture_is_a_class_of_keras_hub(architecture):
    import importlib

    module = importlib.import_module(f"keras_hub.src.models.{architecture.module}")

    assert hasattr(module, architecture.backbone)


def test_a_class_of_keras_hub_that_is_no_backbone_is_refused(tmp_path):
    described = {
        "module": "keras_hub.src.tokenizers.byte_tokenizer",
        "class_name": "ByteTokenizer",
        "registered_name": "keras_hub>ByteTokenizer",
        "config": {},
    }
    assert "ByteTokenizer" in model_archive.find_foreign_class({"layers": [described]})


def test_a_model_without_keras_hub_does_not_import_it(tmp_path):
    path = tmp_path / "plain.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential"}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "keras_hub", None)
        hub.import_for(Path(path))

    shutil.rmtree(tmp_path)


def split_of(folder, name, size, **settings):
    recipe = tiny_keras.recipe(folder, model=name, weights="imagenet", image_size=size, **settings)
    frozen = build_once(name, size)
    return frozen, split_network(recipe, frozen)


@pytest.mark.parametrize(
    ("name", "size", "unfreeze", "below", "above", "adapted"),
    [
        # An adapter of a projection has 16 values and 2 heads of 8, at rank 3.
        (hub_cache.DINO, 56, 1, "layers_0", "layers_1", (2, 2 * 3 * (16 * 2 + 8))),
        # Its rotary positions are the same for all images, and do not have to be stored.
        (hub_cache.DINO_3, 64, 1, "layers_0", "layers_1", (2, 2 * 3 * (16 + 16))),
        # Its embedding returns one token less than Keras is told; it pools by attention.
        (
            hub_cache.SIGLIP,
            224,
            1,
            "vision_encoder_block_0",
            "vision_encoder_block_1",
            (4, 4 * 3 * (16 * 2 + 8)),
        ),
        (hub_cache.VIT, 224, 2, "dropout", "transformer_block_1", (4, 4 * 3 * (16 * 2 + 8))),
        (hub_cache.VIT, 224, "ln", "transformer_block_2", "ln", (0, 0)),
        # Its blocks also return what is no tensor: they are one.
        (
            hub_cache.DEIT,
            224,
            1,
            "deit_patching_and_embedding",
            "deit_encoder",
            (4, 4 * 3 * (16 * 2 + 8)),
        ),
        # Its queries, keys and values are one projection.
        (hub_cache.SWIN, 224, 1, "stage_0", "stage_1", (1, 3 * (16 + 48))),
        (hub_cache.RESNET, 64, 1, "stack0_block0_add", "stack0_block0_out", (0, 0)),
    ],
)
def test_a_preset_is_cut_between_its_blocks(name, size, unfreeze, below, above, adapted, tmp_path):
    frozen, split = split_of(tmp_path, name, size, unfreeze=unfreeze)

    assert (split.name_below, split.name_above, split.cut.between) == (below, above, 0)
    pixels = PIXELS[:, :size, :size].astype(np.float32)
    activations = np.asarray(split.below(pixels, training=False))
    assert activations.shape[1:] == split.activations
    features = np.asarray(split.above(activations, training=False))
    whole = np.asarray(frozen.plain(pixels, training=False))
    np.testing.assert_allclose(features, whole, rtol=1e-4, atol=1e-4)
    (last,) = [each for each in split.above.layers if each.name == TUNED]
    projections = adapters.list_projections([last])
    assert (len(projections), adapters.count_values(projections, 3)) == adapted


@pytest.mark.parametrize(
    ("settings", "happened", "fix"),
    [
        (
            {"unfreeze": "block5"},
            "BadSetting: unfreeze = 'block5': vi_t_backbone has no layer or block of this name.",
            "  It has transformer_block_1, transformer_block_2 · or a number of its last blocks: "
            "unfreeze = 1",
        ),
        (
            {"unfreeze": 3},
            "BadSetting: unfreeze = 3: vi_t_backbone has 2 blocks.",
            "  Use 2 for all of them, or fewer.",
        ),
        (
            {"unfreeze": "ln", "lora_rank": 4},
            "BadSetting: lora_rank = 4: there is no attention from ln on.",
            "  Leave unfreeze out: adapters are for all blocks then.",
        ),
    ],
)
def test_what_a_preset_does_not_have_is_refused_with_what_it_has(settings, happened, fix, tmp_path):
    with pytest.raises(BadSetting) as caught:
        split_of(tmp_path, hub_cache.VIT, 224, **settings)

    assert caught.value._render_traceback_() == [happened, fix]


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        (
            {"lora_rank": 2},
            [f"layers_{n}/{kind}/lora_kernel_{each}" for n in (0, 1) for kind in ("query", "value")
             for each in "ab"],
        ),
        (
            {"lora_rank": 2, "unfreeze": 1},
            [f"layers_1/{kind}/lora_kernel_{each}" for kind in ("query", "value") for each in "ab"],
        ),
    ],
)  # fmt: skip
def test_the_explained_script_trains_what_the_run_does(settings, trained, tmp_path):
    recipe = tiny_keras.recipe(
        tmp_path, model=hub_cache.DINO, weights="imagenet", image_size=56, **settings
    )
    base = networks.build_frozen(recipe, "float32", tmp_path).base

    exec(network_code.write_trainable(recipe), {"base": base})

    paths = [each.path.split("/") for each in base.variables if each.trainable]
    assert ["/".join([path[1], *path[-2:]]) for path in paths] == trained


@pytest.mark.parametrize("name", ["VGG16", "ConvNeXtTiny", hub_cache.RESNET])
def test_adapters_are_refused_where_a_network_has_no_attention(name, tmp_path):
    with pytest.raises(BadSetting) as caught:
        tiny_keras.recipe(tmp_path, model=name, image_size=64, lora_rank=4)

    happened, fix = caught.value._render_traceback_()
    assert happened.endswith(" has no queries and values for adapters.")
    assert fix == (
        "  Train its last layers themselves: unfreeze = 4 · or use a vision transformer: "
        'model = "dinov2_small"'
    )


class Clock:
    """Advances by five minutes after each batch, so that each batch is saved."""

    now = 1e6

    def __call__(self):
        return self.now

    def stop(self):
        self.now += 300
        return False


@pytest.fixture(scope="module")
def room(presets, data, tmp_path_factory):
    """The folders of a run with adapters, and of the same killed while these are trained."""
    room = tmp_path_factory.mktemp("room")
    clock, paths, is_tuned = Clock(), tiny_keras.paths(room, "whole"), False
    recipe = tiny_keras.recipe(data, **LORA)
    with log.LogWriter(paths.run) as lines, pytest.MonkeyPatch.context() as patched:
        patched.setenv("KAGGLEHUB_CACHE", str(presets))
        for event in pipeline.run(recipe, paths, stop=clock.stop, timer=clock):
            lines.append(event)
            is_tuned = is_tuned or getattr(event, "phase", "") == "unfrozen"
            if is_tuned and not isinstance(event, RunEnded):
                shutil.copytree(paths.run, room / f"killed {event.n}")
    return room


@pytest.fixture(scope="module")
def whole(room):
    return Run(room / "whole")


@pytest.fixture(scope="module")
def events(whole):
    return list(log.read_events(whole.path))


def test_adapters_are_trained_after_the_head_and_what_they_are_is_said(events, whole):
    epochs = [(each.phase, each.epoch) for each in tiny_keras.of_kind(EpochEnded, events)]
    assert epochs == [("head", 1), ("unfrozen", 2), ("unfrozen", 3)]
    assert whole.best["epoch"] > 1
    (warned,) = tiny_keras.of_kind(Warned, events)
    assert warned.text == (
        "lora_rank = 2: 4 projections of attention get adapters; 320 weights are trained beside "
        "the head, not 4,544. The output of dinov2_backbone_embeddings is stored for 12 images, "
        "19 × 16 float32 values each: 0.0 MB."
    )


def test_the_saved_model_has_the_adapters_in_its_weights_and_no_code_of_ours(data, whole, tmp_path):
    import keras

    path = whole.path / "model.keras"
    model_archive.check_archive(path)
    with zipfile.ZipFile(path) as archive:
        assert b"lora" not in archive.read("config.json")
        assert b"dl_magics" not in archive.read("config.json")
    loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
    photos = folders.find_images(data).valid
    pixels = np.stack([images.decode(each.path.read_bytes(), 56) for each in photos])
    likely = compute(loaded, pixels.astype(np.float32))
    labels = np.array([photo.label for photo in photos])

    loss = -np.log(likely[np.arange(len(labels)), labels]).mean()
    assert loss == pytest.approx(whole.best["val_loss"], abs=1e-5)
    before = networks.build_frozen(tiny_keras.recipe(data, **LORA), "float32", tmp_path)
    network = networks.find_base(loaded.get_layer("frozen"))
    changed = {
        "/".join(was.path.split("/")[-2:])
        for was, now in zip(before.base.weights, network.weights, strict=True)
        if not np.array_equal(np.asarray(was), np.asarray(now))
    }
    assert changed == {"query/kernel", "value/kernel"}
    assert len(adapters.list_projections([network])) == 4


def test_a_checkpoint_has_the_adapters_and_not_the_network(events, room):
    (*_, saved) = [each for each in events if isinstance(each, CheckpointSaved)][:-1]
    found = checkpoint.load_checkpoint(room / f"killed {saved.n}")

    shapes = [each.shape for each in found.variables]
    # Each with its two slots in the optimizer.
    assert shapes.count((16, 2, 2)) == shapes.count((2, 8)) == 4 * 3
    assert max(each.size for each in found.variables) < 16 * 32  # a layer of the network


def test_a_run_killed_while_adapters_are_trained_ends_as_an_uninterrupted_one(
    room, events, whole, tmp_path
):
    copies = [event.n for event in events if (room / f"killed {event.n}").is_dir()]
    run = Run(shutil.copytree(room / f"killed {copies[1]}", tmp_path / "killed"))

    list(recorder.record_resumed_run(RunPaths(run.path, room / "features", room / "weights")))

    assert run.status == "done"
    assert run.history == whole.history
    first, second = tiny_keras.weights(run.path), tiny_keras.weights(whole.path)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
