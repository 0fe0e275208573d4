from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.training.engine.fine_tuning.cut import Cut, find_cut, list_blocks
from dl_magics.training.engine.fine_tuning.graph import read_graph


def chain(*names):
    """Return a network of layers in a row."""
    import keras

    given = value = keras.Input((4,), name="pixels")
    for name in names:
        value = keras.layers.Activation("relu", name=name)(value)
    return keras.Model(given, value, name="chain")


def branched(picks):
    """Return a network in which each layer adds the outputs of two earlier ones."""
    import keras

    values = [keras.Input((4,))]
    for at, (one, other) in enumerate(picks):
        pair = values[one % len(values)], values[other % len(values)]
        # Behind an addition that is no layer, as in ConvNeXt.
        added = keras.layers.Add()(pair) if at % 2 else pair[0] + pair[1]
        values.append(keras.layers.Activation("relu")(added))
    return keras.Model(values[0], values[-1])


@pytest.mark.parametrize(
    ("unfreeze", "cut"),
    [
        ("block2", Cut(2, 3)),
        ("block2_conv2", Cut(3, 4)),
        ("block1", Cut(0, 1)),
        (1, Cut(5, 6)),
        (3, Cut(3, 4)),
        (6, Cut(0, 1)),
    ],
)
def test_training_begins_with_the_first_layer_of_a_block_or_at_a_number_from_the_end(unfreeze, cut):
    network = chain(
        "block1_conv1", "block1_pool", "block2_conv1", "block2_conv2", "block10_conv", "block11"
    )

    assert find_cut(read_graph(network), unfreeze) == cut


def test_a_block_is_not_the_beginning_of_another_number():
    assert find_cut(read_graph(chain("stem", "block10_conv", "block1_conv")), "block1").first == 3


@pytest.mark.parametrize(
    ("unfreeze", "happened", "fix"),
    [
        (
            "block9",
            "BadSetting: unfreeze = 'block9': chain has no layer or block of this name.",
            "  It has block1, block2 · or a number of its last layers: unfreeze = 4",
        ),
        (
            4,
            "BadSetting: unfreeze = 4: chain has 3 layers without its top.",
            "  Use 3 for all of them, or fewer.",
        ),
        (
            "blocks",
            "BadSetting: unfreeze = 'blocks': chain has no layer or block of this name.",
            "  It has block1, block2 · or a number of its last layers: unfreeze = 4",
        ),
    ],
)
def test_what_the_network_does_not_have_is_refused_with_what_it_has(unfreeze, happened, fix):
    network = chain("block1_conv", "block2_conv", "conv2d_3")

    with pytest.raises(BadSetting) as caught:
        find_cut(read_graph(network), unfreeze)

    assert caught.value._render_traceback_() == [happened, fix]


@settings(max_examples=25, deadline=None)
@given(
    picks=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=6),
    asked=st.integers(1, 6),
)
def test_a_network_is_cut_at_the_highest_layer_through_which_everything_flows(picks, asked):
    import keras

    network = branched(picks)
    unfreeze = min(asked, len(network.layers) - 1)

    cut = find_cut(read_graph(network), unfreeze)

    operations = network.operations
    assert operations[cut.first] is network.layers[-unfreeze]

    def can_be_cut(position):
        try:
            keras.Model(operations[position].output, network.output)
        except ValueError as error:
            return "is not connected" not in str(error)
        return True

    assert can_be_cut(cut.position)
    assert not any(can_be_cut(each) for each in range(cut.position + 1, cut.first))


@pytest.mark.parametrize(
    ("names", "blocks"),
    [
        (["block1_conv1", "block1_pool", "block2_conv1"], ["block1", "block2"]),
        (["block7a_expand_conv", "block7b_bn", "top_conv"], ["block7"]),
        (["conv2d_94", "conv2d", "mixed9_0", "activation_3"], ["mixed9"]),
        (["conv_dw_13_bn", "conv_pw_13"], ["conv_dw_13", "conv_pw_13"]),
        (["block_16_expand", "out_relu"], ["block_16"]),
        (["convnext_tiny_stage_3_block_2_gelu"], ["convnext_tiny_stage_3"]),
    ],
)
def test_the_blocks_are_what_the_names_of_layers_begin_with(names, blocks):
    assert list_blocks(names) == blocks
