"""`%manage_aws`: a tab with the instances and a tab with the Keras settings."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Tab

from dl_magics.widgets.instances import Panel
from dl_magics.widgets.keras_settings import SettingsPanel


class Manager(Tab):
    """Two tabs; closing it closes the panels in both."""

    def __init__(self, restart: Callable[[], object] | None = None) -> None:
        super().__init__(
            children=[Panel(), SettingsPanel(restart=restart, again="%manage_aws")],
            titles=["Instances", "Keras settings"],
        )

    def close(self) -> None:
        for each in self.children:
            each.close()
        super().close()
