from __future__ import annotations

from dl_magics.actions.aws import context
from dl_magics.store import state


def test_a_name_with_spaces_is_quoted_as_in_a_shell(cloud, run, rent):
    rent(name="my gpu box")

    assert run('%aws_get "my gpu box"').name == "my gpu box"
    assert run("%aws_stop 'my gpu box'").name == "my gpu box"


def test_more_volumes_than_a_filter_may_name_are_read_in_several_calls(cloud, rent):
    id_ = rent()
    others = [f"i-{n:017x}" for n in range(450)]

    found = context.load().session.query_filtered(
        "describe_volumes", "Volumes", "attachment.instance-id", [*others, id_]
    )

    assert [each["Attachments"][0]["InstanceId"] for each in found] == [id_]


def test_a_gpu_name_can_replace_the_type(rent, run):
    rent("t2.micro", name="small")
    id_ = rent("g4dn.xlarge", name="big")

    assert run("%aws_get t4").id == id_
    assert {row[1].split()[-3] for row in run("%aws_prices A10G").rows} == {"A10G"}


def test_a_magic_without_arguments_changes_nothing(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    before = state.read()

    for line in ("%aws_get", "%aws_resize", "%aws_profile", "%aws_region", "%aws_launch"):
        run(line)
    run("%aws_cleanup")

    assert state.read() == before
    assert run("%aws_get").type == launched.type
    assert run("%aws_state") == "running"
