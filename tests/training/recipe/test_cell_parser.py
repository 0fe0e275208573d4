from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.cell_parser import parse_cell
from dl_magics.training.recipe.line.line_parser import parse_line
from dl_magics.training.recipe.recipe import Recipe


def refusal(line, cell="", names=None):
    with pytest.raises(BadSetting) as caught:
        parse_cell(line, cell, names or {})
    happened, fix = caught.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened.removeprefix("BadSetting: "), fix.removeprefix("  ")


def head_of(cell, names=None):
    return parse_cell("photos", cell, names or {})


# The line


@pytest.mark.parametrize(
    ("line", "folder", "settings"),
    [
        ("data/dogscats", "data/dogscats", {}),
        ("  data/dogscats  ", "data/dogscats", {}),
        ("", "", {}),
        ('"my photos/of 2026"', "my photos/of 2026", {}),
        ("'my photos'", "my photos", {}),
        (r"C:\Users\ann\photos", r"C:\Users\ann\photos", {}),
        (r'"C:\my photos\new"', r"C:\my photos\new", {}),
        ("photos#1", "photos#1", {}),
        ("~/photos", "~/photos", {}),
        ("photos --epochs 3", "photos", {"epochs": 3}),
        ("--epochs 3 photos", "photos", {"epochs": 3}),
        ("photos --epochs=3", "photos", {"epochs": 3}),
        ("photos --learning-rate 1e-4", "photos", {"learning_rate": 1e-4}),
        ("photos --dense [64,32]", "photos", {"dense": [64, 32]}),
        ('photos --dense "[64, 32]"', "photos", {"dense": [64, 32]}),
        ("photos --dense [64, 32] --epochs 2", "photos", {"dense": [64, 32], "epochs": 2}),
        ("photos --dense []", "photos", {"dense": []}),
        ("photos --weights None", "photos", {"weights": None}),
        ("photos --weights=own.h5", "photos", {"weights": "own.h5"}),
        ('photos --weights "my own.h5"', "photos", {"weights": "my own.h5"}),
        (r"photos --weights C:\w\vgg16.h5", "photos", {"weights": r"C:\w\vgg16.h5"}),
        ("photos --model VGG16", "photos", {"model": "VGG16"}),
        ("photos --weights=a=b.h5", "photos", {"weights": "a=b.h5"}),
        ("photos --mixed-precision False", "photos", {"mixed_precision": False}),
        ("photos --max_duration 30m", "photos", {"max_duration": "30m"}),
        ("photos --dropout -1", "photos", {"dropout": -1}),
        ("photos --dense {[]:1}", "photos", {"dense": "{[]:1}"}),
    ],
)
def test_a_line_is_a_folder_and_settings(line, folder, settings):
    assert parse_line(line) == (folder, settings)


def test_the_line_alone_makes_a_recipe():
    recipe = parse_cell("photos --dense [64,32] --weights None --model=vgg16", "", {})

    assert recipe == Recipe(data="photos", dense=(64, 32), weights=None, model="VGG16")


@pytest.mark.parametrize(
    ("option", "example"),
    [
        ("--epochs", "--epochs 10"),
        ("--batch-size", "--batch-size auto"),
        ("--dense", "--dense [256]"),
        ("--then", "--then VALUE"),
    ],
)
def test_a_flag_without_a_value_is_refused_with_one_that_it_takes(option, example):
    happened, fix = refusal(f"photos {option}")

    assert happened == f"{option} has no value."
    assert fix.startswith(f"Add it after the name: {example} (")


def test_an_option_that_there_is_not_is_refused_though_it_has_no_value():
    happened, fix = refusal("photos --epoch")
    assert happened == "--epoch: there is no setting 'epoch'."
    assert fix.startswith("Nearest: epochs.")

    happened, fix = refusal("photos --here")
    assert happened == "--here: there is no setting 'here'."
    assert fix == "To train on this computer: %gpu_disconnect, then run the cell again."


