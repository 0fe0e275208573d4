from __future__ import annotations

import subprocess

import pytest

from dl_magics.practice.hosts import cpu_time
from support.ec2_client import until


@pytest.mark.parametrize("kernel_lists_children", [cpu_time._KERNEL_LISTS_CHILDREN, False])
def test_all_processes_below_one_are_listed(monkeypatch, kernel_lists_children):
    monkeypatch.setattr(cpu_time, "_KERNEL_LISTS_CHILDREN", kernel_lists_children)
    with subprocess.Popen(
        ["sh", "-c", "sh -c 'sleep 60 & sleep 60; true' & sleep 60; true"]
    ) as top:

        def names():
            return sorted(each.name() for each in cpu_time.list_descendants(top.pid))

        until(lambda: names() == ["sh", "sleep", "sleep", "sleep"])
        for each in (*cpu_time.list_descendants(top.pid), top):
            each.kill()
