from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import psutil
import pytest

from dl_magics.crew import coordinator
from dl_magics.crew.roster import LOST
from dl_magics.errors import TrainingFailed, WrongState
from dl_magics.remote_code import bundle, runner
from dl_magics.runs.events import Progressed, Warned, parse_event
from support.ec2_client import until


def list_listeners(*processes):
    """Return the addresses that processes listen on."""
    return {
        each.laddr.ip
        for process in processes
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


def images_of(event):
    return {each["name"]: each["images"] for each in event.workers}


def test_features_are_those_of_one_host_though_workers_are_killed_cut_off_and_added(
    hosts, photos, of_one_host, tmp_path
):
    hosts.up = ["crew-1", "crew-2", "crew-3"]
    crew = hosts.crew()
    events = []
    try:
        crew.start(photos.recipe, "tensorflow")
        assert crew.wait_for_device(lambda: False).kind == "cpu"
        crew.use_network(photos.network)
        for event in photos.fill_by_crew(crew, tmp_path):
            events.append(parse_event(event.to_json()))
            if not isinstance(event, Progressed):
                continue
            assert images_of(event)
            if event.done > 8 and "crew-4" not in hosts.up:
                (scheduler,) = [
                    each
                    for each in psutil.Process().children()
                    if coordinator.__name__ in each.cmdline()
                ]
                assert list_listeners(scheduler, *hosts.workers()) == {"127.0.0.1"}
                hosts.kill("crew-1")
                hosts.cut("crew-2")
                hosts.up.append("crew-4")
                until(lambda: crew.size == 4 and shares(crew)["crew-4"]["state"] == "computing")
        # The last event may come before the last batch.
        done = {name: each["images"] for name, each in shares(crew).items()}
    finally:
        crew.close()

    assert photos.read(tmp_path) == of_one_host
    assert set(done) == {"crew-1", "crew-2", "crew-3", "crew-4"}
    assert sum(done.values()) == len({view.key for view in photos.images.views})
    assert done["crew-3"] > 0
    assert done["crew-4"] > 0
    lost = [event for event in events if isinstance(event, Warned)]
    assert {event.code for event in lost} == {LOST}
    assert any("crew-1" in event.text for event in lost)
    assert any("crew-2" in event.text for event in lost)


def shares(crew):
    return {each["name"]: each for each in crew.describe_workers()}


def test_a_worker_that_sends_no_features_is_left_out_and_without_any_the_run_ends(
    hosts, photos, of_one_host, tmp_path
):
    hosts.up = ["crew-1", "crew-2"]
    plant_bundle(hosts, "crew-2", b"* float('nan')")
    crew = hosts.crew()
    try:
        crew.start(photos.recipe, "tensorflow")
        crew.wait_for_device(lambda: False)
        crew.use_network(photos.network)
        events = list(photos.fill_by_crew(crew, tmp_path))
        assert photos.read(tmp_path) == of_one_host
        (left_out,) = [event for event in events if isinstance(event, Warned)]
        assert "crew-2 is left out, as it sent values that are not finite" in left_out.text
        assert shares(crew)["crew-2"]["images"] == 0

        hosts.gone.add("crew-1")
        hosts.kill("crew-1")
        with pytest.raises(TrainingFailed, match=r"No worker is left \(crew-1, crew-2\)") as ended:
            list(photos.fill_by_crew(crew, tmp_path / "again"))
        assert "the features so far are kept" in ended.value.fix
        # A stopped instance costs nothing more; one whose worker was left out does.
        assert shares(crew)["crew-1"]["dollars_per_hour"] == 0
        assert shares(crew)["crew-2"]["dollars_per_hour"] == 0.5
    finally:
        crew.close()


def plant_bundle(hosts, name, change):
    """Let the worker of a host multiply its features: our code there was changed."""
    packed = bundle.pack_travelling()
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed.data)) as before,
        zipfile.ZipFile(changed, "w") as after,
    ):
        for each in before.namelist():
            data = before.read(each)
            if each.endswith("training/crew/task.py"):
                data = data.replace(b".start(pixels)()", b".start(pixels)() " + change)
            after.writestr(each, data)
    folder = hosts.folder / "instances" / hosts.targets[name].alias / "home" / runner.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / packed.name).write_bytes(changed.getvalue())
    # What an earlier test has unpacked.
    shutil.rmtree(folder / Path(packed.name).stem, ignore_errors=True)


def test_hosts_that_cannot_be_reached_are_no_crew(hosts, photos):
    hosts.gone |= {"crew-1", "crew-2"}
    hosts.up = ["crew-1", "crew-2"]
    crew = hosts.crew()
    try:
        crew.start(photos.recipe, "tensorflow")
        with pytest.raises(WrongState, match="crew-1 is stopped"):
            crew.wait_for_device(lambda: False)
    finally:
        crew.close()
