"""Time load_model.py: a cold start, a large photograph, a folder of small pictures.

    python3 benchmarks/predict.py

Each time stands beside its limit: what importing, decoding or running the network takes
alone. The pictures are drawn by assets/draw_images.py's pens. Writes
assets/results/predict.json. The memory is read from /proc, so it needs Linux.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "assets")]

import draw_images
from digits import cli, network, reading, recorded

REPEATS = 25  # of a cold start
PHOTOGRAPHS = 5  # times that the photograph is read
SMALL, MANY = 10_000, 100_000  # pictures of 28x28 pixels
POLL = 0.1  # seconds between two looks at the memory
SCRIPT = [sys.executable, str(ROOT / "load_model.py")]


def seconds_of(command):
    """Return how long a command takes, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def cold_start():
    """Return the median seconds of a cold start and of the imports it needs."""
    commands = {
        "imports": [sys.executable, "-c", "import numpy, cv2, h5py"],
        "load_model": [*SCRIPT, str(ROOT / "assets" / "images" / "1a.jpg")],
    }
    seconds = {name: [] for name in commands}
    # In turn, so that other work on the machine slows both alike.
    for _ in range(REPEATS):
        for name, command in commands.items():
            seconds[name].append(seconds_of(command))
    medians = {name: round(float(np.median(s)), 4) for name, s in seconds.items()}
    ratio = round(medians["load_model"] / medians["imports"], 3)
    return {"median_seconds": medians, "ratio": ratio, "repeats": REPEATS}


def photograph(folder):
    """Return the median seconds that 12 megapixels take, and their decoding alone."""
    path = folder / "photograph.jpg"
    random = np.random.default_rng(0)
    digits = [(d, 300 + 350 * d, 1200 + 20 * d, 400) for d in range(10)]
    ink = draw_images.draw_ink(4000, 3000, digits, 24, random)
    paper = (228, 240, 246)
    cv2.imwrite(
        str(path), draw_images.on_paper(ink, draw_images.BLUE, paper, random, 0.3, 3)
    )
    classifier = network.load(network.SHIPPED)
    classifier.probabilities(np.zeros((1, 28, 28), np.uint8))  # made ready
    read, decode = [], []
    for _ in range(PHOTOGRAPHS):
        start = time.perf_counter()
        (answer,) = reading.read_pictures([path], classifier, reading.THRESHOLD)
        read.append(time.perf_counter() - start)
        start = time.perf_counter()
        cv2.imread(str(path))
        decode.append(time.perf_counter() - start)
    return {
        "megapixels": 12,
        "read": answer.rows,
        "seconds": round(float(np.median(read)), 3),
        "seconds_of_decoding": round(float(np.median(decode)), 3),
    }


def draw_small_pictures(folder):
    """Write SMALL pictures of 28x28 pixels to a folder; return the digits drawn."""
    random = np.random.default_rng(0)
    labels = random.integers(10, size=SMALL)
    for index, digit in enumerate(labels):
        corner = random.uniform(4, 8), random.uniform(3, 6)
        ink = draw_images.draw_ink(28, 28, [(digit, *corner, 18)], 2, random)
        picture = np.uint8(np.rint(255 * (1 - ink)))
        cv2.imwrite(str(folder / f"{index:06d}.png"), picture)
    return labels


def small_pictures(folder):
    """Return pictures a second of the whole command, of decoding and of cv2.dnn."""
    labels = draw_small_pictures(folder)
    seconds, lines, memory = read_folder(folder)
    right = sum(
        line.split()[1] == str(d) for line, d in zip(lines, labels, strict=True)
    )
    paths = sorted(map(str, folder.iterdir()))
    start = time.perf_counter()
    images = np.array([cv2.imread(path, cv2.IMREAD_GRAYSCALE) for path in paths])
    decoding = time.perf_counter() - start
    classifier = network.load(network.SHIPPED)
    start = time.perf_counter()
    classifier.probabilities(255 - images)  # ink is bright
    running = time.perf_counter() - start
    return {
        "pictures": SMALL,
        "read_right": right,
        "pictures_a_second": round(SMALL / seconds),
        "decoded_a_second": round(SMALL / decoding),
        "classified_a_second": round(SMALL / running),
        "peak_megabytes": memory,
    }


def many_pictures(folder):
    """Return pictures a second and the peak memory of MANY small pictures."""
    files_there = sorted(folder.iterdir())
    for copy in range(1, MANY // SMALL):
        for path in files_there:
            os.link(path, folder / f"{copy}-{path.name}")
    seconds, lines, memory = read_folder(folder)
    return {
        "pictures": len(lines),
        "pictures_a_second": round(len(lines) / seconds),
        "peak_megabytes": memory,
    }


def read_folder(folder):
    """Return (seconds, lines, peak megabytes) of load_model.py on a folder."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [*SCRIPT, str(folder)], stdout=output, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(POLL)
        seconds = time.perf_counter() - start
        output.seek(0)
        return seconds, output.read().splitlines(), peak


def memory_of(pid):
    """Return the megabytes that a process and its children use, shared ones once."""
    total = 0
    for process in [pid, *children_of(pid)]:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total // 1024


def children_of(pid):
    """Return the process numbers of a process's children."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has just ended
            children += map(int, task.read_text().split())
    return children


@cli.report_errors
def main(argv=None):
    """Measure, print and record; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    summary = {"cold_start": cold_start()}
    with tempfile.TemporaryDirectory() as folder:
        summary["photograph"] = photograph(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        summary["small_pictures"] = small_pictures(Path(folder))
        summary["many_pictures"] = many_pictures(Path(folder))
    recorded.write("predict", summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
