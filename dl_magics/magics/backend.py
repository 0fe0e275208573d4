"""The magics for Keras' settings: `%backend`, `%device`, `%keras_settings`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.prompts import Notice, kernel_restarter

if TYPE_CHECKING:
    from dl_magics.actions.keras.settings import Where

_HERE = argument("--here", action="store_true", help="of this computer")
_THERE = argument("--there", action="store_true", help="of the instance")
_EXPLAIN = argument("--explain", action="store_true", help="only show Python that does the same")
_UNDO = argument(
    "--undo", action="store_true", help="undo the last change; a second time redoes it"
)


@magics_class
class BackendMagics(Magics):
    """Keras' settings, and which device its backend uses."""

    @magic_arguments()
    @argument("backend", nargs="?", help="tensorflow (tf), jax, torch, theano (th)")
    @argument("--image-data-format", help="channels_last (tf) or channels_first (th)")
    @argument("--floatx", help="float16, float32 or float64")
    @argument("--epsilon", help="a small number: 1e-7")
    @argument(
        "--setup",
        nargs="?",
        const="",
        metavar="PYTHON",
        help="with theano: make an interpreter for Keras 1 and Theano (300 MB), or take this one",
    )
    @_UNDO
    @_HERE
    @_THERE
    @_EXPLAIN
    @line_magic
    def backend(self, line: str) -> Any:
        """Show Keras' settings and who decided them, or write keras.json.

        ::

            %backend
            %backend tf --image-data-format channels_last

        Theano runs under Keras 1 in an interpreter of its own, which %backend theano --setup makes.
        """
        from dl_magics.actions.keras import explain, settings

        args = parse_argstring(self.backend, line)
        where = _where(args)
        asked = {
            name: getattr(args, name)
            for name in ("backend", "image_data_format", "floatx", "epsilon")
            if getattr(args, name) is not None
        }
        if args.explain and asked:
            return Notice(explain.keras_json(asked, where))
        if args.undo:
            return _offered(settings.undo_settings(where), kernel_restarter(self.shell))
        if args.setup is not None:
            _only_theano(args.backend)
            return settings.set_up_theano(args.setup, where)
        if not asked:
            return settings.show_settings(where)
        if moment := settings.announce_import_check(asked, where):
            print(moment, flush=True)
        return _offered(settings.write_settings(asked, where), kernel_restarter(self.shell))

    @magic_arguments()
    @argument("device", nargs="?", help="gpu, cpu, or a GPU by its number: gpu1")
    @_UNDO
    @_HERE
    @_THERE
    @_EXPLAIN
    @line_magic
    def device(self, line: str) -> Any:
        """Show what the backend really computes on, or choose: Theano by its .theanorc.

        The other backends are shown just the GPU that is meant, from their next import on: here
        after every %load_ext dl_magics, on the instance in each GPU kernel that starts. A variable
        CUDA_VISIBLE_DEVICES of your own wins.

        ::

            %device
            %device gpu
        """
        from dl_magics.actions.keras import explain, settings

        args = parse_argstring(self.device, line)
        where = _where(args)
        if args.explain and args.device:
            return Notice(explain.device(args.device, where))
        if args.undo:
            return _offered(settings.undo_device(where), kernel_restarter(self.shell))
        if args.device:
            changed = settings.write_device(args.device, where)
            return _offered(changed, kernel_restarter(self.shell))
        return settings.show_device(where)

    @line_magic
    def keras_settings(self, line: str) -> Any:  # noqa: ARG002 - it takes nothing
        """Show Keras' settings as choices, here and on the instance.

        ::

            %keras_settings
            panel = %keras_settings
        """
        from dl_magics.widgets.keras_settings import SettingsPanel

        return SettingsPanel(restart=kernel_restarter(self.shell))


def _where(args: Any) -> Where | None:
    if args.there:
        return "there"
    return "here" if args.here else None


def _only_theano(backend: str | None) -> None:
    if backend not in ("theano", "th"):
        raise BadSetting(
            f"--setup is for theano, not for {backend or 'nothing'}.",
            fix="%backend theano --setup · the others come with: %pip install jax",
        )


def _offered(changed: Any, restart: Callable[[], object] | None) -> Any:
    """Return what was changed; where it counts after a restart only, show a button for that."""
    if changed.needs_restart and restart:
        from IPython.display import display

        from dl_magics.widgets.restart import create_button

        display(create_button(restart))
    return changed
