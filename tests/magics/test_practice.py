from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, selection
from dl_magics.store import state


def test_practice_switches_on_and_off(run, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = state.ProfileSettings(region="eu-west-1")
    selection.update(lambda before: replace(before, profile=settings))

    there = run("%practice on")
    plan = run("%aws_launch t2.micro --dry-run")
    listing = run("%aws_list")
    again = run("%practice on")
    back = run("%practice off")

    assert "practice · us-east-1" in there
    assert "practice" in repr(listing)
    assert plan.sources == ("198.51.100.7/32",)
    assert again == there
    assert "default" in back
    assert run("%practice") == "The practice cloud is off."
    assert context.load_profile().region == "eu-west-1"


def test_practice_starts_at_another_port_where_another_program_took_its_own(run, home):
    run("%practice on")
    record = json.loads((home / "practice" / "practice.json").read_text())
    process = psutil.Process(record["pid"])
    process.kill()
    process.wait()
    with ThreadingHTTPServer(("127.0.0.1", record["port"]), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            with pytest.raises(errors.WrongState, match="practice cloud is not running") as ended:
                run("%aws_list")
            notice = run("%practice on")
            run("%aws_list")
            again = run("%practice on")
        finally:
            other.shutdown()
    run("%practice off")

    assert ended.value.fix == "%practice on"
    assert f"another program uses port {record['port']}" in notice
    assert "another program" not in again


def test_practice_faults_are_listed_and_injected(run):
    run("%practice on")

    names = run("%practice fault")
    run("%practice fault not-allowed")

    assert "no-capacity" in names
    with pytest.raises(errors.NotAllowed):
        run("%aws_list")
    run("%practice off")


def test_a_fault_requires_the_practice_cloud(run):
    with pytest.raises(errors.WrongState) as refused:
        run("%practice fault not-allowed")

    assert refused.value.fix == "%practice on"


def test_a_bucket_has_a_valid_name_and_a_folder_and_is_listed(run, tmp_path):
    run("%practice on")

    with pytest.raises(errors.BadSetting, match="'My_Photos' cannot be the name of a bucket"):
        run(f"%practice bucket My_Photos {tmp_path}")
    with pytest.raises(errors.BadData, match="needs a folder of this computer") as missing:
        run(f"%practice bucket practice-photos {tmp_path / 'missing'}")
    made = run(f"%practice bucket practice-photos {tmp_path}")
    listed = run("%practice bucket")
    run("%practice off")

    assert missing.value.fix == "%practice bucket practice-photos data/pets"
    assert f"s3://practice-photos has the files of {tmp_path}" in str(made)
    assert "s3://practice-photos" in str(listed)
    with pytest.raises(errors.WrongState, match="practice cloud is off"):
        run("%practice bucket")