@pytest.mark.parametrize("option", ["-epochs 2", "-epochs=2"])
def test_an_option_with_one_hyphen_is_corrected(option):
    happened, fix = refusal(f"'my photos' --seed 3 {option} -batch-size 8")

    assert happened == "-epochs is not an option: options have two hyphens."
    assert fix == f"%finetune 'my photos' --seed 3 -{option} --batch-size 8"
    settings = {"seed": 3, "epochs": 2, "batch_size": 8}
    assert parse_line(fix.removeprefix("%finetune ")) == ("my photos", settings)


@pytest.mark.parametrize(
    ("line", "written", "instead"),
    [
        ("ok epochs=1", "epochs=1", "%finetune ok --epochs 1"),
        ("ok epochs = 1", "epochs = 1", "%finetune ok --epochs 1"),
        ("'my photos' image_size=96", "image_size=96", "%finetune 'my photos' --image-size 96"),
        ("epochs=1 ok", "epochs=1", "%finetune FOLDER --epochs 1"),
    ],
)
def test_an_assignment_on_the_line_is_refused_with_its_option(line, written, instead):
    happened, fix = refusal(line)

    assert happened == f"{written} is not an option."
    assert fix.startswith(f"On the line: {instead} · in the body of %%finetune: ")


def test_two_folders_are_refused_with_a_quoted_suggestion():
    happened, fix = refusal("my photos --epochs 3")

    assert happened == "%%finetune takes one folder, not 2: my photos"
    assert fix == 'Quote a name with spaces or quotes: %%finetune "my photos"'


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (r"my\ photos", "my photos"),
        ("my 'best' photos", "my 'best' photos"),
        ('my "best" photos', 'my "best" photos'),
        ("Ann's best photos", "Ann's best photos"),
        ("Ann's", "Ann's"),
    ],
)
def test_the_suggestion_for_a_name_names_the_folder_that_there_is(
    line, name, tmp_path, monkeypatch
):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)

    _, fix = refusal(f"{line} --epochs 3")

    begin, _, quoted = fix.partition("%%finetune ")
    assert begin == "Quote a name with spaces or quotes: "
    assert parse_line(quoted) == (name, {})


def test_the_name_of_a_folder_that_may_be_on_a_host_is_suggested_without_its_backslash():
    assert refusal(r"my\ photos")[1].endswith('%%finetune "my photos"')
    assert refusal("~nobody/my photos")[1].endswith('%%finetune "~nobody/my photos"')
    assert refusal(f"{'x' * 300} y")[0].startswith("%%finetune takes one folder")


def test_an_open_quote_is_refused():
    happened, fix = refusal('"my photos')

    assert happened == 'A closing quote is missing: "my photos'
    assert fix == "Add it after the folder name."


def test_a_misspelled_flag_suggests_the_closest_name():
    happened, fix = refusal("photos --epoch 3")

    assert happened == "epoch = 3: there is no setting 'epoch'."
    assert fix.startswith("Nearest: epochs.")


@given(st.text())
@example("--dense {[]:1}")
@example("--dense " + "(" * 5000)
@example("--dense " + "-" * 20_000 + "1")
@example("--epochs " + "9" * 5000)
@example("--model '\ud800'")
@example("--model \0")
def test_an_arbitrary_line_is_parsed_or_refused(line):
    try:
        folder, settings = parse_line(line)
    except BadSetting as refused:
        lines = refused._render_traceback_()
        assert len(lines) == 2
    else:
        assert isinstance(folder, str)
        assert all(isinstance(name, str) for name in settings)


word = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters="\"'-"),
    min_size=1,
)


@given(word, st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1))
def test_quoted_words_are_parsed_unchanged(folder, value):
    on_line = f'{folder} --weights "{value}"'

    found, settings = parse_line(on_line)

    assert found == folder
    assert list(settings) == ["weights"]
    assert settings["weights"] == value or not isinstance(settings["weights"], str) or "'" in value


# Settings in the body


def test_an_empty_body_gives_the_defaults():
    assert parse_cell("photos", "", {}) == Recipe(data="photos")
    assert parse_cell("photos", "\n  # nothing yet\n", {}) == Recipe(data="photos")


