"""The magics for cells on the GPU kernel: run them, show what they printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.link_status import show_link_status
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel


@magics_class
class GpuCellMagics(Magics):
    """Magics that run cells on a GPU kernel."""

    shell: InteractiveShell

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("-i", "--input", nargs="*", default=(), help="variables to send: x,y")
    @argument("-o", "--output", nargs="*", default=(), help="variables to fetch: z")
    @argument("--background", action="store_true", help="do not wait; %%gpu_output shows it later")
    @EXPLAIN
    @needs_local_scope
    @cell_magic
    def gpu(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Run the cell on the GPU kernel; output, plots, widgets, errors, interrupts work as usual.

        Output that comes after its end appears under it. Behind a background cell it waits, and
        Stop then ends only the wait. The second Stop leaves a cell that does not end: %gpu_output
        shows it. On a stopped instance the cell is refused at once.

        ::

            %%gpu
            import keras; keras.__version__

            %%gpu -i x,y -o z
            z = x @ y

        What -i and -o carry arrives with its type: plain values, dates, paths, collections, NumPy
        arrays, pandas data, and tensors of TensorFlow, PyTorch and JAX. Any other value is refused
        by its name. -o assigns the names that it lists and no other.
        """
        from dl_magics.actions.gpu import cells, missed_output, notebook_kernel
        from dl_magics.actions.gpu.explain import scripts
        from dl_magics.core.serialization import names
        from dl_magics.gpu_kernel.load_ext import replace_load_ext
        from dl_magics.magics.display.cell import run_cell, wait_for_turn
        from dl_magics.magics.display.cell_widgets import find_bridge

        args = parse_argstring(self.gpu, line)
        wanted = names.parse_names(" ".join(args.output))
        if args.explain:
            return scripts.cell_script(cell, names.parse_names(" ".join(args.input)), wanted)
        if again := notebook_kernel.reattach():
            print_line(_describe_reattached(again))
        kernel = notebook_kernel.current()
        cell = replace_load_ext(cell, kernel.host.name)
        local = {**self.shell.user_ns, **(local_ns or {})}
        values = names.select_values(local, names.parse_names(" ".join(args.input)))
        with show_link_status(self.shell, kernel) as say:
            if values or not args.background:
                wait_for_turn(kernel, say)
            if values:
                cells.send_values(kernel, values)
            if args.background:
                find_bridge(self.shell, kernel.client)
                cells.run_in_background(kernel, cell)
                return Notice("The cell runs in the background: %gpu_output shows its output.")
            missed_output.note_start(kernel)
            try:
                run_cell(self.shell, kernel, cell)
            finally:
                missed_output.note_shown(kernel)
            if wanted:
                self.shell.push(cells.fetch_values(kernel, wanted, self.shell.user_ns))
        return None

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("number", nargs="?", type=int, help="1 is the newest background cell")
    @EXPLAIN
    @line_magic
    def gpu_output(self, line: str) -> Script | None:
        """Show output that was not shown when it came.

        Without a number, that is what cells printed while this notebook was disconnected or its
        kernel was restarted, then the newest background cell from its beginning until it ends.

        ::

            %gpu_output
            %gpu_output 2
        """
        from dl_magics.actions.gpu import notebook_kernel
        from dl_magics.actions.gpu.explain import scripts
        from dl_magics.errors import NoSuchRun
        from dl_magics.magics.display.earlier_output import show_background_cell, show_missed

        args = parse_argstring(self.gpu_output, line)
        if args.explain:
            return scripts.output_script(args.number)
        number = args.number
        kernel = notebook_kernel.current()
        with show_link_status(self.shell, kernel):
            has_missed = number is None and show_missed(kernel)
            try:
                show_background_cell(self.shell, kernel, 1 if number is None else number)
            except NoSuchRun:
                if not has_missed:
                    raise
        return None

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("-o", "--output", help="write all cells as this notebook: run.ipynb")
    @argument("--last", type=int, default=10, help="how many cells to show; default: 10")
    @EXPLAIN
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
        from dl_magics.actions.gpu.explain import scripts
        from dl_magics.magics.display.kernel_log import KernelLog

        args = parse_argstring(self.gpu_log, line)
        if args.explain:
            return scripts.log_script()
        log = kernel_log.build_notebook(notebook_kernel.current().client.read_journal())
        if args.output is None:
            return KernelLog(log, max(args.last, 0))
        path = kernel_log.write_notebook(log, Path(args.output).expanduser())
        return Notice(f"Wrote {len(log.cells)} cells to {path}.")


def _describe_reattached(kernel: NotebookKernel) -> str:
    """Return what a process that reattached found: the variables of the earlier one, or none."""
    if kernel.client.is_new:
        return f"The GPU kernel on {kernel.host.name} had ended: a new one, without variables."
    return f"Reattached to the GPU kernel on {kernel.host.name}, with its variables."
