from __future__ import annotations

import pytest

from dl_magics.practice.hosts import system_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/etc/motd", "ROOT/etc/motd"),
        ("rm -rf /opt", "rm -rf ROOT/opt"),
        ("cd /home/ubuntu/run; cat </var/log/x", "cd ROOT/home/run; cat <ROOT/var/log/x"),
        ("/usr/sbin/poweroff", "ROOT/bin/poweroff"),
        ("a=/root", "a=ROOT/root"),
        ("#!/usr/bin/env python3", "#!/usr/bin/env python3"),
        ("https://a.example/etc/x", "https://a.example/etc/x"),
        ("my/etc/x ~/etc/x", "my/etc/x ~/etc/x"),
        ("cat /proc/stat /proc/net/dev", "cat ROOT/proc/stat ROOT/proc/net/dev"),
        ("cat /proc/cpuinfo; ls /dev/pts", "cat /proc/cpuinfo; ls ROOT/dev/pts"),
        ("/optional /etcetera", "/optional /etcetera"),
    ],
)
def test_paths_of_the_system_are_mapped_into_the_folder_of_the_instance(tmp_path, text, expected):
    assert system_paths.map_system_paths(text, tmp_path) == expected.replace("ROOT", str(tmp_path))