def test_assignments_are_settings():
    recipe = parse_cell("photos", 'model = "vgg16"\nepochs = 2 * 3\ndense: list = [64]\n', {})

    assert recipe == Recipe(data="photos", epochs=6, dense=(64,))


def test_a_string_statement_is_a_comment():
    assert parse_cell("photos", '"""Cats first."""\nepochs = 3', {}).epochs == 3


def test_earlier_settings_and_underscore_names_may_be_used():
    recipe = parse_cell("photos", "_half = 32\ndense = [2 * _half, _half]\npatience = dense[1]", {})

    assert recipe.dense == (64, 32)
    assert recipe.patience == 32


def test_names_bound_by_an_expression_are_local():
    recipe = parse_cell(
        "photos", "dense = [2**n for n in (5, 4)]\nepochs = (lambda k: k + 1)(2)", {}
    )

    assert recipe.dense == (32, 16)
    assert recipe.epochs == 3


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (7, 7),
        (np.int64(7), 7),
        (np.float32(7).astype("int16"), 7),
        (np.array(7), 7),
    ],
)
def test_a_plain_variable_of_the_notebook_may_be_used(value, taken):
    recipe = parse_cell("photos", "epochs = mine", {"mine": value})

    assert recipe.epochs == taken
    assert type(recipe.epochs) is int


def test_a_scalar_of_keras_or_its_backend_may_be_used_and_one_without_a_value_is_refused():
    import keras

    variable = keras.Variable(0.25)
    for value in (variable, variable.value, keras.ops.convert_to_tensor(0.25)):
        assert parse_cell("photos", "dropout = mine", {"mine": value}).dropout == 0.25

    happened, _ = refusal("photos", "dropout = mine", {"mine": keras.KerasTensor(())})
    assert happened.startswith("mine of your notebook is of type KerasTensor;")


def test_lists_and_paths_of_the_notebook_may_be_used():
    names = {"widths": [64, 32], "file": Path("own.h5"), "rates": {"slow": 1e-5}}

    recipe = parse_cell(
        "photos", "dense = widths\nweights = file\nlearning_rate = rates['slow']", names
    )

    assert recipe.dense == (64, 32)
    assert recipe.weights == "own.h5"
    assert recipe.learning_rate == 1e-5


def test_true_of_numpy_is_not_a_number():
    happened, _ = refusal("photos", "dropout = mine", {"mine": np.True_})

    assert happened == "dropout = True is not valid."


@pytest.mark.parametrize(
    "value", [object(), np.zeros(3), {1: 2}, [object()], len, {"a": {3}}, {1, 2}, b"x", np]
)
def test_a_value_that_is_not_json_is_refused(value):
    happened, fix = refusal("photos", "dense = mine", {"mine": value})

    assert happened.startswith(f"mine of your notebook is of type {type(value).__name__};")
    assert fix == "Use numbers, strings, None, and lists or dicts of them."


def test_an_unknown_name_suggests_the_closest_variable_of_the_notebook():
    happened, fix = refusal("photos", "epochs = my_epoch", {"my_epochs": 3})

    assert happened == "The name 'my_epoch' is not defined."
    assert fix == 'Nearest: my_epochs. Strings need quotes: model = "VGG16"'


def test_a_missing_quote_is_reported():
    happened, fix = refusal("photos", "model = VGG16")

    assert happened == "The name 'VGG16' is not defined."
    assert fix == 'Strings need quotes: model = "VGG16"'


def test_a_setting_may_not_be_both_on_the_line_and_in_the_body():
    happened, fix = refusal("photos --epochs 3", "epochs = 4")

    assert happened == "epochs is set twice, on the line and in the body."
    assert fix == "Keep one of them: epochs = 4"


def test_an_error_in_an_expression_is_reported():
    happened, fix = refusal("photos", "epochs = 5 // 0")

    assert happened == "epochs = 5 // 0: ZeroDivisionError: integer division or modulo by zero"
    assert fix == "Give it a plain value."


def test_a_multi_line_error_is_reported_on_one_line():
    happened, _ = refusal("photos", "epochs = exec('raise ValueError(\"so\\\\nand so\")')")

    assert happened.endswith(": ValueError: so and so")


