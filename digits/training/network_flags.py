"""The flags of tf_cnn.py that other scripts lack, and which of them go together."""

import argparse

from digits.experiment import flags
from digits.terminal import cli, files
from digits.training import network_file, renderings

DEFAULT_FILE = "tf_cnn.hdf5"  # to which the script saves
MORE_ERRORS = 5  # of MNIST's validation images, at most, after --own without --force
# Flags that mean nothing to --reader and --own.
NETWORK_FLAGS = (
    "load_model",
    "distill",
    "ensemble",
    "augmentation",
    "filters",
    "dense_layers",
    "activation",
    "epochs",
    "batch_size",
    "tensorboard",
    "dask",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags of tf_cnn.py that other scripts lack."""
    parser.add_argument(
        "--augmentation",
        choices=renderings.CLASSES,
        default="mnist",
        help="mnist: MNIST's images alone; real: also rendered photographs, to read "
        "pictures (takes much longer)",
    )
    parser.add_argument(
        "--ensemble",
        type=cli.number(int, 1, network_file.LARGEST_ENSEMBLE),
        metavar="K",
        default=1,
        help="train the networks of K seeds, from --seed on, and average their answers",
    )
    parser.add_argument(
        "--distill",
        metavar="FILE",
        help="train one network per seed, not two, on the answers of FILE, a model "
        "that tf_cnn.py saved; it reads twice as fast",
    )
    cli.add_dask_flag(parser, "train the networks")
    parser.add_argument(
        "--reader",
        default=0,
        help="1: train the reader of pages instead of digit networks",
        **flags.SWITCH,
    )
    flags.add_own_flag(parser, "let the networks of --start learn pictures of your own")
    parser.add_argument(
        "--start",
        metavar="FILE",
        help="a model that tf_cnn.py saved: --own trains its networks further, "
        "--reader adds a reader to its digit networks (default: the shipped model)",
    )
    parser.add_argument(
        "--force",
        default=0,
        help="with --own: save even if errors on MNIST's validation images rise by "
        f"more than {MORE_ERRORS}",
        **flags.SWITCH,
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Set what tf_cnn.py's flags imply; end with a usage error if they disagree."""
    if args.save_model is None:
        args.save_model = 1 - args.load_model
    if args.save_model and args.load_model:
        parser.error("--load_model leaves nothing to save: drop --save_model")
    if args.load_model and args.dask is not None:
        parser.error("--load_model trains nothing: drop --dask")
    _check_start(parser, args)
    if args.save_model and args.save_weights is None:
        args.save_weights = DEFAULT_FILE
    flags.check_model_flags(parser, args)
    _check_teacher(parser, args)


def _check_start(parser, args):
    """End with a usage error if --reader or --own meets a flag that it does not know.

    A flag that has its default value counts as not given.
    """
    learns_own = args.own is not None
    if args.reader and learns_own:
        parser.error("--own and --reader exclude each other")
    if args.start is not None and not (args.reader or learns_own):
        parser.error("--start needs --own FOLDER or --reader 1")
    if args.force and not learns_own:
        parser.error("--force needs --own FOLDER")
    if learns_own and args.dataset != "mnist":
        parser.error("--own compares with MNIST: drop --dataset")
    for name in NETWORK_FLAGS if args.reader or learns_own else ():
        if getattr(args, name) != parser.get_default(name):
            flag = "--own" if learns_own else "--reader"
            parser.error(f"{flag} trains no new digit networks: drop --{name}")
    saves = learns_own or (args.reader and args.save_model)
    if saves and args.save_weights is None:  # the default file has digit networks
        flag = "--own" if learns_own else "--reader 1"
        parser.error(f"{flag} needs --save_weights FILE")


def _check_teacher(parser, args):
    """End with a usage error if saving would overwrite the teacher of --distill."""
    if not (args.save_model and args.distill):
        return
    if files.is_same(args.distill, args.save_weights):
        parser.error("--distill: --save_weights would overwrite it; choose another")
