"""The server as a client sees it, on the practice cloud: it answers, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from dl_magics import practice
from dl_magics.__main__ import main
from dl_magics.actions.aws import context
from dl_magics.runs.events import PhaseStarted, RunEnded
from dl_magics.store import paths
from support import run_events

TOOLS = {"list_instances", "get_costs", "list_runs", "get_run", "get_storage"}
RUN = "2026-11-26_evening"
EVENTS = run_events.make_events(
    PhaseStarted(phase="head", total=2, unit="epochs"),
    run_events.epoch(1),
    run_events.epoch(2),
    ended=RunEnded(status="done"),
)


async def ask(*calls):
    """Return the tools, and the answers to calls: the JSON, or the text of a refusal."""
    # All processes of pytest import this module, and only one of them runs it.
    from mcp import Client, StdioServerParameters, stdio_client

    command = StdioServerParameters(
        command=sys.executable, args=["-m", "dl_magics", "mcp"], env=dict(os.environ)
    )
    async with Client(stdio_client(command)) as client:
        tools = (await client.list_tools()).tools
        answers = [await client.call_tool(name, arguments) for name, arguments in calls]
    return tools, [
        each.content[0].text if each.is_error else json.loads(each.content[0].text)
        for each in answers
    ]


def test_all_tools_only_read_and_answer_without_a_secret_and_change_nothing(cloud, rent):
    id_ = rent("g4dn.xlarge", "evening\u202e")
    run_events.write_log(paths.data_folder("runs") / RUN, EVENTS)
    before = list_running()

    tools, (instances, costs, runs, run, storage) = asyncio.run(
        ask(
            ("list_instances", {}),
            ("get_costs", {}),
            ("list_runs", {}),
            ("get_run", {"name": RUN}),
            ("get_storage", {}),
        )
    )

    assert {each.name for each in tools} == TOOLS
    assert all(each.annotations.read_only_hint for each in tools)
    # Instances of other tests may run, and those they have terminated are listed for some time.
    (shown,) = (each for each in instances["instances"] if each["id"] == id_)
    assert (shown["state"], shown["name"]) == ("running", "evening\\u202e")
    assert shown["dollars_per_hour"] > 0.5
    assert shown["running_since"]
    assert id_ in [each["id"] for each in costs["running"]]
    running = [each for each in instances["instances"] if each["state"] == "running"]
    paid = sum(each["dollars_per_hour"] for each in running)
    assert costs["dollars_per_hour"] == pytest.approx(paid, abs=1e-4)
    assert 0 <= costs["dollars"]["today"] <= costs["dollars"]["this_month"]
    assert [each["name"] for each in runs["runs"]] == [RUN]
    assert (run["status"], run["val_accuracy"], len(run["epochs"])) == ("done", 0.8, 2)
    assert storage["runs_bytes"] > 0
    text = json.dumps([instances, costs, runs, run, storage])
    assert [secret for secret in find_secrets(cloud) if secret in text] == []
    assert list_running() == before


def list_running():
    keep = ("id", "name", "state", "type", "launched_at", "groups", "key", "disks", "user")
    listed = [each.to_json() for each in context.load().ec2.list_instances()]
    return [[each[name] for name in keep] for each in listed if each["state"] == "running"]


def find_secrets(cloud):
    """Return what no answer may have: credentials, the folders of keys, addresses."""
    files = practice.ensure_profile(cloud.folder)
    lines = Path(files.credentials_file).read_text("utf-8").splitlines()
    secrets = [line.partition("=")[2].strip() for line in lines if "=" in line]
    assert secrets
    addresses = [each.ip for each in context.load().ec2.list_instances() if each.ip]
    return [*secrets, *addresses, str(paths.data_folder())]


def test_a_refusal_says_what_happened_and_what_to_type():
    _tools, (account, run) = asyncio.run(ask(("list_instances", {}), ("get_run", {"name": "x"})))

    assert "NoRegion: No AWS region is selected.\n%aws_region us-east-1" in account
    assert run.endswith("NoSuchRun: No run is called 'x'.\n%runs lists them.")


@pytest.mark.parametrize(("word", "status"), [("--help", 0), ("list", 2)])
def test_words_after_the_command_start_no_server(word, status, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["mcp", word])

    assert ended.value.code == status
    assert "usage: dl-magics mcp" in "".join(capsys.readouterr())


def test_without_the_sdk_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mcp", None)

    assert main(["mcp"]) == 1

    assert "pip install 'dl-magics[mcp]'" in capsys.readouterr().err
