from __future__ import annotations

import json

import pytest
from botocore.loaders import create_loader

from dl_magics.aws import api_models


@pytest.mark.parametrize("service", ["sts", "service-quotas"])
def test_a_model_lacks_nothing_but_its_documentation(service):
    whole = create_loader().load_service_model(service, "service-2")

    ours = api_models.make_loader(None).load_service_model(service, "service-2")

    assert ours == without_documentation(whole)
    assert '"documentation"' not in json.dumps(ours)


def without_documentation(value):
    if isinstance(value, dict):
        return {
            key: without_documentation(each)
            for key, each in value.items()
            if not (key == "documentation" and isinstance(each, str))
        }
    return [without_documentation(each) for each in value] if isinstance(value, list) else value


def test_a_model_in_the_folder_of_the_configuration_is_found(tmp_path):
    folder = tmp_path / "ours" / "2026-01-01"
    folder.mkdir(parents=True)
    model = {"documentation": "text", "shapes": {"documentation": {"type": "string"}}}
    (folder / "service-2.json").write_text(json.dumps(model))

    loaded = api_models.make_loader(str(tmp_path)).load_service_model("ours", "service-2")

    assert loaded["shapes"] == model["shapes"]
    assert "documentation" not in loaded
