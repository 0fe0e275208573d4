"""What a cell says of the run that it trained or watched, when it is interrupted."""

from __future__ import annotations

from dl_magics.actions.runs import runs
from dl_magics.magics.display.remote_error import build_interrupt
from dl_magics.runs import log, remote_origin
from dl_magics.training.run import Run


def explain_training(run: Run) -> BaseException:
    """Return a KeyboardInterrupt that says what became of a run that was interrupted twice."""
    origin, state = remote_origin.load(run.path), run.state
    if origin and not state.ended:
        # The first interrupt may not have reached the host.
        if runs.send_stop(run):
            return build_interrupt(
                f"The run {run.name} was asked to stop: it ends at its next batch on "
                f"{origin.host['name']}.",
                fix=f"%attach {run.name} shows its end, and fetches the model.",
            )
        return build_interrupt(
            f"The run {run.name} goes on: {origin.host['name']} has not received the request to "
            "stop it.",
            fix=f"%attach {run.name} --stop sends it again, until it arrives.",
        )
    if state.status in ("done", "stopped"):
        shows = "shows it" if not origin or origin.is_complete else "fetches its model"
        return build_interrupt(
            f"The run {run.name} has ended: {state.status}.", fix=f"%attach {run.name} {shows}."
        )
    if not log.has_events(run.path):
        return build_interrupt("The run was stopped before it began.", fix="Run the cell again.")
    return build_interrupt(
        f"The run {run.name} was interrupted.",
        fix=f"%finetune --resume {run.name} continues it.",
    )


def describe_watched(run: Run) -> tuple[str, str]:
    """Return what to say of a run that a cell does not show any more: it goes on."""
    again = f"%attach {run.name} shows it again"
    if runs.is_going_on(run) and not run.state.ended:
        return f"The run {run.name} goes on.", f"{again} · %attach {run.name} --stop ends it."
    return f"The run {run.name} is {run.status}.", f"{again}."
