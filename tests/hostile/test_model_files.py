"""Model files that a hostile host sends: refused before Keras reads them."""

from __future__ import annotations

import base64
import io
import json
import marshal
import socket
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from dl_magics.errors import DamagedRun, NotLoadable
from dl_magics.runs import remote_origin
from dl_magics.training import hdf5_file, model_archive
from dl_magics.training.loading import isolated_load, load_check
from dl_magics.training.loading.load_check import LoadCheck
from dl_magics.training.run import Run
from support import run_events
from support.run_events import ORIGIN

INPUT = {
    "module": "keras.layers",
    "class_name": "InputLayer",
    "registered_name": None,
    "name": "in",
    "inbound_nodes": [],
    "config": {"batch_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "in"},
}


def layer(name, module="keras.layers", registered=None, **config):
    return {
        "module": module,
        "class_name": name,
        "registered_name": registered,
        "name": "odd",
        "config": config,
        "inbound_nodes": [],
    }


def operation(name, *arguments):
    made = layer(name, "keras.src.ops.core", name)
    return {**made, "inbound_nodes": [{"args": [True, *arguments], "kwargs": {}}]}


def model(*layers, **more):
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "config": {
            "name": "m",
            "trainable": True,
            "layers": [INPUT, *layers],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["in", 0, 0]],
        },
        **more,
    }


def weights():
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened["layers/dense/vars/0"] = np.zeros(3, "float32")
    return file.getvalue()


def members(config=None):
    return {
        "metadata.json": b'{"keras_version": "3.15.1"}',
        "config.json": json.dumps(config or model()).encode(),
        "model.weights.h5": weights(),
        "classes.json": b'["cats", "dogs"]',
    }


def archive(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in contents.items():
            file.writestr(name, data)
    return path


def gadget(marker):
    """A model that lets Keras run code of the file, even in safe mode, where nothing stops it.

    A node calls `enable_unsafe_deserialization`, and the next one has a lambda as its argument.
    """
    call = eval(f"lambda: (open({str(marker)!r}, 'w').write('ran'), 1)[1]").__code__
    code = base64.b64encode(marshal.dumps(call)).decode()
    unlock = function("keras.config", "enable_unsafe_deserialization")
    lambda_ = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
    return model(operation("Cond", unlock, unlock), operation("Cond", lambda_, lambda_))


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def test_a_model_of_the_engine_is_accepted(tmp_path):
    model_archive.check_archive(archive(tmp_path / "model.keras", members()))


def test_a_model_that_unlocks_its_own_code_is_refused_before_keras_reads_it(tmp_path):
    path = archive(tmp_path / "model.keras", members(gadget(tmp_path / "ran")))

    with LoadCheck() as check, pytest.raises(NotLoadable, match="it uses 'Cond'"):
        check.load(path, {})

    assert not (tmp_path / "ran").exists()
    assert not check.is_prepared


@pytest.mark.parametrize("is_remote", [False, True])
def test_the_model_of_a_run_is_checked_before_it_is_loaded(tmp_path, is_remote):
    run = Run(run_events.write_log(tmp_path / "run", run_events.make_events()))
    archive(run.path / "model.keras", members(gadget(tmp_path / "ran")))
    if is_remote:
        remote_origin.save(run.path, ORIGIN)

    with pytest.raises(NotLoadable, match="could run code of its author"):
        _ = run.model

    assert not (tmp_path / "ran").exists()


def nested(depth):
    text = '{"class_name": 1, "config": ' * depth + "{}" + "}" * depth
    return text.encode()


LAMBDA = layer("Lambda", function=["code"])

CONFIGS = [
    ("a lambda", model(LAMBDA)),
    ("in another layer", model(layer("TimeDistributed", layer=LAMBDA))),
    ("in an argument", model({**layer("Dense"), "inbound_nodes": [{"args": [LAMBDA]}]})),
    ("in a model", model(model(LAMBDA))),
    ("in the build configuration", model(build_config=LAMBDA)),
    ("in the compile configuration", model(compile_config={"loss": LAMBDA})),
    ("instead of a model", LAMBDA),
    ("a graph of TensorFlow", model(layer("TFSMLayer", filepath="/tmp"))),
    ("a module of torch", model(layer("TorchModuleWrapper", module="code"))),
    ("a file of words", model(layer("StringLookup", vocabulary="/etc/passwd"))),
    ("a function", model(layer("Activation", activation=function("os", "system")))),
    ("a function of Python", model(layer("Activation", activation=function("builtins", "eval")))),
    ("a class of Python", model(layer("Popen", "subprocess"))),
    ("a layer of another module", model(layer("Dense", "keras.src.layers.core.lambda_layer"))),
    ("a layer without a module", model({"class_name": "Dense", "config": {}})),
    ("another registered name", model(layer("Dense", registered="Lambda"))),
    ("a type", model({"class_name": "__typespec__", "config": [], "module": None})),
    ("a name that is a list", model(layer(["Dense"]))),
    ("a module that is a list", model(layer("Dense", ["keras.layers"]))),
    ("no name", model(layer(None))),
]


@pytest.mark.parametrize("config", [each for _, each in CONFIGS], ids=[name for name, _ in CONFIGS])
def test_a_class_that_the_engine_does_not_write_is_refused(tmp_path, config):
    path = archive(tmp_path / "model.keras", members(config))

    with pytest.raises(NotLoadable, match="it uses"):
        model_archive.check_archive(path)


def test_the_class_of_a_layer_of_ones_own_is_accepted_where_it_is_registered(tmp_path):
    config = model(layer("Mine", None, "Custom>Mine"))
    path = archive(tmp_path / "model.keras", members(config))

    model_archive.check_archive(path, ["Custom>Mine"])
    with pytest.raises(NotLoadable, match="it uses 'Mine' of None") as refused:
        model_archive.check_archive(path)
    assert "register_keras_serializable()" in refused.value.fix


@pytest.mark.parametrize(
    "config", [b"rain", b"\xff", b"[" * 100_000, nested(50_000), b"1" * 10_000]
)
def test_a_description_that_cannot_be_parsed_is_damage(tmp_path, config):
    path = archive(tmp_path / "model.keras", {**members(), "config.json": config})

    with pytest.raises(DamagedRun, match="cannot be read"):
        model_archive.check_archive(path)


def without(name):
    return {key: value for key, value in members().items() if key != name}


@pytest.mark.parametrize(
    "contents",
    [
        {**members(), "assets/words.txt": b""},
        {**members(), "../outside": b""},
        {**members(), "/etc/outside": b""},
        {**without("model.weights.h5"), "model.weights.npz": b"pickle"},
        without("config.json"),
        without("classes.json"),
        {},
    ],
)
def test_a_file_with_other_members_is_refused(tmp_path, contents):
    with pytest.raises(NotLoadable, match="it does not consist of"):
        model_archive.check_archive(archive(tmp_path / "model.keras", contents))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = archive(tmp_path / "model.keras", members())
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("config.json", json.dumps(model(LAMBDA)))

    with pytest.raises(NotLoadable, match="it does not consist of"):
        model_archive.check_archive(path)


def test_a_compressed_file_is_refused(tmp_path):
    bomb = {**members(), "model.weights.h5": bytes(10**7)}
    path = archive(tmp_path / "model.keras", bomb, zipfile.ZIP_DEFLATED)

    with pytest.raises(NotLoadable, match="it is compressed"):
        model_archive.check_archive(path)


def test_members_that_lie_on_top_of_each_other_are_refused(tmp_path):
    path = archive(tmp_path / "model.keras", {**members(), "model.weights.h5": bytes(10**6)})
    size = (10**6).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10**9).to_bytes(4, "little")))

    with pytest.raises(NotLoadable, match="claims to hold more bytes than it has"):
        model_archive.check_archive(path)


