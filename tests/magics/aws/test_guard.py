"""The guard of an instance of the practice cloud, through the magics."""

from __future__ import annotations

import re
import time

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.actions.aws.guard import safety
from dl_magics.guard.status import GuardStatus
from support.in_process.ssh import ANSWERS

FOLDER = "/opt/dl-magics-guard"


def marks(report):
    return {line.what: line.mark for line in report.lines}


def test_a_launched_instance_has_an_armed_guard_whose_limits_can_be_changed(
    cloud_with_hosts, run, capsys
):
    run("%aws_launch t2.micro -y --idle 45 --max-duration 8h")

    report = run("%aws_safety")
    of_this_one, default = run("%idle_timeout off gpu"), run("%idle_timeout")
    run("%idle_timeout 45 gpu")
    kept = run("%aws_keep 2h")
    later = time.strftime("%H:%M", time.localtime(time.time() + 3 * 3600))
    set_end = run(f"%aws_start --until {later} --max-duration 1h -y") and run("%aws_keep")
    changed = run("%idle_timeout off")
    shown = run("%idle_timeout")
    run(f"%aws_ssh echo '{{' | sudo tee {FOLDER}/settings.json")
    damaged = run("%aws_safety")
    run("%aws_get gpu --guard")
    mended = run("%aws_safety")
    capsys.readouterr()
    longest = repr(run("%aws_start --max-duration 1m -y"))
    asked = capsys.readouterr().out
    run("%aws_start --max-duration off --until off -y")
    endless = run("%aws_safety")
    launched_again = repr(run("%aws_launch t2.micro -y --idle 7 --max-duration 40m"))

    assert marks(report) == {
        "guard": "✓",
        "shutdown": "✓",
        "stop or delete": "✓",
        "alarm": "✓",
        "server": "!",
    }
    assert "stops it after 2 h below 10 % CPU" in str(report)
    assert re.search(r"not before (2 h( 0\d min)?|1 h 5\d min) from now", str(report))
    assert re.search(
        "stops it (in )?4[45] min.*, and in (8 h|7 h 5[0-9] min) in any case", str(report)
    )
    assert re.search("^gpu: .*stops it in (8 h|7 h 5[0-9] min) in any case", of_this_one)
    assert default == "Idle timeout: 30 minutes"
    assert re.search("(stops it in|not before) (2 h|1 h 5[0-9] min)", kept)
    assert re.search("stops it in (1 h|59 min) in any case", set_end)
    assert re.search("stops it in (1 h|59 min) in any case", changed)
    assert shown == "Idle timeout: off"
    assert marks(damaged)["settings"] == "!"
    assert "settings" not in marks(mended)
    for each in (damaged, mended):
        assert re.search("stops it in (1 h|59 min) in any case", str(each))
    assert re.search("has run for .*: with --max-duration 1m its guard stops it in 5 min", asked)
    assert re.search("Set --max-duration 1m: stops it in (5|4) min in any case", longest)
    assert "in any case" not in str(endless)
    assert "%idle_timeout 30 gpu turns it on." in str(endless)
    assert re.search(
        r"SSH answers\. Set --idle 7 and --max-duration 40m: .*stops it in \d+ min", launched_again
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no-such-gpu", errors.NoSuchInstance),
        ("asleep", errors.WrongState),
        ("silent", errors.CommandFailed),
        ("", errors.CommandFailed),
    ],
)
def test_a_refused_idle_timeout_does_not_hold_for_launches(cloud, run, rent, name, error):
    rent(name="asleep", state="stopped")
    run("%aws_launch t2.micro --name silent -y")

    with pytest.raises(error, match=name or "silent"):
        run(f"%idle_timeout off {name}")

    assert run("%idle_timeout") == "Idle timeout: 30 minutes"


def test_the_idle_timeout_of_launches_needs_no_guard_on_the_selected_instance(cloud, run):
    run("%aws_launch t2.micro --name bare -y")
    ANSWERS["guard.pyz"] = "no guard"

    with pytest.raises(errors.WrongState, match=r"bare has no guard.* launched from now on: off"):
        run("%idle_timeout off")

    assert run("%idle_timeout") == "Idle timeout: off"


def test_an_instance_that_works_and_is_kept_is_stopped_at_the_later_of_two_times():
    def describe(kept):
        settings = {"idle_seconds": 1800}
        left = {"seconds_left": max(kept, 1800), "kept_left": kept}
        status = {"state": "active", "reason": "a run is going on", "settings": settings, **left}
        return safety.describe_stop(GuardStatus.from_json(status))

    for_long = (
        "a run is going on; stops it 30 min after the last work, and not before 20 h from now"
    )
    assert describe(72_000) == for_long
    assert describe(600) == "a run is going on; stops it 30 min after the last work"


def test_a_guard_is_offered_and_installed_where_there_is_none(cloud_with_hosts, run, capsys):
    run("%aws_launch t2.micro -y")
    run(f"%aws_ssh kill -9 $(sudo cat {FOLDER}/pid); sudo rm -r {FOLDER}")

    without = run("%aws_safety")
    with pytest.raises(errors.WrongState, match="has no guard") as refused:
        run("%aws_keep 1h")
    run("%aws_get gpu --guard")
    first = run(f"%aws_ssh sudo cat {FOLDER}/pid").stdout
    run("%aws_get gpu --guard")
    second = run(f"%aws_ssh sudo cat {FOLDER}/pid").stdout
    after = run("%aws_safety")

    assert marks(without) == {
        "guard": "✗",
        "stop or delete": "✓",
        "alarm": "✓",
        "server": "!",
    }
    assert "%aws_get gpu --guard" in str(without)
    assert "%aws_get gpu --guard" in refused.value.fix
    assert marks(after)["guard"] == "✓"
    # Another version takes the place of the one that runs.
    assert first != second


def test_a_guard_that_would_delete_the_disk_is_not_installed(cloud_with_hosts, run, rent):
    rent(InstanceInitiatedShutdownBehavior="terminate")

    with pytest.raises(errors.NotConfirmed, match="would terminate gpu") as refused:
        run("%aws_get gpu --guard")
    report = run("%aws_safety")

    assert "modify-instance-attribute" in refused.value.fix
    assert marks(report) == {
        "guard": "!",
        "stop or delete": "✗",
        "alarm": "!",
        "server": "!",
    }


def test_the_receipt_of_a_stop_has_the_busy_share_that_the_guard_measured(cloud_with_hosts, run):
    run("%aws_launch g4dn.xlarge -y")
    run("%aws_ssh printf '#!/bin/sh\\necho 80\\n' > $(command -v nvidia-smi)")
    change = f"sudo python3 -I {FOLDER}/guard.pyz change {FOLDER}"
    run(f"%aws_ssh {change} '{{\"tick_seconds\": 0.2}}'")
    time.sleep(2)

    receipt = run("%aws_stop")

    # What was paid is at least a minute.
    assert 0.8 < receipt.busy_seconds < 0.8 * receipt.seconds
    (busy,) = (each for each in receipt.lines if each.startswith("GPU busy"))
    assert busy.startswith(f"GPU busy {receipt.busy_seconds / 60:.0%} of the time that was paid: ")
    assert "prepare data on a small type, then %aws_resize to the GPU" in busy


def test_a_rehearsal_shows_how_an_instance_is_stopped_and_deletes_it(cloud_with_hosts, run, capsys):
    stopped = run("%aws_safety --rehearse")

    states = [each.state for each in context.load().ec2.list_instances() if each.id == stopped.id]
    assert stopped.state == "stopped"
    assert states in ([], ["terminated"])
    assert context.load().selected_id is None
