"""botocore's models of the AWS APIs, without their documentation: 9 MiB less for EC2 alone."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def make_loader(data_path: str | None) -> Any:
    """Return the loader of the models; `data_path` is that of the AWS configuration."""
    from botocore.loaders import create_loader

    loader = create_loader(data_path)
    loader.file_loader = _FileLoader()
    return loader


def share_models() -> None:
    """Let all sessions of botocore that this process makes from now on read each model once."""
    import botocore.session

    vars(botocore.session)["create_loader"] = make_loader


class _FileLoader:
    """Reads a model, given by its path without an ending."""

    def exists(self, path: str) -> bool:
        return _find_file(path) is not None

    def load_file(self, path: str) -> Any:
        """Return the model; None if there is no such file."""
        file = _find_file(path)
        if file is None:
            return None
        data = file.read_bytes()
        text = gzip.decompress(data) if file.suffix == ".gz" else data
        model = json.loads(text, object_pairs_hook=_drop_documentation)
        # S3 has such parameters, and botocore reads the documentation of each.
        for each in model.get("clientContextParams", {}).values():
            each.setdefault("documentation", "")
        return model


def _find_file(path: str) -> Path | None:
    files = (Path(f"{path}{ending}") for ending in (".json", ".json.gz"))
    return next((file for file in files if file.is_file()), None)


def _drop_documentation(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A member of a shape may have this name, too: its value is an object.
    return {
        key: value for key, value in pairs if key != "documentation" or not isinstance(value, str)
    }
