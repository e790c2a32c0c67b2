"""Measure what --dask costs and gains on this machine, with one worker and with two.

    python3 benchmarks/scale.py

Measures an empty task, small pictures (28x28) and pages that load_model.py reads from a
list, and the two networks that tf_cnn.py trains for an epoch. Beside them
stand the same without --dask, and what load_model.py spends on printing an answer.
Writes assets/results/scale.json.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import mnist
from digits.experiment import recorded
from digits.model import model_file
from digits.reading import formats, pipeline
from digits.terminal import cli, cluster

WORKERS = 1, 2
TASKS = 2_000
SMALL, PAGES = 20_000, 100
PRINTED = 2_000
PAGE = ROOT / "assets" / "images" / "page.jpg"
EPOCH = ["--epochs", "1", "--save_model", "0"]  # of both networks of a seed


def seconds_of(script, flags, folder):
    """Return how long a script takes."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / script), *flags]
    # A folder of its own for each: no run finds what another has left.
    with tempfile.TemporaryDirectory(dir=folder) as there:
        subprocess.run(
            command, check=True, cwd=there, stdout=subprocess.DEVNULL, stderr=sys.stderr
        )
    return time.perf_counter() - start


def small_pictures(folder):
    """Write MNIST's first test images; return the path of a list that repeats them."""
    images = mnist.load().test_images[:1000]
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f"{number}.png"), 255 - image)
    names = [str(folder / f"{number % len(images)}.png") for number in range(SMALL)]
    return listed(folder / "small.txt", names)


def listed(path, names):
    """Write a list of pictures; return its path."""
    path.write_text("\n".join(names), encoding="utf-8")
    return str(path)


def task_milliseconds(address):
    """Return what an empty task costs."""
    with cluster.connected(address) as client:
        workers = cluster.Cluster(client)
        list(workers.in_processes(abs, range(100)))  # the workers are ready
        start = time.perf_counter()
        list(workers.in_processes(abs, range(TASKS)))
        return 1000 * (time.perf_counter() - start) / TASKS


def print_milliseconds():
    """Return what printing an answer costs: a small picture's as JSON."""
    networks = pipeline.load_networks(model_file.SHIPPED)
    path = ROOT / "assets" / "images" / "1a.jpg"
    (reading,) = pipeline.read_pictures([path], networks, pipeline.THRESHOLD)
    start = time.perf_counter()
    for _ in range(PRINTED):
        formats.as_json(reading, top=3)
    return 1000 * (time.perf_counter() - start) / PRINTED


def measure(lists, folder, *flags):
    """Return the seconds of each piece of work; flags: --dask and its address."""
    found = {
        name: seconds_of("load_model.py", ["--files_from", path, *flags], folder)
        for name, path in lists.items()
    }
    return found | {"networks": seconds_of("tf_cnn.py", [*EPOCH, *flags], folder)}


def parse_args(argv=None):
    """Return the parsed command line."""
    return cli.parser(__doc__).parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Measure and record; return the exit status."""
    parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = listed(folder / "pages.txt", [str(PAGE)] * PAGES)
        lists = {"small": small_pictures(folder), "pages": pages}
        seconds = {"without": measure(lists, folder)}
        tasks = {}
        for count in WORKERS:
            with cluster.local(count) as found:
                address = found.scheduler_address
                tasks[count] = round(task_milliseconds(address), 3)
                seconds[f"{count}"] = measure(lists, folder, "--dask", address)
    rounded = {
        name: {work: round(value, 1) for work, value in found.items()}
        for name, found in seconds.items()
    }
    facts = {"small": SMALL, "pages": PAGES, "networks": 2, "seconds": rounded}
    facts |= {"task_milliseconds": tasks}
    facts |= {"print_milliseconds": round(print_milliseconds(), 3)}
    recorded.write("scale", facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
