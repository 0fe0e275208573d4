from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.applications import APPLICATIONS
from dl_magics.training.recipe.hub_presets import PRESETS
from dl_magics.training.recipe.pretrained import find_pretrained
from dl_magics.training.recipe.recipe import check_settings


@pytest.mark.parametrize(
    "written",
    [
        "VGG16",
        "vgg16",
        "vgg_16",
        "vgg-16",
        "VGG 16",
        " vgg16 ",
        "vgg_16_imagenet",
        "Vgg16_ImageNet",
    ],
)
def test_a_model_name_is_accepted_in_several_spellings(written):
    assert find_pretrained(written) is APPLICATIONS["VGG16"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("resnet-50", "ResNet50"),
        ("resnet_50_v2", "ResNet50V2"),
        ("mobilenet", "MobileNet"),
        ("EFFICIENTNETV2-B0", "EfficientNetV2B0"),
        ("inception_resnet_v2", "InceptionResNetV2"),
        ("resnet_50_imagenet", "ResNet50"),
        ("resnet_18", "resnet_18_imagenet"),
        ("DINOv2-small", "dinov2_small"),
        ("vit_base_patch16_224", "vit_base_patch16_224_imagenet"),
    ],
)
def test_models_of_similar_names_are_distinguished(written, name):
    assert find_pretrained(written).name == name


def test_each_name_means_itself():
    assert [find_pretrained(name).name for name in (*APPLICATIONS, *PRESETS)] == [
        *APPLICATIONS,
        *PRESETS,
    ]


@given(st.sampled_from(sorted(APPLICATIONS)), st.data())
def test_a_name_is_accepted_in_any_case_with_any_separators(name, data):
    separators = st.sampled_from(["", "_", "-", " ", "."])
    cased = st.sampled_from([str.upper, str.lower])
    written = "".join(data.draw(cased)(each) + data.draw(separators) for each in name)

    assert find_pretrained(written).name == name


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("VGG116", "VGG16"),
        ("vgg", "VGG16"),
        ("v", "VGG16"),
        ("resnet", "ResNet50"),
        ("resnet5", "ResNet50"),
        ("xceptoin", "Xception"),
        ("?", "VGG16"),
        ("dinov2", "dinov2_base"),
        ("dino_v3_vit_small", "dinov3_vit_small_lvd1689m"),
        ("dinov2_smal", "dinov2_small"),
    ],
)
def test_an_unknown_model_suggests_the_closest_one(written, nearest):
    with pytest.raises(BadSetting) as caught:
        find_pretrained(written)

    happened, fix = caught.value._render_traceback_()
    assert happened == (
        f"BadSetting: model = {written!r} is none of the 40 models of keras.applications, none of "
        f"{len(PRESETS)} image presets of KerasHub, and no .keras file."
    )
    assert fix.startswith(f'  Nearest: model = "{nearest}". All: ConvNeXtBase, ')


@given(st.text())
def test_arbitrary_text_is_a_model_or_refused(written):
    try:
        model = find_pretrained(written)
    except BadSetting as refused:
        said = str(refused)
        assert repr(written) in said
    else:
        assert model.name in {**APPLICATIONS, **PRESETS}


@pytest.mark.parametrize(
    ("settings", "happened", "fix"),
    [
        (
            {"model": "dinov2_small", "image_size": 100},
            "image_size = 100 is not a multiple of 14, the patch size of dinov2_small.",
            "Use image_size = 98",
        ),
        (
            {"model": "vit_base_patch16_384_imagenet", "image_size": 224},
            "image_size = 224: vit_base_patch16_384_imagenet takes images of 384 pixels only.",
            "Leave image_size out.",
        ),
        (
            {"model": "resnet_18_imagenet", "image_size": 16},
            "image_size = 16 is too small for resnet_18_imagenet.",
            "Use image_size = 32 or more; resnet_18_imagenet was made for 224.",
        ),
        ({"pooling": "cls"}, 'pooling = "cls": VGG16 has no class token.', "Leave pooling out."),
    ],
)
def test_a_size_or_pooling_that_a_backbone_does_not_take_is_refused(settings, happened, fix):
    with pytest.raises(BadSetting) as caught:
        check_settings("photos", settings)

    assert caught.value._render_traceback_() == [f"BadSetting: {happened}", f"  {fix}"]


@pytest.mark.parametrize(
    ("name", "size", "pooling"),
    [
        ("dinov2_small", 224, "cls"),
        ("siglip2_base_patch16_384", 384, "avg"),
        ("VGG16", 224, "avg"),
    ],
)
def test_size_and_pooling_are_those_of_the_authors(name, size, pooling):
    recipe = check_settings("photos", {"model": name})

    assert (recipe.image_size, recipe.pooling) == (size, pooling)
    assert check_settings("photos", {"model": name, "pooling": "max"}).pooling == "max"
