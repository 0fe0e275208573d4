"""The magics for cells on the GPU kernel: run them, show what they printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.display.link_status import show_link_status
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel


@magics_class
class GpuCellMagics(Magics):
    """Magics that run cells on a GPU kernel."""

    shell: InteractiveShell

    @magic_arguments()
    @argument("-i", "--input", default="", help="variables to send: x,y")
    @argument("-o", "--output", default="", help="variables to fetch: z")
    @argument("--background", action="store_true", help="do not wait; %%gpu_output shows it later")
    @needs_local_scope
    @cell_magic
    def gpu(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Run the cell on the GPU kernel; output, plots, errors and interrupts work as usual.

        Output that comes after its end appears under it. Behind a background cell it waits, and
        Stop then ends only the wait.

        ::

            %%gpu
            import keras; keras.__version__

            %%gpu -i x,y -o z
            z = x @ y

        What -i and -o carry arrives with its type: plain values, dates, paths, collections, NumPy
        arrays, pandas data, and tensors of TensorFlow, PyTorch and JAX. Any other value is refused
        by its name. -o assigns the names that it lists and no other.
        """
        from dl_magics.actions.gpu import cells, notebook_kernel
        from dl_magics.core.serialization import names
        from dl_magics.magics.display.cell import run_cell, wait_for_turn
        from dl_magics.magics.display.cell_widgets import find_bridge

        args = parse_argstring(self.gpu, line)
        kernel = notebook_kernel.current()
        wanted = names.parse_names(args.output)
        local = {**self.shell.user_ns, **(local_ns or {})}
        values = names.select_values(local, names.parse_names(args.input))
        with show_link_status(self.shell, kernel) as say:
            if values or not args.background:
                wait_for_turn(kernel, say)
            if values:
                cells.send_values(kernel, values)
            if args.background:
                find_bridge(self.shell, kernel.client)
                cells.run_in_background(kernel, cell)
                return Notice("The cell runs in the background: %gpu_output shows its output.")
            run_cell(self.shell, kernel, cell)
            if wanted:
                self.shell.push(cells.fetch_values(kernel, wanted, self.shell.user_ns))
        return None

    @magic_arguments()
    @argument("number", nargs="?", type=int, default=1, help="1 is the newest background cell")
    @line_magic
    def gpu_output(self, line: str) -> None:
        """Show the output of a background cell from its beginning until it ends.

        ::

            %gpu_output
            %gpu_output 2
        """
        from dl_magics.actions.gpu import cells, notebook_kernel

        kernel = notebook_kernel.current()
        number = parse_argstring(self.gpu_output, line).number
        with show_link_status(self.shell, kernel):
            _watch(self.shell, kernel, cells.follow_output(kernel, number))

    @magic_arguments()
    @argument("-o", "--output", help="write all cells as this notebook: run.ipynb")
    @argument("--last", type=int, default=10, help="how many cells to show; default: 10")
    @line_magic
    def gpu_log(self, line: str) -> Any:
        """Show what ran on the GPU kernel, or write it as a notebook with its outputs.

        It comes from the journal on the host: it has the output that no notebook was there to show,
        and outlives restarts of both kernels.

        ::

            %gpu_log
            %gpu_log -o run.ipynb
        """
        from dl_magics.actions.gpu import kernel_log, notebook_kernel
        from dl_magics.magics.display.kernel_log import KernelLog

        args = parse_argstring(self.gpu_log, line)
        log = kernel_log.build_notebook(notebook_kernel.current().client.read_journal())
        if args.output is None:
            return KernelLog(log, max(args.last, 0))
        path = kernel_log.write_notebook(log, Path(args.output).expanduser())
        return Notice(f"Wrote {len(log.cells)} cells to {path}.")


def _watch(
    shell: InteractiveShell, kernel: NotebookKernel, messages: Iterable[Mapping[str, Any]]
) -> None:
    """Show a background cell until it ends; Ctrl-C stops the display, not the cell."""
    from dl_magics.magics.display.cell_widgets import CellWidgets
    from dl_magics.magics.display.messages import show_messages
    from dl_magics.magics.display.remote_error import raise_error

    widgets = CellWidgets(shell, kernel.client)
    failed = show_messages(messages, kernel.client.input_reply, widgets)
    widgets.finish()
    if failed:
        raise_error(failed)
