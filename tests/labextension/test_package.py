"""The npm package of the panel: its version, its lock file, its contract, how it is installed."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from dl_magics import __version__

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension"
BUNDLE = "share/jupyter/labextensions/dl-magics"


def read_interfaces() -> dict[str, set[str]]:
    """Return the fields of each interface in contract.ts, by the name of its schema."""
    text = (SOURCE / "src" / "rest" / "contract.ts").read_text("utf-8")
    found = re.findall(r"^export interface I(\w+)[^{]*\{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE)
    return {name: set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE)) for name, body in found}


def read_schemas() -> dict[str, set[str]]:
    """Return the properties of each schema that the server describes."""
    described = yaml.safe_load((ROOT / "dl_magics/server/openapi.yaml").read_text("utf-8"))
    schemas = described["components"]["schemas"]
    notice = yaml.safe_load((ROOT / "dl_magics/server/events/notice.yaml").read_text("utf-8"))
    prices = schemas["Prices"]["properties"]["types"]["items"]
    rows = schemas["KerasSettings"]["properties"]["rows"]["items"]
    extra = {
        "Price": prices,
        "Region": schemas["Elsewhere"]["properties"]["regions"]["items"],
        "KerasRow": rows,
        "KerasChoice": rows["properties"]["choices"]["items"],
        "PlaceChoice": schemas["PlaceChoice"]["allOf"][1],
        "Notice": notice,
    }
    return {name: set(each.get("properties", ())) for name, each in {**schemas, **extra}.items()}


def test_the_versions_of_both_packages_are_the_same():
    assert json.loads((SOURCE / "package.json").read_text("utf-8"))["version"] == __version__


def test_the_lock_file_names_no_registry():
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))

    assert not [name for name, each in lock["packages"].items() if "resolved" in each]


@pytest.mark.parametrize("name", sorted(read_interfaces()))
def test_the_panel_reads_only_what_the_server_describes(name):
    assert read_interfaces()[name] <= read_schemas()[name]


def test_the_bundle_is_installed_once():
    installed = metadata.distribution("dl-magics")
    direct = json.loads(installed.read_text("direct_url.json") or "{}")
    if direct.get("url") != ROOT.as_uri():
        pytest.skip("dl_magics is not installed from this folder: make build/panel")
    files = [str(path) for path in installed.files or () if "labextension" in str(path)]

    assert {path.partition("share/")[0] for path in files} == {"../../../"}
    assert any(path.endswith(f"{BUNDLE}/install.json") for path in files)
    assert sum(path.endswith(f"{BUNDLE}/package.json") for path in files) == 1
    assert any("remoteEntry" in path for path in files)
