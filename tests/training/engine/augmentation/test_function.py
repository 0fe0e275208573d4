from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.engine.augmentation.function import AugmentFunction
from support import tiny_keras

PHOTO = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
KEY = bytes(range(32))
SHIFT = "return (image + random.integers(1, 200)) % 256"


def function_of(body, names=None, **settings):
    source = f"def augment(image, random):\n    {body}"
    recipe = tiny_keras.recipe("photos", augment=source, names=names, **settings)
    return AugmentFunction(recipe)


def refused(body):
    with pytest.raises(BadSetting) as caught:
        function_of(body).apply(PHOTO, KEY, 1)
    assert "numpy.random.Generator; it returns pixels of the same shape" in caught.value.fix
    return str(caught.value)


def test_it_gets_the_pixels_and_returns_others():
    assert np.array_equal(function_of("return image[:, ::-1]").apply(PHOTO, KEY, 1), PHOTO[:, ::-1])


def test_it_uses_values_of_the_notebook_numpy_and_keras():
    apply = function_of("return np.roll(keras.ops.convert_to_numpy(image), n, 1)", {"n": 2}).apply

    assert np.array_equal(apply(PHOTO, KEY, 1), np.roll(PHOTO, 2, 1))


def test_what_it_writes_into_the_image_does_not_change_that_of_the_next_epoch():
    before = PHOTO.copy()

    assert not function_of("image[:] = 0; return image").apply(PHOTO, KEY, 1).any()
    assert np.array_equal(PHOTO, before)


def test_the_same_seed_epoch_and_image_give_the_same_pixels_and_others_do_not():
    apply = function_of(SHIFT).apply
    first = apply(PHOTO, KEY, 1)

    assert np.array_equal(first, function_of(SHIFT).apply(PHOTO, KEY, 1))
    assert not np.array_equal(first, apply(PHOTO, KEY, 2))
    assert not np.array_equal(first, apply(PHOTO, KEY[::-1], 1))
    assert not np.array_equal(first, function_of(SHIFT, seed=7).apply(PHOTO, KEY, 1))


@given(st.floats(-1e9, 1e9))
def test_numbers_are_rounded_to_pixels_from_0_to_255(value):
    made = function_of("return np.full(image.shape, value)", {"value": value}).apply(PHOTO, KEY, 1)

    assert made.dtype == np.uint8
    assert (made == round(min(max(value, 0), 255))).all()


@pytest.mark.parametrize(
    ("body", "happened"),
    [
        ("1/0", "failed: ZeroDivisionError: division by zero"),
        ("raise KeyError", "failed: KeyError: "),
        ("return None", "returned object of the shape () for an image of the shape (6, 8, 3)."),
        ("return image[1:]", "returned uint8 of the shape (5, 8, 3) for an image of the shape "
         "(6, 8, 3)."),
        ("return image > 3", "returned bool of the shape (6, 8, 3) for an image of the shape "
         "(6, 8, 3)."),
        ("return image / 0", "returned NaN or infinite values."),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*encountered in divide")
def test_what_is_not_an_image_is_refused_with_what_it_must_return(body, happened):
    assert refused(body) == f"augment(image, random) {happened}"


def test_an_import_that_fails_is_reported():
    source = "import no_such_package\ndef augment(image, random):\n    return image"

    with pytest.raises(BadSetting, match="ModuleNotFoundError: No module named 'no_such_package'"):
        AugmentFunction(tiny_keras.recipe("photos", augment=source))
