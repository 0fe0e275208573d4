"""The commands of `--explain` are what the magic does, and showing them changes nothing."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest

from dl_magics import errors
from dl_magics.actions.aws import selection
from support.in_process import scripts
from support.in_process.ssh import ANSWERS

LAUNCH, STOP = "%aws_launch t2.micro -y", "%aws_stop"
CREW = "%aws_launch t2.micro --count {} --name crew -y"
SPOT = "%aws_launch g4dn.xlarge --spot --max-price 0.4 -y"
IMAGE = "ami-0d1ea5e5c10bd5a11"

# What was run before, and the line that is explained and then run.
SITUATIONS = {
    "the first launch of an account": ([], LAUNCH),
    "a launch beside another": (
        [LAUNCH],
        "%aws_launch g4dn.xlarge --name two --disk 150 --zone us-east-1b -y",
    ),
    "a launch from another address": (
        [LAUNCH, "%aws_profile --address-url data:,203.0.113.7"],
        "%aws_launch t2.micro --name two -y",
    ),
    "a launch of an instance that runs": ([LAUNCH], LAUNCH),
    "a launch of an instance that is stopped": ([LAUNCH, STOP], LAUNCH),
    "a launch that AWS did not answer": (["lose the answer", LAUNCH, "answer again"], LAUNCH),
    "a launch for other addresses": (
        [LAUNCH],
        "%aws_launch t2.micro --name two --allow-from 203.0.113.0/24 -y",
    ),
    "a launch of two": ([], CREW.format(2)),
    "a launch of a third beside two": ([CREW.format(2)], CREW.format(3)),
    "a launch of two of which AWS did not answer one": (
        ["lose the answer", CREW.format(2), "answer again"],
        CREW.format(2),
    ),
    "a start": ([LAUNCH, STOP], "%aws_start -y"),
    "a start of an instance that runs": ([LAUNCH], "%aws_start -y"),
    "a start with an end": (
        [LAUNCH, STOP, "its guard answers"],
        "%aws_start --max-duration 2h -y",
    ),
    "a start from another address": (
        [LAUNCH, STOP, "%aws_profile --address-url data:,203.0.113.7"],
        "%aws_start -y",
    ),
    "a start of somebody else's instance": (["somebody launches", STOP], "%aws_start -y"),
    "a stop": ([LAUNCH], STOP),
    "a stop of a stopped instance": ([LAUNCH, STOP], STOP),
    "a resize of a running instance": ([LAUNCH], "%aws_resize g4dn.xlarge -y"),
    "a resize of a stopped instance": ([LAUNCH, STOP], "%aws_resize g4dn.xlarge -y"),
    "a resize to the same type": ([LAUNCH], "%aws_resize t2.micro -y"),
    "a termination": ([LAUNCH], "%aws_terminate -f"),
    "a cleanup of two regions": (
        [LAUNCH, "%aws_region us-west-2", LAUNCH, "%aws_region us-east-1"],
        "%aws_cleanup -f",
    ),
    "a cleanup without instances": ([LAUNCH, "%aws_terminate -f"], "%aws_cleanup -f"),
    "a launch of a spot instance": ([], SPOT),
    "a start of a spot instance": ([SPOT, STOP], "%aws_start -y"),
    "a termination of a spot instance": ([SPOT], "%aws_terminate -f"),
    "a cleanup of a spot instance": ([SPOT], "%aws_cleanup -f"),
    "a command over SSH": ([LAUNCH], "%aws_ssh nvidia-smi --query"),
}


# Lines that change nothing on AWS.
READS = (
    "%aws_get gpu",
    "%aws_get_t2",
    "%aws_get_p2 t2",
    "%aws_list",
    "%aws_check",
    "%aws_bill",
    "%aws_prices g4dn.xlarge",
    "%aws_region us-west-2",
    "%aws_launch",
    "%manage_aws",
)


@pytest.fixture
def prepare(uni, run):
    """Run the lines of a situation, and what happens beside them."""

    def launch_by_hand():
        made = uni.client().run_instances(
            ImageId=IMAGE, InstanceType="t2.micro", MinCount=1, MaxCount=1
        )
        run(f"%aws_get {made['Instances'][0]['InstanceId']}")

    others = {
        "lose the answer": lambda: uni.unanswered.add("RunInstances"),
        "answer again": uni.unanswered.clear,
        "its guard answers": lambda: ANSWERS.update(change='{"guard": "status"}'),
        "somebody launches": launch_by_hand,
    }

    def prepared(lines):
        for line in lines:
            with suppress(errors.NoAnswer):
                others[line]() if line in others else run(line)

    return prepared


@pytest.mark.parametrize(("before", "line"), SITUATIONS.values(), ids=SITUATIONS)
def test_the_commands_send_and_run_what_the_magic_sends_and_runs(
    uni, ssh_commands, run, prepare, home, before, line
):
    prepare(before)
    uni.calls.clear()
    ssh_commands.clear()
    remembered, files = selection.read(), read_files(home)

    script = run(explained(line))

    assert (changes(uni), ssh_commands) == ([], [])
    assert (selection.read(), read_files(home)) == (remembered, files)
    run(line)
    assert [comparable(each) for each in scripts.read_calls(script)] == changes(uni)
    assert scripts.read_ssh_commands(script) == ssh_commands


@pytest.mark.parametrize("line", ["%aws_launch t2.micro --dry-run", LAUNCH + " --dry-run"])
@pytest.mark.parametrize("before", [[], [LAUNCH], ["lose the answer", LAUNCH, "answer again"]])
def test_a_dry_run_changes_nothing(uni, ssh_commands, run, prepare, home, before, line):
    prepare(before)
    uni.calls.clear()
    ssh_commands.clear()
    remembered, files = selection.read(), read_files(home)

    run(f"{line} --allow-from 203.0.113.0/24")

    assert (changes(uni), ssh_commands) == ([], [])
    assert (selection.read(), read_files(home)) == (remembered, files)


def test_trust_is_explained_without_pinning_the_key(uni, ssh_commands, run, prepare, home):
    prepare(["somebody launches"])
    files = read_files(home)

    script = run("%aws_ssh --trust --explain")

    assert "ssh-keyscan" in script
    assert "get-console-output" in script
    assert read_files(home) == files


@pytest.mark.parametrize("line", READS)
def test_the_queries_are_those_that_the_magic_sends(uni, ssh_commands, run, prepare, home, line):
    prepare([LAUNCH, line])
    uni.calls.clear()
    remembered, files = selection.read(), read_files(home)

    script = run(f"{line} --explain")

    assert changes(uni) == []
    assert (selection.read(), read_files(home)) == (remembered, files)
    uni.calls.clear()
    run(line)
    sent = [(each.service, comparable_query(each)) for each in uni.calls]
    assert sort_queries(scripts.read_queries(script)) == sort_queries(sent)


def test_explaining_remembers_that_an_instance_is_selected_that_no_longer_exists(
    uni, ssh_commands, run, prepare, home
):
    prepare([LAUNCH])
    id_ = selection.read().selected_instances["uni · us-east-1"]
    uni.client().terminate_instances(InstanceIds=[id_])
    remembered, files = selection.read(), read_files(home)

    for line in ("%aws_stop", "%aws_check", "%aws_state"):
        with suppress(errors.NoSuchInstance):
            run(f"{line} --explain")

    assert (selection.read(), read_files(home)) == (remembered, files)


def explained(line):
    """Return the line with --explain; the options of %aws_ssh come before the command."""
    name, _, rest = line.partition(" ")
    return f"{name} --explain {rest}" if name == "%aws_ssh" else f"{line} --explain"


def changes(account):
    """Return the requests that an account received, without those that only read."""
    return [
        comparable((each.action, each.region, scripts.read_parameters(each)))
        for each in account.calls
        if each.service in scripts.CHANGED.values() and not each.is_read_only
    ]


def comparable_query(call):
    return call.action, call.region, scripts.read_parameters(call)


def sort_queries(queries):
    """Return the queries without what differs each time; a price is asked once a day."""
    kept = {
        json.dumps([service, action, region, _drop_names(parameters)], sort_keys=True)
        for service, (action, region, parameters) in queries
        if service != "pricing"
    }
    return sorted(kept)


def _drop_names(parameters):
    left_out = ("Action", "Version", "StartTime", "NextToken", "MaxResults")
    return {name: value for name, value in parameters.items() if name not in left_out}


def comparable(call):
    """Return a request without what is random, or made by the commands themselves."""
    action, region, parameters = call
    kept = {
        name: re.sub(
            r"\bi-[0-9a-f]{17}|\$ID\d*",
            "ID",
            re.sub(
                r"sg-[0-9a-f]+|\$GROUP", "GROUP", re.sub(r"dl-magics-\w{8}|\$NAME", "NAME", value)
            ),
        )
        for name, value in parameters.items()
        if name not in ("UserData", "PublicKeyMaterial", "ClientToken")
        and not re.fullmatch(r"[0-9a-f]{32}", value)
    }
    return action, region, kept


def read_files(home):
    """Return the files of dl_magics that have content, without the copy of AWS's price list."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {
        path: content
        for path in files
        # A price may be arriving just now, in the file that takes the place of the copy.
        if not path.name.endswith(("prices.json", "instance_history.json"))
        and (content := path.read_bytes())
    }
