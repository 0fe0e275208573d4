from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting
from dl_magics.training.crew.joint.hosts import count_hosts, require_jax
from support import tiny_keras


@pytest.mark.parametrize(
    ("batch_size", "hosts", "devices", "expected"),
    [
        (32, 4, 1, (4, 1)),
        (32, 5, 1, (4, 1)),
        (32, 3, 1, (2, 1)),
        (32, 2, 2, (2, 2)),
        (32, 4, 2, (2, 2)),
        (16, 4, 1, (2, 1)),
        (8, 4, 1, (1, 1)),
        (32, 2, 8, (1, 4)),
        (128, 4, 4, (4, 4)),
    ],
)
def test_a_batch_is_divided_evenly_among_devices_of_hosts_with_enough_images_for_each(
    batch_size, hosts, devices, expected
):
    count, each = count_hosts(batch_size, hosts, devices)

    assert (count, each) == expected
    assert batch_size % (count * each) == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"unfreeze": "block5"}, "unfreeze = 'block5'"), ({"unfreeze": 2}, "= 2")],
)
def test_hosts_train_layers_together_with_jax_only(tmp_path, settings, said):
    recipe = tiny_keras.recipe(tmp_path, workers="crew", **settings)
    require_jax(recipe, "jax")
    require_jax(tiny_keras.recipe(tmp_path, workers="crew"), "tensorflow")
    require_jax(tiny_keras.recipe(tmp_path, **settings), "tensorflow")

    with pytest.raises(BadSetting) as refused:
        require_jax(recipe, "tensorflow")

    assert said in str(refused.value)
    assert "with JAX only, and Keras runs on tensorflow here" in str(refused.value)
    assert "%env KERAS_BACKEND=jax" in refused.value.fix
    assert "leave workers out" in refused.value.fix
