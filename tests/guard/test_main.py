from __future__ import annotations

import json

from dl_magics.guard import __main__, program
from dl_magics.guard.service.settings import Settings


def test_the_commands_of_a_boot_are_printed_for_the_settings_of_the_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["guard", json.dumps({"idle_seconds": 600.0})])

    __main__.print_commands()

    printed = json.loads(capsys.readouterr().out)
    assert printed == [program.boot_command(Settings(idle_seconds=600.0))]
    assert printed != [program.boot_command(Settings())]
