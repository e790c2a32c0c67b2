"""Kill training runs, and damage model files and pictures, and count what happens.

    python3 benchmarks/faults.py runs
    python3 benchmarks/faults.py models
    python3 benchmarks/faults.py pictures

`runs`: small runs of tf_cnn.py and CNN_MNIST.py are killed at random moments, and
resumed; each must end with the weights and the history of a run that was not killed.
`models` and `pictures`: load_model.py reads mutated files, each in a process of its
own. It must read each file, or refuse it in a line, in time and memory. With --record
the counts are written to assets/results/faults.json.
"""

import collections
import csv
import functools
import importlib
import io
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import cv2
import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import load_model
from digits import UserError
from digits.experiment import recorded, resume
from digits.model import graph, model_file
from digits.terminal import cli
from digits.terminal.progress import Progress

COUNTS = {"runs": 20, "models": 2_000, "pictures": 2_000}
SCRIPTS = "tf_cnn", "CNN_MNIST"
SMALL = "--dataset sklearn_digits --filters 4 8 8 --batch_size 100 --epochs 3 -s 1"
SAMPLES = ROOT / "assets" / "images"
FORMATS = ".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm", ".gif", ".jp2", ".avif"
MOST_SECONDS = 5
MOST_MEMORY = 1 << 30  # bytes
GRAPHS = model_file.ONNX, model_file.QUICK, model_file.READER


# Runs that are killed


def variables_of(path):
    """Return {name: array} of what a training script saved, but the graphs."""
    found = {}

    def add(name, node):
        if isinstance(node, h5py.Dataset) and not name.startswith("inference/"):
            found[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(add)
    return found


def history_of(folder):
    """Return the rows of a run's history without their seconds."""
    with open(Path(folder, "history.csv"), newline="", encoding="utf-8") as file:
        return [row[:-1] for row in csv.reader(file)]


def is_same(one, other):
    """Tell whether two runs, each a folder, ended with the same bits."""
    weights, others = (variables_of(folder / "model.hdf5") for folder in (one, other))
    return (
        weights.keys() == others.keys()
        and all(np.array_equal(weights[name], others[name]) for name in weights)
        and history_of(one) == history_of(other)
    )


def run_script(name, flags):
    """Run a script's main, silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.exit(importlib.import_module(name).main(flags))


def in_process(context, name, flags, seconds=None):
    """Return the exit status of a script; kill it after so many seconds, if given."""
    process = context.Process(target=run_script, args=(name, flags))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def kill_runs(count, random):
    """Return how runs of each script ended that were killed, `count` times or more."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["digits.training.export", *SCRIPTS])
    facts = {}
    for name in SCRIPTS:
        facts[name] = {"kills": 0, "runs": 0, "same": 0}
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder, "whole")
            start = time.monotonic()
            if in_process(context, name, flags_of(whole)) != 0:
                raise UserError(f"{name}: cannot be run")
            seconds = time.monotonic() - start
            with Progress(f"{name}: kills", count) as bar:
                while facts[name]["kills"] < count:
                    killed = Path(folder, f"killed {facts[name]['runs']}")
                    kills = finish_with_kills(context, name, killed, seconds, random)
                    facts[name]["kills"] += kills
                    facts[name]["runs"] += 1
                    facts[name]["same"] += is_same(whole, killed)
                    bar.update(kills)
    return facts


def flags_of(folder):
    """Return the flags of a small run with its results and model in a new folder."""
    folder.mkdir()
    return [*SMALL.split(), "-w", f"{folder}/model.hdf5", "--output_dir", f"{folder}"]


def finish_with_kills(context, name, folder, seconds, random):
    """Run a script until it ends, though it is killed; return how often it was.

    seconds: that it takes; it is killed after a random part of them.
    """
    flags, kills = [*flags_of(folder), "--checkpoint_seconds", "0"], 0
    while status := in_process(context, name, flags, random.uniform(0, seconds)):
        if status != -signal.SIGKILL:
            raise UserError(f"{name}: status {status}")
        kills += 1
        if resume.checkpoints(folder / resume.FOLDER):
            flags = ["--resume", "--output_dir", f"{folder}"]
    return kills


# Files of strangers


def outcome(argv):
    """Return what load_model.py makes of files: read, refused, or another word."""
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            status = 70  # of a traceback
            try:
                status = load_model.main(argv)
            finally:
                os._exit(status)
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            done, status, usage = os.wait4(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "hung"
            time.sleep(0.002)
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()
    if os.WIFSIGNALED(status):
        return "crashed"
    if usage.ru_maxrss * 1024 > MOST_MEMORY:
        return "too large"
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1) or any("Traceback" in line for line in lines):
        return "traceback"
    if code == 1 and not lines:
        return "silent"
    return "refused" if code else "read"


def places_of_structure(onnx):
    """Return the places in a graph's bytes that are no weights: names and sizes.

    Weights stand in tensors behind their sizes, in the first bytes, or in Constant
    nodes, which ours do not have.
    """
    structure = graph.only_graph(onnx)
    places, place = [], onnx.index(structure)
    for number, part in graph.fields(
        structure, itertools.count(1)
    ):  # in the order of their places
        if isinstance(part, memoryview):
            place = onnx.index(part, place)
            shown = min(len(part), 40) if number == graph.INITIALIZER else len(part)
            places += range(place, place + shown)
            place += len(part)
    return np.array(places)


