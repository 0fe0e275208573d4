from __future__ import annotations

import re
import threading
import time
from types import SimpleNamespace

import pytest

from dl_magics.actions.aws import context
from dl_magics.widgets.instances import Panel
from dl_magics.widgets.keras_settings import SettingsPanel

DAY = r"\(20\d\d-\d\d-\d\d\)"


@pytest.fixture
def panel(cloud, run):
    run("%aws_launch t2.micro -y")
    made = Panel(seconds=0.2)
    yield made
    made.close()
    # The account of the next test must not meet what this one still asks for.
    for thread in threading.enumerate():
        if thread.name in ("refresh instances", "change instances"):
            thread.join(30)


def wait_until(fact):
    end = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.05)


def row(panel):
    return next(each for each in panel.rows if each["state"] != "terminated")


def test_the_panel_shows_every_instance_with_its_price(panel):
    shown = row(panel)

    assert (shown["name"], shown["state"]) == ("gpu", "running")
    assert re.fullmatch(rf"\$0\.0166/h {DAY}", shown["price"])
    assert re.fullmatch(rf"\$8\.00/month {DAY}", shown["disk"])
    assert re.fullmatch(rf"T4 16 GiB, \$0\.526/h {DAY}", panel.types["g4dn.xlarge"])
    assert shown["month"].startswith("$")


def test_a_click_is_acknowledged_and_carried_out(panel):
    id_ = row(panel)["id"]

    panel._handle_custom_msg({"n": 1, "id": id_, "action": "stop"}, [])

    assert panel.received == 1
    wait_until(lambda: row(panel)["state"] == "stopped")
    assert context.load().ec2.describe_instance(id_).state == "stopped"


def test_a_second_click_during_an_action_is_refused(panel):
    id_ = row(panel)["id"]
    panel.receive_click({"n": 1, "id": id_, "action": "stop"})

    panel.receive_click({"n": 2, "id": id_, "action": "start"})

    assert panel.received == 2
    assert "was ignored" in panel.notes[id_] or "stop" in panel.notes[id_]
    wait_until(lambda: not panel._at_work)


def test_connect_shows_the_ssh_command(panel):
    id_ = row(panel)["id"]

    panel.receive_click({"n": 1, "id": id_, "action": "connect"})

    assert f"HostKeyAlias={id_}" in panel.notes[id_]


def test_keep_for_an_hour_shows_when_the_instance_stops_then(cloud_with_hosts, panel):
    id_ = row(panel)["id"]

    panel.receive_click({"n": 1, "id": id_, "action": "keep"})

    wait_until(lambda: not panel._at_work)
    assert re.search(r"([Ss]tops it (in )?|not before )1 h", panel.notes[id_])


def test_a_refused_click_shows_the_error(panel, cloud):
    id_ = row(panel)["id"]

    panel.receive_click({"n": 1, "id": id_, "action": "resize", "type": "p2.xlarge"})

    wait_until(lambda: not panel._at_work)
    assert panel.notes[id_].startswith("NoSuchType: p2.xlarge is retired")
    assert row(panel)["state"] == "running"


def test_a_change_by_another_client_is_shown(panel):
    id_ = row(panel)["id"]

    context.load().session.change_ec2("stop_instances", InstanceIds=[id_])

    wait_until(lambda: row(panel)["state"] == "stopped")


def test_the_prices_of_new_types_are_those_of_the_region_that_is_selected(panel, run):
    run("%aws_region eu-west-1")

    wait_until(lambda: "eu-west-1" in panel.account)
    assert re.fullmatch(rf"T4 16 GiB, \$0\.587/h {DAY}", panel.types["g4dn.xlarge"])


def test_a_failed_refresh_is_shown_until_the_next_one_succeeds(panel, cloud):
    cloud.inject_fault("not-allowed", actions=["DescribeInstances"])

    wait_until(lambda: "" in panel.notes)
    assert panel.notes[""].startswith("NotAllowed")
    wait_until(lambda: "" not in panel.notes)


def test_the_magic_lists_the_instances_where_widgets_are_not_shown(panel, run, capsys):
    shown = run("%manage_aws")

    assert repr(shown) == repr(run("%aws_list"))
    assert capsys.readouterr().out.startswith("Widgets are not shown here")


def test_the_magic_shows_the_panel_and_keras_settings_in_a_tab(panel, run, aws_shell, monkeypatch):
    kernel = SimpleNamespace(
        get_parent=dict, do_shutdown=print, io_loop=SimpleNamespace(add_callback=print)
    )
    monkeypatch.setattr(aws_shell, "kernel", kernel, raising=False)

    shown = run("%manage_aws")

    shown.close()
    instances, settings = shown.children
    assert isinstance(instances, Panel)
    assert isinstance(settings, SettingsPanel)
    assert shown.titles == ("Instances", "Keras settings")