def test_a_description_that_is_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "_LONGEST_JSON", 100)

    with pytest.raises(NotLoadable, match="is longer than 100 bytes"):
        model_archive.check_archive(archive(tmp_path / "model.keras", members()))


def soft_link(file):
    file["layers/soft"] = h5py.SoftLink("/layers/dense")


def link_to_another_file(file):
    file["layers/link"] = h5py.ExternalLink("/etc/passwd", "/")


def array_in_another_file(file):
    file.create_dataset("layers/passwords", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def array_of_another_file(file):
    layout = h5py.VirtualLayout((10,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "words", (10,))
    file.create_virtual_dataset("layers/words", layout)


def array_of_objects(file):
    file["layers/names"] = ["a name"]


def array_larger_than_the_file(file):
    file.create_dataset("layers/bomb", (10**12,), "f4", chunks=(1000,), compression="gzip")


def too_many(file):
    for n in range(20):
        file.create_group(f"layers/{n}")


@pytest.mark.parametrize(
    "plant",
    [
        *(soft_link, link_to_another_file, array_in_another_file, array_of_another_file),
        *(array_of_objects, array_larger_than_the_file, too_many),
    ],
)
def test_weights_that_are_more_than_numbers_in_the_file_are_refused(tmp_path, plant, monkeypatch):
    monkeypatch.setattr(hdf5_file, "_MOST_OBJECTS", 20)
    path = tmp_path / "weights.h5"
    path.write_bytes(weights())
    assert hdf5_file.find_problem(path, path.stat().st_size) == ""

    with h5py.File(path, "r+") as file:
        plant(file)

    assert "its weights" in hdf5_file.find_problem(path, path.stat().st_size)


def test_groups_that_hold_each_other_come_to_an_end(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(weights())
    with h5py.File(path, "r+") as file:
        file["layers/again"] = file["layers"]

    assert hdf5_file.find_problem(path, path.stat().st_size) == ""


def keras_1(path, *layers, **attributes):
    config = {"class_name": "Model", "config": {"name": "m", "layers": list(layers)}}
    with h5py.File(path, "w") as file:
        file["model_weights/dense/dense_W"] = np.zeros(3, "float32")
        file.attrs["keras_version"] = b"1.2.2"
        file.attrs["model_config"] = json.dumps(config).encode()
        for name, value in attributes.items():
            file.attrs[name] = value
    return path


def dense(**config):
    return {"class_name": "Dense", "config": {"activation": "relu", **config}}


@pytest.mark.parametrize(
    ("layers", "attributes", "problem"),
    [
        ([{"class_name": "Lambda", "config": {"function": ["code"]}}], {}, "it uses 'Lambda'"),
        ([{"class_name": "Merge", "config": {"mode": ["code"]}}], {}, "it uses 'Merge'"),
        ([{"class_name": ["Dense"], "config": {}}], {}, "it uses ['Dense']"),
        ([dense(activation="get_from_module")], {}, "activation in it is 'get_from_module'"),
        ([dense(activation=["relu"])], {}, "activation in it is ['relu']"),
        ([dense(init="os")], {}, "init in it is 'os'"),
        ([dense(W_regularizer={"name": "x"})], {}, "W_regularizer in it is {'name': 'x'}"),
        ([dense(b_constraint="x")], {}, "b_constraint in it is 'x'"),
        ([dense()], {"training_config": b"{}"}, "it has the attribute 'training_config'"),
    ],
)
def test_a_model_of_keras_1_that_the_engine_does_not_write_is_refused(
    tmp_path, layers, attributes, problem
):
    path = keras_1(tmp_path / "model.h5", dense(W_regularizer=None))
    assert hdf5_file.find_keras_1_problem(path, path.stat().st_size) == ""

    path = keras_1(tmp_path / "model.h5", *layers, **attributes)

    assert hdf5_file.find_keras_1_problem(path, path.stat().st_size) == problem


@pytest.mark.parametrize("is_remote", [False, True])
def test_the_model_of_a_run_on_theano_is_checked_before_keras_1_reads_it(tmp_path, is_remote):
    path = keras_1(tmp_path / "model.h5", {"class_name": "Lambda", "config": {}})
    if is_remote:
        remote_origin.save(tmp_path, ORIGIN)

    with pytest.raises(NotLoadable, match="could run code of its author: it uses 'Lambda'"):
        load_check.check_keras_1(tmp_path, path)
    path.write_bytes(b"rain")
    with pytest.raises(DamagedRun, match="cannot be read"):
        load_check.check_keras_1(tmp_path, path)


@pytest.mark.parametrize(
    ("limit", "value", "problem"),
    [
        ("_SECONDS", 0.0, "it took more than 0 s"),
        ("_BYTES_FOR_KERAS", -(2**30), "GiB of memory"),
        ("_LONGEST_ANSWER", -1, "it answered without an end"),
    ],
)
def test_the_process_that_loads_a_model_is_ended_at_a_limit(
    tmp_path, monkeypatch, limit, value, problem
):
    monkeypatch.setattr(load_check, limit, value)
    path = keras_1(tmp_path / "model.h5", dense())

    with LoadCheck(isolated_load.KERAS_1) as check:
        process = check.prepare()
        with pytest.raises(DamagedRun, match=problem):
            check.load(path, {})

    assert process.status == -9


def test_a_process_that_ends_without_an_answer_has_not_loaded_the_model(tmp_path):
    with LoadCheck(isolated_load.KERAS_1) as check:
        check.prepare().kill()
        with pytest.raises(DamagedRun, match="its process ended with status -9"):
            check.load(keras_1(tmp_path / "model.h5", dense()), {})


def test_code_of_a_model_would_reach_no_socket_and_no_program(tmp_path):
    code = (
        "import socket, subprocess, sys, os\n"
        "from dl_magics.training.loading import isolated_load\n"
        "isolated_load.leave_network()\n"
        "isolated_load.refuse_sockets_and_programs()\n"
        "def tried(call, *arguments):\n"
        "    try: call(*arguments)\n"
        "    except PermissionError as error: print(error)\n"
        "tried(socket.create_connection, ('127.0.0.1', int(sys.argv[1])))\n"
        f"tried(subprocess.run, ['touch', {str(tmp_path / 'ran')!r}])\n"
        f"tried(os.system, 'touch {tmp_path / 'ran'}')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = str(server.getsockname()[1])
        told = subprocess.run(
            [sys.executable, "-c", code, port], capture_output=True, text=True, check=True
        ).stdout

        with pytest.raises(TimeoutError):
            server.accept()

    refused = [line.partition(" is not allowed")[0] for line in told.splitlines()]
    assert refused == ["socket.getaddrinfo", "subprocess.Popen", "os.system"]
    assert not (tmp_path / "ran").exists()


def test_a_process_that_left_the_network_has_no_interface_that_is_up():
    code = (
        "import socket\n"
        "from dl_magics.training.loading import isolated_load\n"
        "print(isolated_load.leave_network())\n"
        "print(socket.socket().connect_ex(('127.0.0.1', 9)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    if done[0] == "False":
        pytest.skip("this system does not let a process leave the network")
    assert done[1] == "101"  # ENETUNREACH; with an interface it is ECONNREFUSED
