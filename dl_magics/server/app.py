"""The extension as Jupyter server loads it; what a request needs is imported by the first one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from dl_magics.server.handlers.routes import list_routes
from dl_magics.server.services import Services

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_EVENTS = Path(__file__).parent / "events"


class DLMagicsApp(ExtensionApp):
    """Instances, runs and settings of dl_magics for JupyterLab's panel."""

    name = "dl_magics"
    services: Services

    def initialize_settings(self) -> None:
        """Register the events."""
        logger = self._server.event_logger
        for schema in sorted(_EVENTS.glob("*.yaml")):
            logger.register_event_schema(schema)
        self.services = Services(logger, self.log)

    def initialize_handlers(self) -> None:
        """Add the paths of the contract."""
        self.handlers.extend(list_routes(self.services))

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:  # noqa: ARG002
        self.services.publisher.start()
        self.services.watch_guards()

    async def stop_extension(self) -> None:
        """End what runs in the background; say which instances still cost money."""
        self.services.close()
        for line in self.services.describe_costs():
            self.log.warning(line)

    @property
    def _server(self) -> Any:
        return self.serverapp
