from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context


def test_a_profile_is_selected_for_all_later_notebooks(cloud, run, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text("")

    run(f"%aws_profile practice --ssh-config {config}")

    assert context.load_profile().profile == "practice"
    assert context.load_profile().ssh_config == str(config)
    run("%aws_profile --ssh-config none --address-url none")
    assert context.load_profile().ssh_config is None
    assert context.load_profile().address_url.startswith("https://")


def test_an_ssh_config_that_does_not_exist_is_refused(cloud, run):
    with pytest.raises(errors.BadSetting, match="does not exist"):
        run("%aws_profile --ssh-config /nowhere/config")


def test_changed_credentials_are_used_at_once(cloud, run):
    session = context.load().session

    credentials = context.load_profile().credentials_file
    with open(credentials, "a") as file:  # noqa: PTH123 - a path of AWS
        file.write("\n")

    assert context.load().session is not session
    assert run("%aws_list") is not None
