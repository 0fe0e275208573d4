from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.export import formats


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("litert", "litert"),
        ("tflite", "litert"),
        ("ONNX", "onnx"),
        ("tf_saved_model", "tf_saved_model"),
        ("savedmodel", "tf_saved_model"),
        ("torch", "torch"),
    ],
)
def test_formats_have_the_names_of_keras_and_usual_ones(typed, name):
    assert formats.find_format(typed).name == name


@pytest.mark.parametrize(
    ("typed", "nearest"), [("onxx", "onnx"), ("tf-lite", "litert"), ("tf_saved", "tf_saved_model")]
)
def test_another_format_is_an_error_that_names_the_nearest(typed, nearest):
    with pytest.raises(BadSetting, match=f"got: '{typed}'") as refused:
        formats.find_format(typed)

    assert refused.value.fix == f'run.export("{nearest}")'


@pytest.mark.parametrize("name", formats.FORMATS)
def test_the_code_that_runs_a_file_is_python(name):
    code = formats.write_code(formats.FORMATS[name], "pets'.x", 224)

    compile(code, name, "exec")
    assert "(images, 224, 224, 3)" in code
