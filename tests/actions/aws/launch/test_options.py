from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--disk -5", "--disk -5: a disk has 1 to 65,536 GiB"),
        ("--disk 0", "--disk 0: a disk has 1 to 65,536 GiB"),
        ("--disk 99999999", "--disk 99999999: a disk has 1 to 65,536 GiB"),
        ("--name ''", "--name '' is not a name"),
        ("--name '  '", "--name '  ' is not a name"),
        ("--user 'ro ot'", "--user 'ro ot' is not a user name"),
        ("--idle banana", "--idle = 'banana' is not a valid duration"),
        ("--idle 0", "--idle = '0' is not a valid duration"),
        ("--idle ''", "--idle = '' is not a valid duration"),
        ("--max-duration ''", "--max-duration = '' is not a valid duration"),
        ("--until 25:99", "--until = '25:99' is not a time of day"),
        ("--until ''", "--until = '' is not a time of day"),
    ],
)
def test_what_no_instance_can_have_is_refused_before_aws_is_asked(run, typed, said):
    with pytest.raises(errors.BadSetting) as refused:
        run(f"%aws_launch t2.micro {typed} --dry-run")

    assert said in str(refused.value)
    assert refused.value.fix


def test_a_disk_that_is_smaller_than_the_image_is_refused_with_the_size_it_needs(cloud, run):
    smallest = run("%aws_launch t2.micro --dry-run").image.disk_gib

    with pytest.raises(errors.BadSetting, match=f"needs {smallest} GiB") as refused:
        run(f"%aws_launch t2.micro --disk {smallest - 1} -y")

    assert f"--disk {smallest}" in refused.value.fix
    assert run(f"%aws_launch t2.micro --disk {smallest} --dry-run").disk_gib == smallest
    assert context.load().ec2.list_instances() == []
