"""The scripts that copy files and train on the instance, and the Keras program itself."""

from __future__ import annotations

import shlex
from pathlib import Path

from dl_magics.actions.aws.explain.shell import Variable, join
from dl_magics.actions.gpu import kernel_records
from dl_magics.actions.gpu.explain.scripts import RSYNC_OPTIONS
from dl_magics.actions.runs.export.layout import FIND_ADDRESS, LOGIN, SSH, make_script
from dl_magics.core.instance import Instance
from dl_magics.runs import remote_origin
from dl_magics.store import notebook_session
from dl_magics.training import explain
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run

PROGRAM = "train.py"
_FOLDER = "exported-training"
_WEIGHTS = ".weights.h5"
_USAGE = "usage: ./sync.sh up LOCAL [FOLDER] · ./sync.sh down REMOTE [FOLDER]"
_RSYNC = join("rsync", *RSYNC_OPTIONS, "-s", "-e", SSH[0])
# A name that begins with - or has a colon is a file nevertheless.
_ABSOLUTE = 'case ${0} in /*) ;; *) {0}="$FROM/${0}" ;; esac'


def write_sync() -> str:
    """Return the script that copies a file or folder up or down."""
    there = Variable(f"{LOGIN}:$TO/")
    source = Variable(f"{LOGIN}:$2")
    return make_script(
        "Copy what has changed: ./sync.sh up photos, ./sync.sh down results",
        f'case "${{1-}}:$#" in up:2|up:3|down:2|down:3) ;; *) echo {shlex.quote(_USAGE)} >&2; '
        "exit 2 ;; esac",
        FIND_ADDRESS,
        'if [ "$1" = up ]; then',
        "  LOCAL=$2 TO=${3-.}",
        f"  {_ABSOLUTE.format('LOCAL')}",
        f'  exec {_RSYNC} -- "$LOCAL" {join(there)}',
        "fi",
        "TO=${3-.}",
        f"{_ABSOLUTE.format('TO')}",
        f'exec {_RSYNC} -- {join(source)} "$TO/"',
        ahead="FROM=$PWD",
    )


def write_training(run: Run) -> dict[str, str]:
    """Return the program that trains as a run did, and the script that runs it on the instance.

    Raises BadData where the images of the run are not on this computer.
    """
    recipe = Recipe.from_json(run.state.recipe)
    more = ""
    uploads = [_upload(Variable("$IMAGES/"), "images/", "--delete"), _upload(PROGRAM, PROGRAM)]
    if explain.has_weights_file(recipe):
        weights = Path(str(recipe.weights)).expanduser().absolute()
        name = f"pretrained{_WEIGHTS if weights.name.endswith(_WEIGHTS) else '.h5'}"
        uploads.append(_upload(str(weights), name))
        more = f" --weights {name}"
    model = Variable(f"{LOGIN}:{_FOLDER}/model.keras")
    script = make_script(
        f"Train on the instance, with {PROGRAM}: ./train.sh [IMAGES] [NEW_FILE]",
        f"IMAGES={shlex.quote(str(Path(recipe.data).expanduser().absolute()))}",
        "MODEL=model-$(date +%Y-%m-%d_%H%M%S).keras",
        "[ $# -lt 1 ] || IMAGES=$1",
        "[ $# -lt 2 ] || MODEL=$2",
        *(_ABSOLUTE.format(name) for name in ("IMAGES", "MODEL")),
        'if [ -e "$MODEL" ]; then echo "$MODEL exists: name another file." >&2; exit 1; fi',
        FIND_ADDRESS,
        *uploads,
        f'{join(*SSH)} "cd {_FOLDER} && rm -f model.keras && $PYTHON {PROGRAM} images{more}"',
        f'{_RSYNC} -- {join(model)} "$MODEL"',
        'echo "The model: $MODEL. The instance still costs money: ./stop.sh"',
        ahead="FROM=$PWD",
    )
    return {PROGRAM: explain.write_program(recipe), "train.sh": script}


def _upload(source: str, to: str, *options: str) -> str:
    target = Variable(f"{LOGIN}:{_FOLDER}/{to}")
    return f"{_RSYNC} {join(*options, '--', source, target)}"


def find_python(instance: Instance, run: Run | None) -> str:
    """Return the interpreter of the GPU kernel or of the run on this instance, for its shell."""
    known = kernel_records.find_record(notebook_session.current())
    origin = remote_origin.load(run.path) if run else None
    found = [(known[1].host, known[1].python, known[1].activate)] if known else []
    found += [(dict(origin.host), origin.python, origin.activate)] if origin else []
    for host, python, activate in found:
        if host["alias"] == instance.id:
            return f"{activate} && " * bool(activate) + shlex.quote(python)
    return "python3"
