"""The magics for Keras' settings: `%backend`, `%device`, `%keras_settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice, kernel_restarter

if TYPE_CHECKING:
    from dl_magics.actions.keras.settings import Where

_LOCAL = argument("--here", action="store_true", help="use this computer")
_REMOTE = argument("--there", action="store_true", help="use the instance")
_EXPLAIN = argument("--explain", action="store_true", help="print Python code that does the same")
_UNDO = argument(
    "--undo", action="store_true", help="undo the last change; a second time redoes it"
)


@magics_class
class BackendMagics(Magics):
    """Show and change Keras' settings and the device of its backend."""

    @help_group(HelpGroup.SETTINGS)
    @magic_arguments()
    @argument("backend", nargs="?", help="tensorflow (tf), jax, torch, theano (th)")
    @argument("--image-data-format", help="channels_last (tf) or channels_first (th)")
    @argument("--floatx", help="float16, float32 or float64")
    @argument("--epsilon", help="a small positive number, such as 1e-7")
    @argument(
        "--setup",
        nargs="?",
        const="",
        metavar="PYTHON",
        help="with theano: create an environment for Keras 1 and Theano (300 MB), or use PYTHON",
    )
    @_UNDO
    @_LOCAL
    @_REMOTE
    @_EXPLAIN
    @line_magic
    def backend(self, line: str) -> Any:
        """Show Keras' settings and their sources, or change keras.json.

        ::

            %backend
            %backend tf --image-data-format channels_last

        Theano runs under Keras 1 in its own environment: create it with %backend theano --setup.
        """
        from dl_magics.actions.keras import explain, settings

        args = parse_argstring(self.backend, line)
        where = _where(args)
        asked = {
            name: getattr(args, name)
            for name in ("backend", "image_data_format", "floatx", "epsilon")
            if getattr(args, name) is not None
        }
        if args.explain:
            if args.undo:
                return Notice(explain.undoing(where))
            if args.setup is not None:
                _require_theano(args.backend)
                return Notice(explain.setting_up(args.setup, where))
            return Notice(explain.keras_json(asked, where) if asked else explain.reading(where))
        if args.undo:
            return self._with_restart_button(settings.undo_settings(where))
        if args.setup is not None:
            _require_theano(args.backend)
            return settings.set_up_theano(args.setup, where)
        if not asked:
            return settings.show_settings(where)
        if message := settings.announce_import_check(asked, where):
            print(message, flush=True)
        return self._with_restart_button(settings.write_settings(asked, where))

    @help_group(HelpGroup.SETTINGS)
    @magic_arguments()
    @argument("device", nargs="?", help="gpu, cpu, or a GPU by its number: gpu1")
    @_UNDO
    @_LOCAL
    @_REMOTE
    @_EXPLAIN
    @line_magic
    def device(self, line: str) -> Any:
        """Show the device that the backend uses, or select one: in .theanorc for Theano.

        For other backends, CUDA_VISIBLE_DEVICES is set to the selected GPU before their next
        import: on this computer by %load_ext dl_magics, on the instance in each new GPU kernel. A
        CUDA_VISIBLE_DEVICES that you set yourself wins. gpu selects all GPUs, the default: JAX and
        TensorFlow use all that are of one kind in a run, Keras with PyTorch uses one.

        ::

            %device
            %device gpu
            %device gpu1
        """
        from dl_magics.actions.keras import explain, settings

        args = parse_argstring(self.device, line)
        where = _where(args)
        if args.explain:
            if args.undo:
                return Notice(explain.undoing_device(where))
            shown = explain.device(args.device, where) if args.device else explain.reading(where)
            return Notice(shown)
        if args.undo:
            return self._with_restart_button(settings.undo_device(where))
        if args.device:
            return self._with_restart_button(settings.write_device(args.device, where))
        return settings.show_device(where)

    @help_group(HelpGroup.SETTINGS)
    @magic_arguments()
    @_EXPLAIN
    @line_magic
    def keras_settings(self, line: str) -> Any:
        """Show a form for Keras' settings, on this computer and on the instance.

        Where widgets are not shown, show the settings as %backend does.

        ::

            %keras_settings
            panel = %keras_settings
        """
        if parse_argstring(self.keras_settings, line).explain:
            from dl_magics.actions.keras import explain

            return Notice(explain.reading(None))
        if not shows_widgets(self.shell):
            from dl_magics.actions.keras import settings

            print("Widgets are not shown here: use %backend to change a setting.")
            return settings.show_settings(None)
        from IPython.display import display

        from dl_magics.widgets.keras_settings import SettingsPanel
        from dl_magics.widgets.saved_note import build_note

        display(build_note("The kernel of this form has ended. Run:", "%keras_settings"), raw=True)
        return SettingsPanel(restart=kernel_restarter(self.shell))

    def _with_restart_button(self, changed: Any) -> Any:
        """Return the change; if it needs a restart of the kernel, show a button for that."""
        restart = kernel_restarter(self.shell)
        if changed.needs_restart and restart and shows_widgets(self.shell):
            from IPython.display import display

            from dl_magics.widgets.restart import create_button

            display(create_button(restart))
        return changed


def _where(args: Any) -> Where | None:
    if args.there:
        return "remote"
    return "local" if args.here else None


def _require_theano(backend: str | None) -> None:
    if backend not in ("theano", "th"):
        raise BadSetting(
            f"--setup is for theano, not for {backend or 'no backend'}.",
            fix="%backend theano --setup · install other backends with pip: %pip install jax",
        )
