"""The flags that the scripts share: the same name for the same thing."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from digits import mnist
from digits.terminal import cli, files

# Names that tf.nn and Keras know, with the same defaults, and that tf2onnx exports. It
# does not export the exact gelu (Erfc).
ACTIVATIONS = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "leaky_relu",
    "silu",
    "softplus",
    "softsign",
    "tanh",
    "sigmoid",
]
# Bytes: more than the results, figures and checkpoints of a network take.
RESULTS = 16 << 20
# Of a flag that is 0 or 1; without a value it is 1.
SWITCH = {"type": int, "nargs": "?", "const": 1, "choices": (0, 1)}


def add_data_flags(parser: ArgumentParser, output_dir: str) -> None:
    """Add --dataset, --data_dir and --output_dir; output_dir: its default."""
    parser.add_argument(
        "--dataset",
        choices=mnist.DATASETS,
        default="mnist",
        help="mnist, or sklearn_digits: 1,797 small digits that need no download",
    )
    parser.add_argument(
        "--data_dir",
        metavar="FOLDER",
        help="folder with MNIST's files (default: $MNIST_DIR; if that is unset, the "
        "user's cache, filled by a download)",
    )
    parser.add_argument(
        "--output_dir",
        metavar="FOLDER",
        default=output_dir,
        help="where results and figures are written",
    )


def add_network_flags(parser: ArgumentParser, *, epochs: int, batch_size: int) -> None:
    """Add the flags of a network's shape and training, with these defaults."""
    width, count = cli.number(int, 1, 4096), cli.number(int, 1, 10_000)
    parser.add_argument(
        "--filters",
        type=width,
        nargs="+",
        metavar="N",
        default=[32, 64, 64, 64, 128, 128],
        help="filters of each convolution; one with more filters than the convolution "
        "before it has stride 2",
    )
    parser.add_argument(
        "--dense_layers",
        type=width,
        nargs="*",
        metavar="N",
        default=[],
        help="units of each hidden dense layer",
    )
    parser.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default="relu",
        help="activation of the hidden layers",
    )
    parser.add_argument(
        "--epochs",
        type=count,
        metavar="N",
        default=epochs,
        help="passes over the training images",
    )
    parser.add_argument(
        "--batch_size",
        type=count,
        metavar="N",
        default=batch_size,
        help="images in each training step",
    )
    parser.add_argument(
        "--tensorboard",
        metavar="FOLDER",
        help="where training curves for TensorBoard are written",
    )
    add_seed_flag(parser)


def add_seed_flag(parser: ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument(
        "--seed",
        # An ensemble's networks have this seed and the next ones; all fit into 32 bits.
        type=cli.number(int, 0, 10**9),
        metavar="N",
        default=0,
        help="random seed",
    )


def add_own_flag(parser: ArgumentParser, text: str) -> None:
    """Add --own; text: what it does."""
    form = "in folders 0 to 9, or with a labels.csv"
    parser.add_argument("--own", metavar="FOLDER", help=f"{text}: {form}")


def add_model_flags(parser: ArgumentParser, default_file: str | None = None) -> None:
    """Add --save_model, --load_model and --save_weights (-s, -l and -w).

    default_file: to which the script saves unless told otherwise (--save_model is None
    then, and --save_weights too); without it, the script saves only if told to.
    """
    saves = "1: save the model to the file that --save_weights names"
    file = "the model file to save or load"
    if default_file:
        saves += " (default: 1 unless --load_model)"
        file += f" (default: {default_file} when saving)"
    default = None if default_file else 0
    parser.add_argument("-s", "--save_model", default=default, help=saves, **SWITCH)
    parser.add_argument(
        "-l",
        "--load_model",
        default=0,
        help="1: load --save_weights and test it, without training",
        **SWITCH,
    )
    parser.add_argument("-w", "--save_weights", metavar="FILE", help=file)


def check_model_flags(parser: ArgumentParser, args: Namespace) -> None:
    """Exit with a usage error if a model flag lacks the flag that belongs to it."""
    wanted = "--load_model" if args.load_model else "--save_model"
    if (args.load_model or args.save_model) and not args.save_weights:
        parser.error(f"{wanted} needs --save_weights FILE")
    if args.save_weights and not (args.load_model or args.save_model):
        parser.error("--save_weights needs --save_model 1 or --load_model 1")


def check_destinations(args: Namespace, file: str | Path | None) -> Path:
    """Return the folder for results, which is made, before any long work.

    file: what will be saved, or None. A loaded model has its results in a folder of its
    own, so that those of its training stay. Raises UserError if the file or a folder
    cannot be written, or is on a full disk.
    """
    if file:
        files.check_writable(file)
    if vars(args).get("tensorboard"):
        files.make_folder(args.tensorboard)
    folder = Path(args.output_dir, "loaded" if args.load_model else "")
    files.make_folder(folder)
    files.check_space(folder / "results.json", RESULTS)
    return folder


def saved_text(path: str | Path, script: str, *arguments: str | Path) -> str:
    """Return the message about a file that was saved, with a command that reads it.

    script: its path in the repository; arguments: those of the command.
    """
    command = cli.command_of(script, *arguments)
    return f"saved {path}; read a picture with it:\n  {command}"
