"""Launch, stop, resize, start and stop an instance, as in the fastai course of 2017."""

from __future__ import annotations

import pytest

from dl_magics.errors import NoSuchType


def test_launch_stop_resize_start_and_stop(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    run("%aws_stop")

    with pytest.raises(NoSuchType) as retired:
        run("%aws_resize p2.xlarge -y")
    run("%aws_resize g4dn.xlarge -y")
    started = run("%aws_start -y")
    address = run("%aws_ip")
    gpus = run("%aws_ssh nvidia-smi -L")
    receipt = run("%aws_stop")

    assert launched.answers
    assert "p2.xlarge is retired" in str(retired.value)
    assert retired.value.fix.endswith(", $0.526/h by the bundled table of 2026-11-23)")
    assert (started.id, started.type, started.state) == (launched.id, "g4dn.xlarge", "running")
    assert started.answers
    assert address == started.ip
    assert "T4" in repr(gpus)
    assert "while stopped the disk costs $8.00 a month" in repr(receipt)
    assert run("%aws_state") == "stopped"


def test_cleanup_deletes_only_what_dl_magics_created(cloud, run, rent):
    other = rent(name="of-another-user")
    run("%aws_launch t2.micro -y")

    listed = run("%aws_cleanup")
    given_back = run("%aws_cleanup -f")

    kinds = ["instance", "alarm", "security-group", "key-pair"]
    assert [resource.kind for resource in listed.each] == kinds
    assert given_back.each == listed.each
    assert run("%aws_cleanup").each == ()
    assert run(f"%aws_state {other}") == "running"
