"""Time load_model.py: a cold start, large pictures, folders of small pictures.

    python3 benchmarks/predict.py

Beside each time is one that it is compared with: of the imports alone, of decoding, of
the networks alone. The networks are run by ONNX Runtime and by cv2.dnn, in turn. Writes
assets/results/predict.json. Memory is read from /proc, so it needs Linux.
"""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import draw_images, scoring
from digits import UserError
from digits.experiment import recorded
from digits.image import SIZE
from digits.model import model_file
from digits.model.classifier import CLEAR, DIGITS, NO_DIGIT, Classifier, in_batches
from digits.reading import pipeline
from digits.terminal import cli

COLD_STARTS = 25
PICTURE_REPEATS = 5  # times that a large picture is read
SMALL, MANY = 10_000, 100_000  # pictures of 28x28 pixels
RUNTIME_IMAGES, RUNTIME_ROUNDS = 2_000, 5
THREADS = (1, 2)
POLL = 0.1  # seconds between two readings of the memory
SCRIPT = [sys.executable, str(ROOT / "load_model.py")]


def timed(work, *arguments):
    """Return (seconds, result) of work(*arguments)."""
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def median(seconds, digits):
    """Return the median of a list of seconds, rounded to some decimal digits."""
    return round(float(np.median(seconds)), digits)


def cold_start():
    """Return the median seconds of a cold start and of the imports it needs."""
    imports = "import numpy, cv2, h5py, onnxruntime"
    commands = {
        "imports": [sys.executable, "-c", imports],
        "load_model": [*SCRIPT, str(ROOT / "assets" / "images" / "1a.jpg")],
    }
    seconds = {name: [] for name in commands}
    # In turn, so that other work on the machine slows both down.
    for _ in range(COLD_STARTS):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(values, 4) for name, values in seconds.items()}
    return {
        "median_seconds": medians,
        "ratio": round(medians["load_model"] / medians["imports"], 3),
        "repeats": COLD_STARTS,
    }


def photograph(folder):
    """Return the median seconds to read 12 megapixels, and to decode them."""
    random = np.random.default_rng(0)
    digits = [(d, 300 + 350 * d, 1200 + 20 * d, 400) for d in range(10)]
    ink = draw_images.draw_ink(4000, 3000, digits, 24, random)
    paper = (228, 240, 246)
    picture = draw_images.on_paper(ink, draw_images.BLUE, paper, random, 0.3, 3)
    return {"megapixels": 12, **large_picture(folder / "photograph.jpg", picture)}


def scan(folder):
    """Return the median seconds to read an A4 page at 300 dots an inch, and to decode.

    On it stand 20 rows of 10 digits, 5 mm high.
    """
    random = np.random.default_rng(0)
    digits = [
        (digit, 300 + 180 * column, 240 + 155 * row, 60)
        for row, label in enumerate(random.integers(10, size=(20, 10)))
        for column, digit in enumerate(label.tolist())
    ]
    ink = draw_images.draw_ink(2480, 3508, digits, 5, random)
    picture = draw_images.on_paper(ink, draw_images.BLUE, draw_images.WHITE, random)
    answer = large_picture(folder / "scan.png", picture)
    written = "".join(str(digit) for digit, *_ in digits)
    read = "".join(answer.pop("read")).replace(" ", "")
    wrong, _ = scoring.align(read, written)
    return {"digits": len(digits), "wrong": wrong, **answer}


def large_picture(path, picture):
    """Write a picture to `path`; return what is read and the times (PICTURE_REPEATS).

    The first reading is not timed: it opens the graphs.
    """
    cv2.imwrite(str(path), picture)
    networks = pipeline.load_networks(model_file.SHIPPED)

    def read():
        return list(pipeline.read_pictures([path], networks, pipeline.THRESHOLD))

    (answer,) = read()
    readings, decodings = [], []
    for _ in range(PICTURE_REPEATS):
        readings.append(timed(read)[0])
        decodings.append(timed(cv2.imread, str(path))[0])
    return {
        "read": answer.rows,
        "seconds": median(readings, 3),
        "seconds_of_decoding": median(decodings, 3),
    }


def drawn_digits(count):
    """Return (images, labels) of drawn digits.

    images: (count, 28, 28) uint8, 0 = paper, 255 = ink; labels: (count,), 0 to 9.
    """
    random = np.random.default_rng(0)
    labels = random.integers(10, size=count)
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for image, digit in zip(images, labels, strict=True):
        corner = random.uniform(4, 8), random.uniform(3, 6)
        ink = draw_images.draw_ink(SIZE, SIZE, [(digit, *corner, 18)], 2, random)
        image[:] = 255 - np.rint(255 * (1 - ink))
    return images, labels