@pytest.mark.parametrize(
    ("cell", "line", "shown"),
    [
        ("for n in range(3):\n    epochs = n", 1, "for n in range(3):"),
        ("epochs = 3\nif True:\n    epochs = 4", 2, "if True:"),
        ("while True: pass", 1, "while True:"),
        ("print('hello')", 1, "print('hello')"),
        ("a = b = 3", 1, "a = b = 3"),
        ("a, b = 1, 2", 1, "a, b = (1, 2)"),
        ("epochs += 1", 1, "epochs += 1"),
        ("epochs: int", 1, "epochs: int"),
        ("dense[0] = 3", 1, "dense[0] = 3"),
        ("del epochs", 1, "del epochs"),
        ("class Head: pass", 1, "class Head:"),
        ("async def head(features): pass", 1, "async def head(features):"),
        ("with open('x') as f: pass", 1, "with open('x') as f:"),
        ("3", 1, "3"),
    ],
)
def test_other_statements_are_refused_with_their_line(cell, line, shown):
    happened, fix = refusal("photos", cell)

    assert happened == f"Line {line} of the cell is no setting: {shown}"
    assert fix.startswith(
        "The body may contain settings (epochs = 5), head(features) and augment(image, random);"
    )


@pytest.mark.parametrize(
    ("cell", "line", "shown"),
    [
        ("epochs = ", 1, "epochs ="),
        ("epochs = 3\ndense = [64", 2, "dense = [64"),
        ("epochs = 3\n  dense = 5", 2, "dense = 5"),
        ("%time epochs = 3", 1, "%time epochs = 3"),
        ("!ls", 1, "!ls"),
        ("epochs: 3 = = 4", 1, "epochs: 3 = = 4"),
    ],
)
def test_a_syntax_error_is_refused_with_its_line(cell, line, shown):
    happened, fix = refusal("photos", cell)

    assert happened == f"Line {line} of the cell is not Python: {shown}"
    assert fix.endswith(". A setting looks like: epochs = 5")


@pytest.mark.parametrize("cell", ["epochs = (yield)", "return 5", "epochs = await later", "break"])
def test_return_and_yield_outside_of_a_function_are_refused(cell):
    happened, _ = refusal("photos", cell)

    assert happened.startswith("Line 1 of the cell is not Python:")


@given(st.text())
@example("epochs = \0")
@example("model = '\ud800'")
@example("epochs = " + "(" * 5000)
@example("epochs = " + "-" * 20_000 + "1")
@example("epochs = " + "9" * 5000)
@example("epochs = 10 ** 5000")
@example("epochs = [x for x in (yield)]")
@example("epochs = (x := 3)")
@example("epochs = f'''a\n{1}'''")
@example("from nowhere import *")
@example("from __future__ import braces")
def test_an_arbitrary_body_is_parsed_or_refused(cell):
    try:
        recipe = parse_cell("photos", cell, {})
    except BadSetting as refused:
        lines = refused._render_traceback_()
        assert len(lines) == 2
        assert not any("\n" in line for line in lines)
    else:
        assert recipe.data == "photos"


# The function head


def test_a_head_is_stored_as_source_with_its_imports():
    recipe = head_of(
        "from math import log2\n"
        "import numpy as np\n"
        "epochs = 3\n"
        "def head(features):\n"
        "    return layers.Dense(int(log2(np.int64(64))))(features)\n"
    )

    assert recipe.epochs == 3
    assert recipe.head.splitlines()[:2] == ["from math import log2", "import numpy as np"]
    assert "def head(features):" in recipe.head
    assert "epochs" not in recipe.head
    assert recipe.head_names == {}


def test_notebook_variables_used_by_a_head_are_stored():
    cell = "def head(features):\n    return layers.Dense(width, activation=act)(features)"

    recipe = head_of(cell, {"width": np.int32(64), "act": "relu", "unused": object()})

    assert recipe.head_names == {"width": 64, "act": "relu"}
    assert type(recipe.head_names["width"]) is int


