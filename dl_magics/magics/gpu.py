"""The magics for the GPU kernel itself: connect, status, interrupt, restart, disconnect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice, confirm, trust_host_key, with_passphrase

if TYPE_CHECKING:
    from argparse import Namespace

    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
    from dl_magics.actions.gpu.stack import Stack


@magics_class
class GpuMagics(Magics):
    """Magics that connect a notebook to a GPU kernel and control it."""

    shell: InteractiveShell

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument(
        "where",
        nargs="?",
        help="instance name or id, user@host, or a host of ssh_config; default: the selected one",
    )
    @argument("--env", help="environment on the host; default: the best one with Keras")
    @argument(
        "--setup", action="store_true", help="create an environment on the host if none is suitable"
    )
    @argument("--user", help="login user; of an instance it is kept, as by %%aws_get --user")
    @argument("--identity", help="path of a private key file")
    @argument(
        "--take-over",
        nargs="?",
        const="",
        metavar="ID",
        help="continue with the GPU kernel of a notebook that does not run any more; "
        "default: the one that was used last",
    )
    @argument("--trust", action="store_true", help="show the host key, ask once, pin it")
    @argument("-y", "--yes", action="store_true", help="skip the confirmation")
    @EXPLAIN
    @line_magic
    def gpu_connect(self, line: str) -> Any:
        """Start a kernel on the instance, or reattach to this notebook's.

        ::

            %gpu_connect
            %gpu_connect ubuntu@lab.example.org --env keras
            %gpu_connect --take-over

        A notebook keeps its GPU kernel when its own kernel is restarted, and two notebooks never
        share one. A notebook without a file, such as one that nbclient, papermill or a terminal
        runs, is a new one each time: --take-over connects it to the GPU kernel of an earlier one.
        """
        from dataclasses import replace
        from functools import partial

        from dl_magics.actions.gpu import free_kernels, host, notebook_kernel
        from dl_magics.host import environments
        from dl_magics.ssh import blocking

        args = parse_argstring(self.gpu_connect, line)
        if args.explain:
            return _explain_connect(args)
        if args.take_over is not None:
            kernel = notebook_kernel.take_over(args.take_over)
            _tell_if_new(kernel)
            return kernel
        target = host.resolve(args.where, args.identity, args.user)
        if args.trust:
            with_passphrase(partial(trust_host_key, target, yes=args.yes))
        for waits in target.until_booted():
            print(waits)
        found = with_passphrase(partial(notebook_kernel.probe_host, target))
        if args.setup:
            confirm(environments.install_command(found), yes=args.yes)
            output = environments.set_up_environment(target.resolve_target(), found)
            for printed in blocking.iterate_over(output):
                print(printed)
            found = notebook_kernel.probe_host(target)
        chosen = environments.choose_interpreter(found, args.env)
        display(replace(found, selected=chosen))
        kernel = notebook_kernel.connect(target, chosen)
        notebook_kernel.write_kernelspec(kernel)
        _tell_if_new(kernel)
        if offered := free_kernels.offer_free(target.alias):
            print(offered)
        return kernel

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @EXPLAIN
    @line_magic
    def gpu_status(self, line: str) -> Stack | Script:
        """Show the software stack on the host, layer by layer, from the weights down to the GPU.

        ::

            %gpu_status
            stack = %gpu_status
        """
        from dl_magics.actions.gpu import notebook_kernel, stack
        from dl_magics.actions.gpu.explain import scripts

        if parse_argstring(self.gpu_status, line).explain:
            return scripts.status_script()
        kernel = notebook_kernel.current()
        return stack.inspect_stack(kernel.host.resolve_target(), kernel.python)

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @EXPLAIN
    @line_magic
    def gpu_interrupt(self, line: str) -> Notice | Script:
        """Interrupt the cell that runs on the GPU kernel; cells queued behind it run then.

        ::

            %gpu_interrupt
            %gpu_interrupt     # safe to repeat
        """
        from dl_magics.actions.gpu import cells, notebook_kernel
        from dl_magics.actions.gpu.explain import scripts

        if parse_argstring(self.gpu_interrupt, line).explain:
            return scripts.control_script("interrupt")
        return Notice(cells.interrupt_running(notebook_kernel.current()))

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("-y", "--yes", action="store_true", help="skip the confirmation")
    @EXPLAIN
    @line_magic
    def gpu_restart(self, line: str) -> NotebookKernel | Script:
        """Restart the GPU kernel: its variables are lost, files and runs are kept.

        It asks first if the kernel trains a run, which is interrupted.

        ::

            %gpu_restart
            %gpu_restart -y
        """
        from dl_magics.actions.gpu import notebook_kernel
        from dl_magics.actions.gpu.explain import scripts
        from dl_magics.magics.interrupts.kernel_end import naming_runs

        args = parse_argstring(self.gpu_restart, line)
        if args.explain:
            return scripts.control_script("restart")
        kernel = notebook_kernel.current()
        question = f"Restart the GPU kernel on {kernel.host.name}"
        with naming_runs(question, yes=args.yes, restarts=True):
            kernel.client.restart()
        return kernel

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @EXPLAIN
    @line_magic
    def aws_nb(self, line: str) -> Any:
        """Open the instance's own Jupyter through the SSH connection; no port is opened.

        ::

            %aws_nb
            opened = %aws_nb
        """
        import webbrowser

        from dl_magics.actions.gpu import jupyter, notebook_kernel
        from dl_magics.actions.gpu.explain import scripts

        if parse_argstring(self.aws_nb, line).explain:
            return scripts.jupyter_script()
        opened = jupyter.open_jupyter(notebook_kernel.current())
        webbrowser.open(opened.file.as_uri())
        return opened

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("--end-kernel", action="store_true", help="also shut down the GPU kernel")
    @argument("-y", "--yes", action="store_true", help="skip the confirmation of --end-kernel")
    @EXPLAIN
    @line_magic
    def gpu_disconnect(self, line: str) -> Notice | Script:
        """Detach from the GPU kernel; it keeps running, and %gpu_connect reattaches.

        Where the kernel has ended with its instance, or the instance costs money, it says so.
        --end-kernel asks first if the kernel trains a run.

        ::

            %gpu_disconnect
            %gpu_disconnect --end-kernel
        """
        from dl_magics.actions.gpu import notebook_kernel
        from dl_magics.actions.gpu.explain import scripts
        from dl_magics.magics.interrupts.kernel_end import naming_runs

        args = parse_argstring(self.gpu_disconnect, line)
        if args.explain:
            return scripts.disconnect_script(end_kernel=args.end_kernel)
        if args.end_kernel:
            with naming_runs("Shut down the GPU kernel", yes=args.yes, restarts=False):
                left = notebook_kernel.disconnect(end_kernel=True)
        else:
            left = notebook_kernel.disconnect()
        return Notice(left or "No GPU kernel is connected to this notebook.")


def _tell_if_new(kernel: NotebookKernel) -> None:
    """Print that a GPU kernel that was connected has lost the variables of the one before."""
    if kernel.replaces_ended:
        print(
            f"The earlier GPU kernel on {kernel.host.name} has ended: this is a new one, without "
            "its variables. %gpu_log shows what ran on it."
        )


def _explain_connect(args: Namespace) -> Script:
    """Return what a line of %gpu_connect does; the host is asked what is installed on it."""
    from functools import partial

    from dl_magics.actions.gpu import host, notebook_kernel
    from dl_magics.actions.gpu.explain import scripts
    from dl_magics.errors import BadSetting

    if args.take_over is not None or args.trust:
        named = "--trust" if args.trust else "--take-over"
        raise BadSetting(
            f"{named} is not explained: it asks about a host or a notebook, and stores the answer.",
            fix="Leave it out: %gpu_connect --explain · %aws_ssh --trust --explain shows a key.",
        )
    target = host.resolve(args.where, args.identity, args.user, store=False)
    found = with_passphrase(partial(notebook_kernel.probe_host, target))
    return scripts.connect_script(target, found, args.env, setup=args.setup)