def small_pictures(folder):
    """Return the speed of reading SMALL small pictures, of decoding and of classifying.

    The pictures are written to `folder`. Speeds are in pictures a second.
    """
    images, labels = drawn_digits(SMALL)
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"{index:06d}.png"), 255 - image)  # dark on light
    seconds, lines, memory = read_folder(folder)
    right = sum(
        line.split()[1] == str(label) for line, label in zip(lines, labels, strict=True)
    )
    paths = sorted(map(str, folder.iterdir()))
    decoding, _ = timed(lambda: [cv2.imread(path) for path in paths])
    classifier = model_file.load(model_file.SHIPPED)
    running, _ = timed(classifier.probabilities, images)
    return {
        "pictures": SMALL,
        "read_right": right,
        "pictures_a_second": round(SMALL / seconds),
        "decoded_a_second": round(SMALL / decoding),
        "classified_a_second": round(SMALL / running),
        "peak_megabytes": memory,
    }


def many_pictures(folder):
    """Return the pictures a second and the peak memory of MANY small pictures.

    folder: holds the SMALL pictures, to which links are added.
    """
    paths = sorted(folder.iterdir())
    for copy in range(1, MANY // SMALL):
        for path in paths:
            os.link(path, folder / f"{copy}-{path.name}")
    seconds, lines, memory = read_folder(folder)
    return {
        "pictures": len(lines),
        "pictures_a_second": round(len(lines) / seconds),
        "peak_megabytes": memory,
    }


def read_folder(folder):
    """Return (seconds, printed lines, peak megabytes) of load_model.py on a folder."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
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
    """Return the megabytes of a process and its children; shared pages count once."""
    total = 0
    for process in [pid, *children_of(pid)]:
        path = Path(f"/proc/{process}/smaps_rollup")
        with contextlib.suppress(OSError):  # the process has just ended
            lines = path.read_text(encoding="utf-8").splitlines()
            pss = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
            total += sum(pss)  # kilobytes
    return total // 1024


def children_of(pid):
    """Return the process numbers of a process's children."""
    children = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the process has just ended
            children += map(int, path.read_text(encoding="utf-8").split())
    return children


def runtimes():
    """Return the speed of the shipped networks by runtime and number of threads.

    It is the median over rounds of the digits a second. Both runtimes run the same
    graphs.
    """
    images, _ = drawn_digits(RUNTIME_IMAGES)
    quick, whole = shipped_graphs()
    width = len(DIGITS + NO_DIGIT)
    by_opencv = functools.partial(in_batches, opencv_cascade(quick, whole), width=width)
    speeds = {}
    for threads in THREADS:
        cv2.setNumThreads(threads)
        classifier = Classifier(whole, model_file.SHIPPED, quick, threads)
        runs = {"onnxruntime": classifier.probabilities, "opencv": by_opencv}
        seconds = {name: [] for name in runs}
        # In turn, so that other work on the machine slows both down.
        for _ in range(RUNTIME_ROUNDS):
            for name, run in runs.items():
                seconds[name].append(timed(run, images)[0])
        speeds[threads] = {
            name: round(len(images) / np.median(values))
            for name, values in seconds.items()
        }
    return {"digits": len(images), "digits_a_second_by_threads": speeds}


def shipped_graphs():
    """Return the bytes of the shipped model file's quick graph and of its whole one."""
    path = model_file.SHIPPED
    with model_file.open_hdf5(path) as file:
        quick = model_file.read_array(file, model_file.QUICK, np.uint8)
        if quick is None:
            raise UserError(f"{path}: has no quick graph; nothing was recorded")
        return quick.tobytes(), model_file.read_graph(file, path)


def opencv_cascade(quick, whole):
    """Return a function that does by cv2.dnn what Classifier does by ONNX Runtime.

    quick, whole: the bytes of the graphs. The function maps pixels (N, 28, 28, 1)
    float32 to probabilities (N, 11).
    """
    first, second = (
        cv2.dnn.readNetFromONNX(np.frombuffer(graph, np.uint8))
        for graph in (quick, whole)
    )

    def forward(net, pixels):
        net.setInput(pixels)
        return net.forward().reshape(len(pixels), -1)

    def run(pixels):
        probabilities = forward(first, pixels)
        unclear = probabilities.max(axis=1) < CLEAR
        if unclear.any():
            probabilities[unclear] = forward(second, pixels[unclear])
        return probabilities

    return run


@cli.report_errors
def main(argv=None):
    """Measure, print and record; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    summary = {"cold_start": cold_start()}
    with tempfile.TemporaryDirectory() as folder:
        summary["photograph"] = photograph(Path(folder))
        summary["scan"] = scan(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        summary["small_pictures"] = small_pictures(Path(folder))
        summary["many_pictures"] = many_pictures(Path(folder))
    summary["runtimes"] = runtimes()  # last: it sets OpenCV's number of threads
    recorded.write("predict", summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
