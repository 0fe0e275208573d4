"""`%%finetune`, `%attach`: train a model, watch a run again."""

from __future__ import annotations

from typing import Any, get_args

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope
from traitlets import Enum

from dl_magics.magics import training_cell
from dl_magics.magics.arguments import (
    RUN,
    argument,
    magic_arguments,
    parse_argstring,
    strip_comment,
)
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.front_end import Live
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group


@magics_class
class FinetuneMagics(Magics):
    """Fine-tune a pretrained image model with live progress; watch runs."""

    shell: InteractiveShell

    live = Enum(
        get_args(Live),
        "auto",
        help="How a running run is shown: 'auto' is what the front end can show, a widget, text "
        "that is updated ('plain'), or lines.",
    ).tag(config=True)

    @help_group(HelpGroup.TRAIN)
    @needs_local_scope
    @line_cell_magic
    def finetune(self, line: str, cell: str = "", local_ns: dict[str, Any] | None = None) -> Any:
        """Fine-tune a pretrained image model on a folder of images, and return the Run.

        ::

            %%finetune data/dogscats
            model  = "VGG16"
            epochs = 5

            %finetune data/dogscats --epochs 3 --image-size 128

            %finetune --resume

            %finetune data/dogscats --budget 0.50 --then stop

            %finetune data/dogscats --check

            %finetune s3://my-bucket/dogscats

            %finetune data/dogscats --tensorboard logs

        The data folder has one subfolder per class, or train/ and valid/ with one subfolder per
        class each. The body is Python: settings, and optionally two functions: head(features) gets
        the features and returns the last hidden layer; augment(image, random) gets the pixels of an
        image and a numpy.random.Generator, and returns what an epoch trains on. They may use
        variables of the notebook whose values are plain. s3://bucket/folder is read from S3 to
        where the run trains, with the role of the instance; the next run reads only what has
        changed. Stop, or an interrupt of the kernel, ends the run at the next batch and keeps the
        best weights. The first line of the output says where the run trains: on the connected
        instance or on this computer. --explain prints the equivalent plain Keras code and trains
        nothing. --check shows the time, memory and price of the run, each as a range, and trains
        nothing; earlier runs on the same type of instance make it narrower. For a run of more than
        ten minutes it names types of instances that are estimated to be cheaper or faster, shows
        the time and price of 1, 2, 4 and more of the cheapest, and how many are worth it as
        workers.

        --resume continues an interrupted run: the newest, or the one that is named
        (--resume 2026-11-22_2354). It ends with exactly the numbers of an uninterrupted run. The
        run keeps its own recipe, so the cell has no body; its then does not end another instance
        than the one that it began on. Of its workers those that are up go on, and none has to be
        once the features of all images are computed.

        What workers need and their hosts lack, Keras or the Dask of this computer, is installed
        there after a question; -y answers it.

        --tensorboard FOLDER sends each epoch to TensorBoard, --mlflow EXPERIMENT, --wandb PROJECT
        and --trackio PROJECT to these. If one fails, the run goes on and says so once.

        ::

            setting             default     meaning
            model               "VGG16"     any model of keras.applications, any image backbone of
                                            KerasHub ("dinov2_small"), or one of your own, as a
                                            variable or a .keras file; with its own preprocessing
            weights             "imagenet"  pretrained weights: "imagenet", a file, or None for
                                            random initialization
            image_size          None        height and width in pixels; None is the default of the
                                            model (VGG16: 224)
            epochs              10          epochs of the head
            batch_size          "auto"      "auto" is what fits into memory for the frozen part,
                                            and 32 for the head
            learning_rate       0.001       of the optimizer, for the head
            optimizer           "adam"      one of keras.optimizers by name, or as Keras writes it:
                                            class_name and config
            weight_decay        None        of the optimizer; None is its own (0.004 for adamw,
                                            else none)
            label_smoothing     0.0         fraction of each label that is spread over all classes
            class_weight        None        weights of the classes in the loss: "balanced" gives
                                            each class the same share, or a dict by name; None is 1
                                            for each image
            heads               "auto"      heads that are trained side by side, their
                                            probabilities are averaged; "auto" is 5, or 1 for a
                                            head of your own, without hidden layers, on whole maps
                                            and with Theano
            unfreeze            None        what is trained after the head, together with it: from
                                            a block or layer on ("block5"), or a number of the last
                                            layers, of a vision transformer of its last blocks;
                                            None is nothing
            lora_rank           None        trains adapters (LoRA) of this rank on the queries and
                                            values of attention in place of the weights: in all
                                            blocks, or from unfreeze on; 4 is usual
            unfreeze_epochs     3           epochs of what is unfrozen
            fine_learning_rate  None        the highest of the optimizer for what is unfrozen: it
                                            rises in the first tenth of the steps, then falls along
                                            a cosine; None is 3e-05, or 0.0001 with lora_rank
            dense               [256]       sizes of the hidden layers of the head; [] for none
            dropout             0.5         fraction of units to drop in the head
            pooling             "avg"       input of the head: the mean or the maximum of each
                                            feature map, the class token of a vision transformer
                                            ("cls", its default), or the whole map (None)
            augment             0           augmented copies of each training image, computed once:
                                            each epoch draws one of them or the image; for others
                                            in each epoch, define augment(image, random)
            valid               0.2         fraction kept for validation if the folder has no
                                            valid/
            sample              None        training images per class, and sample * valid of them
                                            for validation; None is all
            seed                42          same seed, same numbers
            patience            3           epochs of the head without a lower val_loss before its
                                            training stops
            mixed_precision     "auto"      half precision for the frozen part; "auto" uses it
                                            where the device is faster with it
            max_duration        None        time after which the run ends and keeps the best
                                            weights: minutes, or "90s", "30m", "2h"
            budget              None        dollars that the time of the run may cost on an
                                            instance: it ends before, with the best weights
            workers             None        instances that compute the features together and, with
                                            JAX, train what is unfrozen: the name given to
                                            %aws_launch --count ("crew"), or a list of names; None
                                            is where the run trains
            then                None        what happens to the instance, or to all that workers
                                            names, once the results are on this computer and
                                            checked: "stop", "terminate" (with -f on the line), or
                                            None
            backend             None        None is the backend that %backend shows; "theano"
                                            trains VGG16 with Keras 1
        """
        from dl_magics.actions.data import buckets
        from dl_magics.actions.gpu import sync
        from dl_magics.actions.runs import estimate, finetune, place, runs
        from dl_magics.actions.runs.ending import plan
        from dl_magics.actions.runs.trackers import export, options
        from dl_magics.training import explain
        from dl_magics.training.recipe import pretrained
        from dl_magics.training.recipe.recipe import describe_sample
        from dl_magics.training.run import Run

        line, trackers = options.split_line(strip_comment(line))
        if training_cell.is_resume(line):
            return training_cell.resume_training(self.shell, self.live, line, cell, trackers)
        names = {**self.shell.user_ns, **(local_ns or {})}
        recipe, flags = training_cell.parse_recipe(line, cell, names)
        if training_cell.EXPLAIN in flags:
            print(explain.write_script(recipe))
            return None
        where = place.find_place(recipe.workers, trains_network=recipe.trains_network)
        estimate.check_budget(recipe, where)
        if training_cell.CHECK in flags:
            return estimate.estimate_run(recipe, where)
        endings = plan.plan_ending(recipe, where, force=training_cell.FORCE in flags)
        print_line(where.sentence)
        if recipe.workers:
            training_cell.prepare_workers(recipe.workers, yes=training_cell.YES in flags)
        recipe = buckets.provide_recipe(recipe, where.kernel, print_line)
        if said := pretrained.describe(pretrained.find_pretrained(recipe.model)):
            print_line(said)
        if recipe.budget:
            print_line(estimate.estimate_run(recipe, where, proposes=False).sentence)
        if sampled := describe_sample(recipe):
            print_line(sampled)
        if where.kernel and (unlike := sync.describe_difference(recipe.data)):
            print_line(unlike)
        for each in trackers:
            print_line(each.view)
        run = Run(runs.create_folder(recipe))
        return training_cell.watch_training(
            self.shell,
            self.live,
            run,
            lambda stop: export.send_live(
                finetune.finetune(recipe, run.path, stop, where), trackers, run.name, print_line
            ),
            endings,
        )

    @help_group(HelpGroup.TRAIN)
    @magic_arguments()
    @RUN
    @argument("--stop", action="store_true", help="end it at its next batch, with the best weights")
    @EXPLAIN
    @line_magic
    def attach(self, line: str) -> Any:
        """Show a run from its first event on, live while it is running, and return it.

        The cell does not wait for the end of the run, except where widgets are not shown: there,
        Ctrl-C leaves the run alone. Stop in the widget, and --stop, end the run on whichever host
        it trains. A run that another computer started on the connected host is copied first. Where
        the run was to stop or terminate its instance, but the notebook that began it has ended, the
        instance stays up, and a line says so.

        ::

            %attach
            %attach 2026-11-22_2354
            %attach 2026-11-22_2354 --stop
        """
        from dl_magics.actions.runs import runs
        from dl_magics.actions.runs.explain import scripts

        args = parse_argstring(self.attach, line)
        if args.explain:
            return scripts.watch_script(args.run, stop=args.stop)
        run = runs.find_run(args.run)
        return training_cell.attach_run(self.shell, self.live, run, stop=args.stop)