def with_graphs(content, **graphs):
    """Return a model file's bytes with other graphs, by their place."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "a") as file:
        for name, onnx in graphs.items():
            del file[f"inference/{name}"]
            file[f"inference/{name}"] = np.frombuffer(onnx, np.uint8)
    return buffer.getvalue()


def mutated_graph(content, random, graphs, places):
    """Return a model file one of whose graphs has some other bytes."""
    name = str(random.choice(list(graphs)))
    onnx = bytearray(graphs[name])
    for place in random.choice(places[name], random.integers(1, 4)):
        onnx[place] = random.integers(256)
    return with_graphs(content, **{name: bytes(onnx)})


def mutated_bytes(content, random):
    """Return a file with some other bytes, mostly at its start."""
    changed = bytearray(content)
    last = len(content) if random.random() < 0.3 else min(len(content), 4096)
    for place in random.integers(0, last, random.integers(1, 9)):
        changed[place] = random.integers(256)
    return bytes(changed)


def truncated(content, random):
    """Return the first bytes of a file."""
    return content[: random.integers(len(content))]


def swapped(content, random, graphs):
    """Return a model file whose graphs are in each other's place."""
    names = list(graphs)
    order = random.permutation(len(names))
    return with_graphs(
        content, **{n: graphs[names[o]] for n, o in zip(names, order, strict=True)}
    )


def hostile(content, random):
    """Return a model file with a link, a bomb or another type in a graph's place."""
    buffer = io.BytesIO(content)
    name = str(random.choice(GRAPHS))
    with h5py.File(buffer, "a") as file:
        del file[name]
        kind = random.integers(6)
        if kind == 0:
            file[name] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == 1:
            file[name] = h5py.SoftLink(name)  # to itself
        elif kind == 2:
            shape = (int(random.integers(1 << 20, 1 << 40)),)
            file.create_dataset(name, shape, np.uint8, chunks=(1 << 16,), compression=9)
        elif kind == 3:
            file.create_dataset(name, (50 << 20,), np.uint8, compression=9)
        elif kind == 4:
            file[name] = np.array("text", h5py.string_dtype())
        else:
            file[name] = np.zeros(100, np.dtype([("a", np.float64), ("b", np.uint8)]))
    return buffer.getvalue()


def read_models(count, random):
    """Return {outcome: how many} of mutated model files."""
    content = model_file.SHIPPED.read_bytes()
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        graphs = {
            name.rpartition("/")[2]: model_file.read_bytes(file, name)
            for name in GRAPHS
        }
    places = {name: places_of_structure(onnx) for name, onnx in graphs.items()}
    kinds = [
        *[functools.partial(mutated_graph, graphs=graphs, places=places)] * 5,
        *[mutated_bytes] * 2,
        truncated,
        functools.partial(swapped, graphs=graphs),
        hostile,
    ]
    # The first is read by the digit networks alone, the other by the reader, too.
    pictures = [SAMPLES / "1a.jpg", page_of_numbers()]
    return tallied(
        "models",
        count,
        lambda path, number: path.write_bytes(
            kinds[number % len(kinds)](content, random)
        ),
        lambda path, number: [str(pictures[number % 2]), "--weights", str(path)],
    )


def page_of_numbers():
    """Return the path of a picture of several digits."""
    return max(SAMPLES.glob("*.*"), key=lambda path: path.stat().st_size)


def read_pictures(count, random):
    """Return {outcome: how many} of mutated pictures of every format."""
    sample = cv2.resize(np.asarray(cv2.imread(str(SAMPLES / "1a.jpg"))), (120, 160))
    kinds = [cv2.imencode(kind, sample)[1].tobytes() for kind in FORMATS]

    def make(path, number):
        change = truncated if number % 4 == 0 else mutated_bytes
        path.write_bytes(change(kinds[number % len(kinds)], random))

    return tallied("pictures", count, make, lambda path, number: [str(path)])


def tallied(label, count, make, argv_of):
    """Return {outcome: how many} of files that `make` writes; print unwanted ones."""
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, Progress(label, count) as bar:
        path = Path(folder, "file")
        for number in range(count):
            make(path, number)
            found = outcome(argv_of(path, number))
            counts[found] += 1
            if found not in ("read", "refused"):
                kept = Path(tempfile.gettempdir(), f"{label}-{number}")
                kept.write_bytes(path.read_bytes())
                print(f"{found}: {kept}", file=sys.stderr)
            bar.update(1)
    return dict(counts)


PARTS = {"runs": kill_runs, "models": read_models, "pictures": read_pictures}


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("part", choices=PARTS, help="what is to be damaged")
    parser.add_argument("--count", type=cli.number(int, 1, 10**6), metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed")
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the counts to assets/results/faults.json",
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Damage one kind of thing and count; return the exit status."""
    args = parse_args(argv)
    import resource  # Windows has none

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    random = np.random.default_rng(args.seed)
    facts = PARTS[args.part](args.count or COUNTS[args.part], random)
    print(facts)
    if args.record:
        known = {}
        if recorded.path_of("faults").exists():
            known = recorded.read("faults", "python3 benchmarks/faults.py")
        recorded.write("faults", known | {args.part: facts})
    return 0


if __name__ == "__main__":
    sys.exit(main())
