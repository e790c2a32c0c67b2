"""The flags that the training scripts share: the same name for the same thing."""

import shlex
from pathlib import Path

from digits import files, mnist
from digits.cli import number

# Names that tf.nn, Keras, ONNX and cv2.dnn all know; the exact gelu's Erf is not among
# what cv2.dnn runs.
ACTIVATIONS = [
    "relu",
    "elu",
    "selu",
    "leaky_relu",
    "silu",
    "softplus",
    "tanh",
    "sigmoid",
]


def add_data_flags(arguments, output_dir):
    """Add --dataset, --data_dir and --output_dir."""
    arguments.add_argument(
        "--dataset", choices=mnist.DATASETS, default="mnist", help="what to learn from"
    )
    arguments.add_argument(
        "--data_dir",
        metavar="FOLDER",
        help="holds MNIST (else MNIST_DIR, the cache, a download)",
    )
    arguments.add_argument(
        "--output_dir",
        metavar="FOLDER",
        default=output_dir,
        help="for results and pictures",
    )


def add_network_flags(arguments, *, epochs, batch_size):
    """Add the flags of a network's shape and training, with these defaults."""
    width, count = number(int, 1, 4096), number(int, 1, 10_000)
    arguments.add_argument(
        "--filters",
        type=width,
        nargs="+",
        metavar="N",
        default=[32, 64, 64, 64, 128, 128],
        help="channels of each convolution; where they grow from one to the next, "
        "the picture is halved",
    )
    arguments.add_argument(
        "--dense_layers",
        type=width,
        nargs="*",
        metavar="N",
        default=[],
        help="units of each hidden dense layer",
    )
    arguments.add_argument(
        "--activation", choices=ACTIVATIONS, default="relu", help="of hidden layers"
    )
    arguments.add_argument(
        "--epochs", type=count, metavar="N", default=epochs, help="passes over the data"
    )
    arguments.add_argument(
        "--batch_size",
        type=count,
        metavar="N",
        default=batch_size,
        help="images a step",
    )
    arguments.add_argument(
        "--tensorboard",
        metavar="FOLDER",
        help="for curves to watch with TensorBoard",
    )
    add_seed_flag(arguments)


def add_seed_flag(arguments):
    """Add --seed."""
    arguments.add_argument(
        "--seed",
        type=number(int, 0, 10**9),  # an ensemble counts on, within 32 bits
        metavar="N",
        default=0,
        help="of all that is drawn at random",
    )


def add_model_flags(arguments, save_model=None):
    """Add --save_model, --load_model and --save_weights (-s, -l and -w).

    save_model: the default, None where it depends on --load_model.
    """
    saves = "1: save the network to --save_weights"
    file = "the HDF5 file to save or load"
    if save_model is None:
        saves += " (default: 1 unless --load_model)"
        file += " (default: tf_cnn.hdf5 when saving)"
    switch = {"type": int, "nargs": "?", "const": 1, "choices": (0, 1)}
    arguments.add_argument(
        "-s", "--save_model", default=save_model, help=saves, **switch
    )
    arguments.add_argument(
        "-l",
        "--load_model",
        default=0,
        help="1: load --save_weights and test it, training nothing",
        **switch,
    )
    arguments.add_argument("-w", "--save_weights", metavar="FILE", help=file)


def check_model_flags(parser, args):
    """End with a usage error if a model flag lacks its companion."""
    wanted = "--load_model" if args.load_model else "--save_model"
    if (args.load_model or args.save_model) and not args.save_weights:
        parser.error(f"{wanted} needs --save_weights FILE")
    if args.save_weights and not (args.load_model or args.save_model):
        parser.error("--save_weights needs --save_model 1 or --load_model 1")


def check_destinations(args, file):
    """Return the folder for results, made, after checking that all can be written.

    file: what will be saved, or None. What a loaded network or classifier scores goes
    to a folder of its own: the results of its training stay. Raises UserError before
    any long work.
    """
    if file:
        files.check_writable(file)
    if vars(args).get("tensorboard"):
        files.make_folder(args.tensorboard)
    folder = Path(args.output_dir, "loaded") if args.load_model else args.output_dir
    files.make_folder(folder)
    return folder


def saved_text(path, script, *arguments):
    """Return what to tell the user of a file that was just saved.

    script: as it is called from the repository's folder, to read a picture with it.
    """
    root = Path(__file__).resolve().parent.parent
    script = script if root == Path.cwd() else str(root / script)
    command = shlex.join(["python3", script, *map(str, arguments)])
    return f"saved {path}; read a picture with it:\n  {command}"
