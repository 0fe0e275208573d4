"""Draws the figures of the pages, in both themes: boxes in rows, joined by arrows."""

from __future__ import annotations

import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

BOX, GAP, MARGIN, LINE = 176, 48, 8, 19
MOST = 3  # boxes in a line: more would be too small on a narrow screen
_COLUMNS = 20
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1b1f24; text-anchor: middle }
  .head { font-weight: 600 } .over { font-size: 13px; fill: #4b5563 }
  rect { fill: #eef4fb; stroke: #1976d2 } path { stroke: #6b7280; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e8eb } .over { fill: #aab2bd }
    rect { fill: #16263a; stroke: #64a8f0 } path { stroke: #9aa4b2 }
  }
"""

# A row is a line of boxes: a head, and behind a colon what stands below it.
FIGURES: dict[str, tuple[str, ...]] = {
    "tutorial/own_photos": (
        "photos/: a folder for each class > %check_data: what is wrong with them > "
        "%split_data: groups stay together > %%finetune: features once, then the head > "
        "model.keras: loads with Keras alone",
    ),
    "training/images": (
        "your folder: is not changed > %check_data: what is wrong with the images > "
        "%split_data: train, valid, test, sample",
        "%clean_images: keep, relabel, quarantine > a journal: each step > undo: byte for byte",
    ),
    "training/results": (
        "model.keras: and the stored features > predictions: where the images are > "
        "%confusion %top_losses: what it takes for what > %bias_report: what it goes by",
    ),
    "training/runs": (
        "run.predict: your own images > run.evaluate: images it has never seen > "
        "run.report: one file for others",
        "run.export: a phone, a browser > %runs --compare: which settings are better > "
        "%runs --export: one zip",
    ),
    "instances/gpu_kernel": (
        "%sync up: changed files > %%gpu: a cell on the instance > "
        "output, plots, widgets: in the notebook",
        "%%gpu --background > laptop closed: it goes on > %gpu_output: from its first line",
    ),
    "instances/environments": (
        "%gpu_connect: looks on the host > conda, venv, pyenv, uv: every environment > "
        "the best one: ipykernel, Keras and a backend > GPU kernel: %gpu_status shows its layers",
        "--env NAME: you choose > GPU kernel",
        "--setup: nothing fits > a new environment: made on the host > GPU kernel",
    ),
    "instances/spot": (
        "spot instance: a run trains > notice of AWS: two minutes before > "
        "checkpoint: saved and copied home > stopped: the disk is kept",
        "%aws_start --wait 2h: AWS has room again > %gpu_connect > "
        "%finetune --resume: exactly where it was",
    ),
    "training/s3": (
        "a bucket of S3: one folder per class > listed: keys, sizes, ETags > "
        "instance: reads what has changed, with its role > a folder of photos: as any other",
        "instance profile: has the role > instance: asks IMDSv2 for credentials > "
        "S3: what the policy of the role allows",
    ),
    "training/scale": (
        "photos: in tasks > instances: each takes the next one > features: of all photos > "
        "head: trained on one instance",
    ),
    "training/crew": (
        "photos: on this computer > scheduler of Dask: shares the batches > "
        "crew-1 … crew-4: the frozen part > one feature store: on this computer > "
        "head: trained here",
        "a worker is lost > its batches: another computes them > the same features: bit for bit",
    ),
    "instances/budgets": (
        "--budget 0.50: predicted before it starts > training: the measured speed decides > "
        "best weights: evaluated and saved > --then stop: once the model is here",
        "--until, --max-duration: an end for the instance > --idle: minutes without work > "
        "the guard: stops it, laptop on or off",
    ),
    "setup/teams": (
        "Ada's computer: own key > security group of Ada: port 22, her address > instance ada",
        "Ben's computer: own key > security group of Ben: port 22, his address > instance ben",
    ),
    "setup/jupyterhub": (
        "browser > hub > single-user server: dl_magics, its user's disk > "
        "AWS: HTTPS for the API, SSH for the instance",
    ),
    "setup/vscode": (
        "VS Code: a notebook > kernel: a Python with dl_magics > magics: the same as everywhere",
        "VS Code: its Jupyter extension > anywidget: model and element > widgets: live, or lines",
    ),
    "setup/proxy": (
        "notebook > HTTPS_PROXY: as the aws command > API of AWS",
        "notebook > jump host: of your ssh_config > instance: public or private address",
    ),
    "setup/without": (
        "a magic > --explain: the commands that do the same > %aws_export: as scripts > "
        "aws, ssh, rsync, Keras: no dl_magics needed",
    ),
    "setup/uninstall": (
        "%aws_cleanup -f: what costs money > pip uninstall dl-magics: what pip installed > "
        "one folder stays: runs, features, weights, key",
    ),
    "setup/assistant": (
        "assistant: asks > dl-magics mcp: standard input and output > "
        "five tools: read, change nothing > AWS and your runs",
        "you: run a magic > a question: with dollars > start, stop, delete",
    ),
    "explanation/feature_store": (
        "photo > convolutional layers: once per photo > feature store: kept on disk > "
        "head: trained in each epoch",
        "the photo again: or renamed > feature store: found by its bytes > head: starts at once",
    ),
    "explanation/benchmarks": (
        "the same photos: the same computer > the usual way, then ours: in one run > "
        "a ratio: with the machine",
    ),
    "explanation/link": (
        "notebook: says where it was > one SSH connection: may break > "
        "agent: numbers each message > kernel: goes on computing",
        "agent: on the host > journal: each message, first > notebook: every output, once",
    ),
    "explanation/three_hands": (
        "the guard: on the instance > 30 minutes without work > the instance stops",
        "CloudWatch alarm: outside > hours without CPU use > the instance stops",
        "Jupyter server: your computer > 15 minutes after the guard > the instance stops",
    ),
    "explanation/trust": (
        "host: runs your code > what it says: type, size, allowed names > "
        "shown or kept: else named and left out",
        "model from a host: only known layers > a process of its own: with limits > run.model",
    ),
    "reference/magics": (
        "rent: %aws_launch %aws_start > connect: %gpu_connect %sync > train: %%finetune %runs > "
        "understand: %confusion %predict > stop paying: %aws_stop %aws_bill",
    ),
    "reference/settings": (
        "%%finetune DATA: a cell of assignments > checked: before anything starts > "
        "recipe.json: the run's own > the same numbers: for the same seed",
    ),
    "reference/events": (
        "run_started > phase_started > progressed: at most 4 a second > "
        "epoch_ended: losses, accuracies > run_ended",
        "events.jsonl: a line each > computed from it: widget, panel, report, receipt",
    ),
    "reference/rest": (
        "panel: in the browser > REST and events: of the Jupyter server > "
        "actions: as the magics do > AWS and your runs",
    ),
    "reference/errors": (
        "first line: what happened, with the value > second line: what to type > "
        "the cell fails: never in silence",
    ),
}


def write_figures(folder: Path) -> None:
    """Write each figure, where it is not the same already; a name begins with a folder."""
    for name, rows in FIGURES.items():
        file, text = folder / f"{name}.svg", draw_figure(rows)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def draw_figure(rows: tuple[str, ...]) -> str:
    """Return the SVG of rows of boxes."""
    parts: list[str] = []
    chains = [[box.strip().partition(": ")[::2] for box in row.split(" > ")] for row in rows]
    begin = MARGIN + (GAP if max(map(len, chains)) > MOST else 0)
    top, right = MARGIN, 0
    for boxes in chains:
        for first in range(0, len(boxes), MOST):
            line = [(_wrap(head), _wrap(below)) for head, below in boxes[first : first + MOST]]
            height = (max(len(head) + len(below) for head, below in line) + 1) * LINE
            for n, (head, below) in enumerate(line):
                left = begin + n * (BOX + GAP)
                parts.append(_draw_box(left, top, height, head, below))
                right = max(right, left + BOX + MARGIN)
                if first + n:
                    parts.append(_draw_arrow(left - GAP, top + height // 2))
            top += height + (12 if first + MOST < len(boxes) else 26)
    bottom = top - 26 + MARGIN
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" '
        f'width="{right}" height="{bottom}">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )


def _draw_arrow(left: int, middle: int) -> str:
    return f'<path d="M{left + 7} {middle}h{GAP - 16}m-7 -5l7 5l-7 5" stroke-width="1.5"/>'


def _draw_box(left: int, top: int, height: int, head: list[str], below: list[str]) -> str:
    lines = [("head", each) for each in head] + [("over", each) for each in below]
    first = top + (height - len(lines) * LINE) // 2 + 14
    texts = "".join(
        f'<text class="{kind}" x="{left + BOX // 2}" y="{first + n * LINE}">{escape(text)}</text>'
        for n, (kind, text) in enumerate(lines)
    )
    return f'<rect x="{left}" y="{top}" width="{BOX}" height="{height}" rx="6"/>{texts}'


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)
