"""What an instance shows of its kernel, as far as programs on it read it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from support.ec2_client import until

COUNT = "sudo awk '{print $2}' /proc/stat"
COMPUTE = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done"


def test_the_cpu_times_are_those_of_the_instance(instance):
    before = int(instance.run(COUNT).stdout)

    instance.run(COMPUTE)

    # It is counted each second, and ended processes count too.
    until(lambda: int(instance.run(COUNT).stdout) >= before + 10)


def test_each_boot_has_another_id(instance):
    renter = instance.renter
    before = instance.run("sudo cat /proc/sys/kernel/random/boot_id").stdout

    renter.ec2.reboot_instances(InstanceIds=[instance.id])

    def has_another() -> bool:
        with suppress(OSError):
            return before != instance.run("sudo cat /proc/sys/kernel/random/boot_id").stdout
        return False

    until(has_another)


def test_a_login_has_a_terminal(instance):
    async def log_in():
        async with instance.connect() as connection:
            return await connection.run(
                "sudo sh -c 'readlink -f /dev/pts/*'; tty", term_type="xterm"
            )

    shown = asyncio.run(log_in()).stdout.split()

    assert shown[-1] in shown[:-1]
