"""Time training: tf_cnn.py and a matrix product, CNN_MNIST.py and Keras's example.

    python3 benchmarks/train.py

First it measures the floating-point operations a second of a large float32 matrix
product and of training by tf_cnn.py, in turn, and the time of a checkpoint. Then it
measures the seconds until 99 % of the validation images are read right: by Keras's own
MNIST example, which it trains to the end, and by CNN_MNIST.py --target_accuracy 99.
Writes assets/results/train.json. It takes about ten minutes.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tf_cnn
from digits import UserError, mnist
from digits.experiment import recorded, results, resume
from digits.model.classifier import DIGITS
from digits.terminal import cli
from digits.terminal.lazy import LazyModule
from digits.training import network_file

tf = LazyModule("tensorflow")
keras = LazyModule("keras")

TARGET = 0.99  # accuracy on the validation images
SIDE = 2048  # rows and columns of the matrices
ROUNDS = 30  # of both in turn; each takes about a second
PRODUCTS, STEPS = 10, 10  # in a round
CHECKPOINTS = 20


def matrix_rate(product):
    """Return the GFLOP/s of `product`, which multiplies two SIDE x SIDE matrices."""
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        product().numpy()
    return PRODUCTS * 2 * SIDE**3 / (time.perf_counter() - start) / 1e9


def operations_an_image(model):
    """Return the floating-point operations of a training step for each image.

    Each product in convolutions and dense layers counts as two: in the forward pass, in
    the gradients of the weights and, except for the first layer, in those of the
    inputs. Everything else is left out.
    """
    products, side = 0, 28 // tf_cnn.BLOCK
    for index, (name, stride) in enumerate(model.strides.items()):
        side = -(-side // stride)
        passes = 3 if index else 2
        products += passes * side**2 * np.prod(model.variables[f"{name}/kernel"].shape)
    for name in model.dense:
        products += 3 * np.prod(model.variables[f"{name}/kernel"].shape)
    return 2 * int(products)


def training_rate(trainer):
    """Return the GFLOP/s of steps of training, everything included."""
    chosen = tf.range(trainer.batch_size, dtype=tf.int64)
    start = time.perf_counter()
    for step in range(STEPS):
        trainer.learn(chosen, tf.constant(step, tf.int64))[0].numpy()
    seconds = (time.perf_counter() - start) / STEPS
    return trainer.batch_size * operations_an_image(trainer.network) / seconds / 1e9


def step_speed(dataset):
    """Return a dict with the rates of the matrix product and of training by tf_cnn.py.

    The rates, and the ratio of training to product, are medians over the rounds.
    """
    args = tf_cnn.parse_args([])
    trainer = tf_cnn.Trainer(
        args,
        network_file.shape_of(args, len(DIGITS), tf_cnn.ConvolutionalNetwork),
        args.seed,
        "plain",
        dataset.train_images,
        dataset.train_labels,
        None,
    )
    matrix = tf.random.normal((SIDE, SIDE))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix))
    rates = []
    for _ in range(ROUNDS):
        rates.append((matrix_rate(product), training_rate(trainer)))
    rates = np.array(rates[1:])  # the first round compiles
    of_matrix, of_training = np.median(rates, axis=0)
    share = np.median(rates[:, 1] / rates[:, 0])
    operations = args.batch_size * operations_an_image(trainer.network)
    return {
        "matrix_side": SIDE,
        "matrix_gflops": round(float(of_matrix)),
        "training_gflops": round(float(of_training)),
        "share": round(float(share), 3),
        "batch_size": args.batch_size,
        "checkpoint": checkpoint_cost(trainer, operations / of_training / 1e9),
    }


def checkpoint_cost(trainer, step_seconds):
    """Return the milliseconds of a checkpoint of training, and its share of an epoch.

    By default there is one after each epoch, which takes less than a minute.
    """
    with tempfile.TemporaryDirectory() as folder:
        args = tf_cnn.parse_args(["--output_dir", folder])
        summary = results.new_summary("tf_cnn.py", [], args)
        with resume.Run(folder, args, summary) as run:
            run.track("network", trainer.variables)
            run.keep()
            start = time.perf_counter()
            for _ in range(CHECKPOINTS):
                run.keep()
            seconds = (time.perf_counter() - start) / CHECKPOINTS
    share = seconds / (trainer.batches * step_seconds)
    return {"milliseconds": round(1000 * seconds, 1), "share": round(share, 5)}


def keras_example(dataset):
    """Train https://keras.io/examples/vision/mnist_convnet; return a dict of its times.

    Layers, batch size, epochs and optimizer are the example's; the split is ours.
    """
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    start, times = time.perf_counter(), []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter() - start)
    )
    history = model.fit(
        np.float32(dataset.train_images[..., None]) / 255,
        dataset.train_labels,
        batch_size=128,
        epochs=15,
        verbose=0,
        callbacks=[watch],
        validation_data=(
            np.float32(dataset.validation_images[..., None]) / 255,
            dataset.validation_labels,
        ),
    )
    accuracies = history.history["val_accuracy"]
    reached = np.flatnonzero(np.array(accuracies) >= TARGET)
    if not len(reached):
        raise UserError(
            f"Keras's example missed the target ({accuracies[-1]:.2%}); nothing was "
            "recorded"
        )
    return {
        "seconds_to_target": round(times[reached[0]], 1),
        "seconds": round(times[-1], 1),
        "validation_accuracy": accuracies[-1],
    }


def quick_model():
    """Run CNN_MNIST.py --target_accuracy; return a dict of its time and accuracies."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "CNN_MNIST.py")]
        command += ["--target_accuracy", str(100 * TARGET), "--output_dir", folder]
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
            raise UserError("CNN_MNIST.py failed; nothing was recorded")
        text = Path(folder, "results.json").read_text(encoding="utf-8")
    summary = json.loads(text)
    if round(summary["validation"]["validation_accuracy"], 5) < TARGET:
        raise UserError("CNN_MNIST.py missed its target; nothing was recorded")
    return {
        "seconds": summary["validation"]["seconds"],
        "validation_accuracy": summary["validation"]["validation_accuracy"],
        "test": summary["test"],
    }


@cli.report_errors
def main(argv=None):
    """Measure, print and record; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    dataset = mnist.load()
    summary = {
        "step": step_speed(dataset),
        "keras_example": keras_example(dataset),
        "quick_model": quick_model(),
    }
    recorded.write("train", summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
