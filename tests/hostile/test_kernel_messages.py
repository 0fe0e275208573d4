"""Messages of a GPU kernel that no honest kernel sends: none of them stops the link."""

from __future__ import annotations

import sys

import pytest

from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.gpu_kernel.link import long_entries
from support.messages import run

SEND = """
kernel = get_ipython().kernel
session = kernel.session
message = session.msg({kind!r}, {{}}, parent=kernel.get_parent('shell'))
parts = session.serialize(message)
parts[{part}] = {data}
parts[1] = session.sign(parts[2:6])
kernel.iopub_socket.send_multipart([b'topic', *parts])
"""
HEADER, PARENT, CONTENT = 2, 3, 5


@pytest.mark.parametrize(
    ("part", "data"),
    [
        (CONTENT, "b'no JSON'"),
        (CONTENT, "b'[1]'"),
        (CONTENT, "b'[' * 100_000"),
        (CONTENT, "b'{\"a\":' * 100_000 + b'1' + b'}' * 100_000"),
        (CONTENT, "b'[' * 2_000_000 + b']' * 2_000_000"),
        (CONTENT, "b'\\xff' * 2_000_000"),
        (CONTENT, "b'\"' + b'x' * 2_000_000 + b'\"'"),
        (HEADER, "b'[]'"),
        (HEADER, "b'{}'"),
        (HEADER, 'b\'{"msg_id":1,"msg_type":"status"}\''),
        (HEADER, 'b\'{"msg_id":"\' + b\'x\' * 2_000_000 + b\'","msg_type":"stream"}\''),
        (PARENT, "b'null'"),
        (PARENT, "b'{\"msg_id\":[]}'"),
    ],
    ids=lambda value: f"{value}"[:30],
)
@pytest.mark.parametrize("kind", ["display_data", "status"])
def test_a_malformed_message_stops_neither_the_agent_nor_the_link(kernel, kind, part, data):
    agent = kernel.link.status.agent.agent_pid

    run(kernel, SEND.format(kind=kind, part=part, data=data))

    assert run(kernel, "print('next')") == "next\n"
    assert kernel.link.status.agent.agent_pid == agent


def test_an_output_above_the_limit_is_said_under_its_cell_and_the_next_one_comes(
    lab, kernel, monkeypatch
):
    monkeypatch.setattr(long_entries, "MAX_ENTRY_BYTES", 2 << 20)
    limited = GpuKernel.attach(lab.login, kernel.run_dir, sys.executable)
    digits = "''.join(__import__('random').choices('0123456789', k=3 << 20))"

    output = run(limited, f"import sys; print('before', flush=True); print({digits}, flush=True)")
    later = run(limited, "print('next')")
    limited.close()

    before, said, fix = output.splitlines()
    assert before == "before"
    assert said.startswith("An output of 3 MB is too large to be sent here (limit: 2 MB); it is ")
    assert f"{kernel.run_dir}/journal/" in said
    assert fix == "  Write large results to a file on the host and fetch it: %sync down FILE"
    assert later == "next\n"