def test_a_setting_of_the_cell_may_be_used_in_its_head():
    recipe = head_of("_width = 8\ndef head(features):\n    return layers.Dense(_width)(features)")

    assert recipe.head_names == {"_width": 8}


def test_names_bound_in_a_head_are_not_looked_up():
    recipe = head_of("""
def head(features, *rest, act: str = "relu", **more):
    deep = 2
    import math
    from os import path as p
    class Own(layers.Layer):
        size = 3
        def call(self, x): return x * self.size
    def inner(y):
        nonlocal hidden
        return y
    async def later(): return later
    hidden = [inner(n) for n in range(deep)]
    squares = {a: b for a, b in zip(hidden, hidden)}
    try:
        with open(p.join("x")) as f:
            f.read()
    except OSError as error:
        print(error, squares, rest, more, act)
    if (found := math.sqrt(4)) > 3:
        return found
    match deep:
        case [first, *others]: print(first, others)
    return Own()(ops.relu(keras.layers.Dense(2)(features)))
""")

    assert recipe.head_names == {}


def test_a_head_may_use_keras_without_importing_it():
    recipe = head_of("def head(features):\n    return keras.layers.Dense(ops.size([]))(features)")

    assert recipe.head_names == {}


def test_an_unknown_name_in_a_head_is_refused():
    happened, fix = refusal(
        "photos",
        "def head(features):\n    return layers.Dense(width2)(features)",
        {"width": 64},
    )

    assert happened == "The name 'width2' is not defined."
    assert fix.startswith("Nearest: width.")


def test_a_variable_in_a_head_that_is_not_json_is_refused():
    happened, _ = refusal(
        "photos", "def head(features):\n    return mine(features)", {"mine": object()}
    )

    assert happened.startswith("mine of your notebook is of type object;")


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        ("def heads(features): pass", "def heads(features)"),
        ("def head(): pass", "def head()"),
        ("def head(features, classes): pass", "def head(features, classes)"),
        ("def helper(x): pass", "def helper(x)"),
    ],
)
def test_a_function_of_another_name_or_shape_is_refused(function, shown):
    happened, fix = refusal("photos", function)

    assert happened == f"{shown} is not a function that %%finetune calls."
    assert fix.startswith("Define head(features), which")


def test_a_function_that_augments_a_whole_batch_is_refused_with_what_it_gets():
    happened, fix = refusal("photos", "def augment(images):\n    return images[:, ::-1]")

    assert happened == "def augment(images) is not a function that %%finetune calls."
    assert "augment(image, random)" in fix


def test_a_function_augment_is_stored_beside_the_head():
    recipe = parse_cell(
        "photos",
        "import math\n"
        "def head(features):\n    return layers.Dense(width)(features)\n"
        "def augment(image, random):\n    return np.roll(image, shift, 1)\n",
        {"width": 8, "shift": np.int64(2)},
    )

    assert recipe.head.splitlines()[0] == recipe.augment_function.splitlines()[0] == "import math"
    assert "augment" not in recipe.head
    assert "def augment(image, random):" in recipe.augment_function
    assert (recipe.head_names, recipe.augment_names) == ({"width": 8}, {"shift": 2})


def test_a_number_and_a_function_augment_exclude_each_other():
    happened, fix = refusal("photos", "augment = 2\ndef augment(image, random):\n    return image")

    assert happened == "augment is set twice: 2, and the function augment(image, random)."
    assert fix == (
        "Keep one of them: a number of copies is computed once, a function is called in each epoch."
    )


def test_workers_do_not_augment_by_a_function():
    happened, fix = refusal(
        "photos", 'workers = ["crew"]\ndef augment(image, random):\n    return image'
    )

    assert happened == (
        "workers = ['crew']: workers compute images once, augment(image, random) needs them in "
        "each epoch."
    )
    assert fix == "Leave workers out · or store copies, which workers compute: augment = 2"


def test_an_import_without_a_head_changes_nothing():
    assert head_of("import numpy as np\nepochs = 3") == Recipe(data="photos", epochs=3)
