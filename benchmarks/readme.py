"""Fill the tables of README.md and docs/ with what was measured.

    python3 benchmarks/readme.py

Replaces what stands between `<!-- NAME -->` and `<!-- end -->` by the block of that
name, made from assets/results/, from the shipped model file and from what it reads in
assets/images/. Redraws assets/figures/. A test holds the documents to it.
"""

import contextlib
import hashlib
import io
import math
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import CNN_MNIST
import load_model
import tf_cnn
from benchmarks import scoring
from digits.experiment import figures, recorded
from digits.model import model_file
from digits.model.classifier import DIGITS
from digits.reading import pipeline
from digits.terminal import cli, files
from digits.terminal.lazy import LazyModule
from digits.training.network_file import NetworkShape

keras = LazyModule("keras")  # not for --help

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARKED = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)
FIGURES = ROOT / "assets" / "figures"
REAL_PICTURES = "python3 benchmarks/real_pictures.py FOLDER --record"
OWN_HAND = "python3 benchmarks/own_hand.py FOLDER --record"
PAGE = ROOT / "assets" / "images" / "page.jpg"


def all_runs():
    """Return {name: [summary]} of all that is recorded in assets/results/."""
    return {name: recorded.read_runs(name) for name in recorded.SCRIPTS}


def shipped_attributes():
    """Return what the shipped model file says of itself: a dict."""
    return model_file.read(model_file.SHIPPED)[1]


def results_block():
    """Return the table of results in four columns."""
    runs = all_runs()
    header = ["script", "test accuracy", "fit time", "reading time per digit"]
    cells = [
        [
            f"`{row['script']}`",
            recorded.accuracy_cell(row),
            f"{row['fit_seconds']:.0f} s",
            f"{row['microseconds']:.0f} µs",
        ]
        for row in recorded.table_rows(runs)
    ]
    machines = {run["hardware"] for summaries in runs.values() for run in summaries}
    table = recorded.markdown_table(header, cells)
    return f"{table}\n\nMeasured on {' and '.join(sorted(machines))}."


def all_results_block():
    """Return the table of results in all columns, with each row's hardware."""
    runs = all_runs()
    table = recorded.table_text(recorded.table_rows(runs))
    return f"{table}\n\n{recorded.hardware_text(runs)}"


def train_block():
    """Return four training commands, each with its time and test accuracy."""
    rows = {row["script"]: row for row in recorded.table_rows(all_runs())}
    networks = [rows["CNN_MNIST.py"], rows["tf_cnn.py"]]
    quick = recorded.read("train", "python3 benchmarks/train.py")
    shipped = shipped_attributes()
    real = "tf_cnn.py --augmentation real --save_weights real.hdf5"
    lines = [
        (
            "CNN_MNIST.py --target_accuracy 99",
            quick["quick_model"]["seconds"],
            quick["quick_model"]["test"],
        ),
        *((r["script"], r["fit_seconds"], recorded.accuracy_cell(r)) for r in networks),
        (real, shipped["validation"]["seconds"], shipped["test"]),
    ]
    text = "\n".join(
        f"python3 {command:{len(real)}}  # {duration(seconds)}, {test.split(' (')[0]}"
        for command, seconds, test in lines
    )
    return (
        f"```sh\n{text}\n```\n\nThese are the training time and the test accuracy. The "
        f"last command was timed on\n{shipped['hardware']}, the others on "
        f"{quick['hardware']}."
    )


def duration(seconds):
    """Return a duration as people say it: 11 s, 5 min."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def network_block():
    """Return a table of the default network's layers."""
    shape = NetworkShape(CNN_MNIST.parse_args([]).filters, [], "relu", len(DIGITS))
    kernels, strides = tf_cnn.layers_of(shape)
    block = tf_cnn.BLOCK
    side = 28 // block
    rows = [[f"pixels in blocks of {block}x{block}", f"{side}x{side}x{block**2}", ""]]
    for name, (*size, width) in kernels.items():
        layer, output = "dense", f"{width}"
        if name in strides:
            side = -(-side // strides[name])
            stride = ", stride 2" if strides[name] == 2 else ""
            layer = f"{size[0]}x{size[1]} convolution{stride}"
            output = f"{side}x{side}x{width}"
        rows.append([layer, output, f"{parameters_of(shape, name):,}"])
    rows.append(["total", "", f"{parameters_of(shape, ''):,}"])
    return recorded.markdown_table(["layer", "output", "parameters"], rows)


def parameters_of(shape, layer):
    """Return how many numbers the variables of a layer hold, of all layers for ""."""
    variables = tf_cnn.ConvolutionalNetwork.variable_shapes(shape).items()
    prefix = layer and f"{layer}/"
    return sum(math.prod(size) for name, size in variables if name.startswith(prefix))


def speed_block():
    """Return a table of how fast pictures are read."""
    measured = recorded.read("predict", "python3 benchmarks/predict.py")
    cold, photograph, scan = (
        measured[name] for name in ("cold_start", "photograph", "scan")
    )
    small, many = measured["small_pictures"], measured["many_pictures"]
    seconds = cold["median_seconds"]
    rows = [
        [
            "`load_model.py IMAGE`, from start to end",
            f"{seconds['load_model']:.2f} s, {cold['ratio']:.2f} times its imports "
            f"alone (medians of {cold['repeats']})",
        ],
        [
            f"a photograph of {photograph['megapixels']} megapixels, after the start",
            f"{photograph['seconds']:.2f} s, of which decoding takes "
            f"{photograph['seconds_of_decoding']:.2f} s",
        ],
        [
            f"an A4 page at 300 dots an inch with {scan['digits']} digits",
            f"{scan['seconds']:.2f} s, of which decoding takes "
            f"{scan['seconds_of_decoding']:.2f} s; {scan['wrong']} digits are wrong",
        ],
        [
            f"a folder of {small['pictures']:,} PNGs of 28x28 pixels",
            f"{small['pictures_a_second']:,} pictures a second",
        ],
        [
            f"a folder of {many['pictures']:,} such PNGs",
            f"{many['pictures_a_second']:,} pictures a second, at most "
            f"{many['peak_megabytes']} MB of memory",
        ],
    ]
    runtimes = measured["runtimes"]
    for threads, speeds in runtimes["digits_a_second_by_threads"].items():
        rows.append(
            [
                f"the networks alone, threads: {threads}",
                f"{speeds['onnxruntime']:,} digits a second by ONNX Runtime, "
                f"{speeds['opencv']:,} by OpenCV",
            ]
        )
    table = recorded.markdown_table(["what", "measured"], rows)
    return f"{table}\n\nMeasured on {measured['hardware']}."


def training_block():
    """Return sentences on how fast networks are trained."""
    measured = recorded.read("train", "python3 benchmarks/train.py")
    step, quick = measured["step"], measured["quick_model"]
    example = measured["keras_example"]
    ratio = quick["seconds"] / example["seconds_to_target"]
    return (
        f"`tf_cnn.py` trains at {step['training_gflops']} GFLOP/s, all work included. "
        f"That is {100 * step['share']:.0f} % of what a {step['matrix_side']}x"
        f"{step['matrix_side']} float32 matrix product reaches in the same run. A "
        f"checkpoint takes {step['checkpoint']['milliseconds']:.0f} ms, "
        f"{100 * step['checkpoint']['share']:.2f} % of an epoch.\n\n"
        f"`CNN_MNIST.py --target_accuracy 99` reaches 99 % of the validation images "
        f"after {quick['seconds']:.1f} s of training, {ratio:.2f} times the "
        f"{example['seconds_to_target']:.0f} s of [Keras's own example]"
        "(https://keras.io/examples/vision/mnist_convnet/). Its test accuracy is "
        f"{quick['test']}.\n\nMeasured on {measured['hardware']}."
    )


def rejection_block():
    """Return a table of how well digits are told from what is none."""
    measured = shipped_attributes()["rejection"]
    rows = [
        ["digits read right", f"{100 * measured['accuracy_of_digits']:.1f} %"],
        ["non-digits rejected", f"{100 * measured['accuracy_of_junk']:.1f} %"],
        ["area under the ROC curve", f"{measured['area_under_roc']:.3f}"],
        [
            "expected calibration error",
            f"{100 * measured['expected_calibration_error']:.1f} %",
        ],
    ]
    total = f"of {measured['digits']:,} digits and {measured['junk']:,} non-digits"
    return recorded.markdown_table([total, ""], rows)


def real_block():
    """Return the tables of the real pictures, without their sources."""
    measured = recorded.read("real_pictures", REAL_PICTURES)
    parts = [
        f"{measured['pictures']:,} pictures from {measured['sources']} public "
        "repositories:",
        scoring.kind_table(measured["folders"]),
        "Digits read wrong, left out or made up, by edit distance, and the time a "
        f"picture on {measured['hardware']}:",
        scoring.digit_table(measured["folders"]),
        "How far the confidences can be trusted:",
        scoring.calibration_table(measured),
        scoring.false_digits_text(measured),
    ]
    return "\n\n".join(parts)


def scale_block():
    """Return the table of what --dask costs and gains."""
    facts = recorded.read("scale", "python3 benchmarks/scale.py")
    workers = {"without": "without `--dask`", "1": "one worker", "2": "two workers"}
    header = [
        "on one machine",
        f"{facts['small']:,} small pictures",
        f"{facts['pages']} pages",
        f"{facts['networks']} networks, an epoch",
    ]
    rows = [
        [title, *(f"{seconds:g} s" for seconds in facts["seconds"][name].values())]
        for name, title in workers.items()
    ]
    task = max(facts["task_milliseconds"].values())
    return "\n".join(
        [
            recorded.markdown_table(header, rows),
            "",
            f"Measured on {facts['hardware']}; starting and importing are included. An",
            f"empty task costs {task} ms, printing an answer as JSON "
            f"{facts['print_milliseconds']} ms.",
        ]
    )


FAULTS = "python3 benchmarks/faults.py"
FINE = "read", "refused"  # as benchmarks.outcomes has it, which Windows cannot import


def damaged_files(measured):
    """Return {part: {outcome: files}} of the parts that damage files."""
    others = {"runs", "soak", "versions", "hardware"}
    return {part: found for part, found in measured.items() if part not in others}


def faults_block():
    """Return what became of damaged files, killed runs and long lists."""
    measured = recorded.read("faults", FAULTS)
    rows = []
    for part, found in damaged_files(measured).items():
        fine = [found.get(name, 0) for name in FINE]
        files_count = sum(found.values())
        numbers = files_count, *fine, files_count - sum(fine)
        rows.append([f"`{part}`", *(f"{number:,}" for number in numbers)])
    header = ["part", "files", *FINE, "anything else"]
    lines = [recorded.markdown_table(header, rows), ""]
    for script, found in measured["runs"].items():
        lines.append(
            f"- `runs`, `{script}`: {found['runs']} runs, killed {found['kills']} "
            f"times; {found['same']} ended with the same bits."
        )
    for name, found in measured["soak"].items():
        lines.append(
            f"- `soak`, {name}: of {found['pictures']:,} pictures "
            f"{found['answered']:,} answered, {found['refused']:,} refused, "
            f"{found['missing']} missing, in {found['seconds']} s; killed "
            f"{found['kills']} time; {found['megabytes_early']:.0f} MB of memory in "
            f"the first half, {found['megabytes_late']:.0f} MB in the second."
        )
    return "\n".join(lines)


def survived_block():
    """Return a sentence on what benchmarks/faults.py has counted."""
    measured = recorded.read("faults", FAULTS)
    runs, lists = measured["runs"].values(), measured["soak"].values()
    damaged = damaged_files(measured).values()
    count = sum(sum(found.values()) for found in damaged)
    fine = sum(found.get(name, 0) for found in damaged for name in FINE)
    kills, same = (sum(run[name] for run in runs) for name in ("kills", "same"))
    pictures, missing = (
        sum(found[name] for found in lists) for name in ("pictures", "missing")
    )
    return (
        f"In tests, {sum(run['runs'] for run in runs)} training runs were killed "
        f"{kills} times at random and resumed;\n{same} ended with exactly the weights "
        f"of an uninterrupted run. Of {count:,} damaged files, {fine:,}\nwere read or "
        f"refused with one line. Of {pictures:,} pictures in lists whose reading was\n"
        f"killed and resumed, {missing} are missing "
        "([docs/security.md](docs/security.md#what-is-tried))."
    )


def own_hand_block():
    """Return a table of what is read of each source before and after learning it."""
    measured = recorded.read("own_hand", OWN_HAND)
    rows = [
        [
            name,
            str(facts["learned"]),
            str(facts["read"]),
            str(facts["read"] - facts["right_before"]),
            str(facts["read"] - facts["right_after"]),
            *others_cells(facts),
        ]
        for name, facts in sorted(measured["sources"].items())
    ]
    rows.append(["none", "0", "", "", "", *others_cells(measured["before"])])
    header = ["pictures, source", "learned", "read", "wrong before", "wrong after"]
    header += ["MNIST, wrong", "pages, right"]
    return recorded.markdown_table(header, rows)


def others_cells(facts):
    """Return how other pictures are read, given what FineTuner.others_read returns."""
    return [str(facts["mnist_errors"]), f"{100 * facts['pages_right']:.1f} %"]


def model_block():
    """Return a table of what the shipped model file is and reads."""
    attributes = shipped_attributes()
    content = model_file.SHIPPED.read_bytes()
    outcomes = recorded.read("real_pictures", REAL_PICTURES)["mnist_test_images"]
    reader = attributes["reader"]
    score = {name: f"{100 * value:.1f} %" for name, value in reader["score"].items()}
    rows = [
        ["digit networks made by", f"`{attributes['command']}`"],
        [
            "their training",
            f"{duration(attributes['validation']['seconds'])} on "
            f"{attributes['hardware']}",
        ],
        ["their test accuracy among ten digits", attributes["test"]],
        ["reader of pages made by", f"`{reader['command']}`"],
        ["its training", f"{duration(reader['seconds'])} on {reader['hardware']}"],
        [
            f"{reader['score']['digits']:,} digits on held-out synthetic pages",
            f"{score['found']} found, {score['right']} found and read right, "
            f"{score['made_up']} false detections (of the number of digits)",
        ],
        ["size", f"{len(content) / 1e6:.1f} MB"],
        ["SHA-256", f"`{hashlib.sha256(content).hexdigest()}`"],
        [
            "MNIST's test images through `load_model.py`",
            f"{outcomes['right']} right, {outcomes['wrong digit']} read as another "
            f"digit, {outcomes['no digit']} as no digit, {outcomes['wrong count']} as "
            "several digits",
        ],
    ]
    return recorded.markdown_table(["", "`assets/weights/digits.hdf5`"], rows)


def reading_block():
    """Return a call of load_model.py on the page, with what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        load_model.main([str(PAGE)])
    line = printed.getvalue().replace(f"{ROOT}{os.sep}", "")
    return f"```\n$ python3 load_model.py {PAGE.relative_to(ROOT)}\n{line}```"


def samples_block():
    """Return a table of the sample pictures and what is read in them, for docs/."""
    paths = sorted((ROOT / "assets" / "images").iterdir())
    networks = pipeline.load_networks(model_file.SHIPPED)
    rows = []
    for result in pipeline.read_pictures(paths, networks, pipeline.THRESHOLD):
        path = Path(result.file)
        picture = f'<img src="../{path.relative_to(ROOT)}" height="64">'
        rows.append([picture, f"`{path.name}`", " ".join(result.rows)])
    return recorded.markdown_table(["picture", "file", "read as"], rows)


def summary_block():
    """Return Keras's summary of the network."""
    lines = []
    keras.utils.clear_session()  # layers are numbered from the start
    args = CNN_MNIST.parse_args([])
    model = CNN_MNIST.build_network(args.filters, args.dense_layers, args.activation)
    model.summary(line_length=78, print_fn=lines.append)
    return "```\n" + "\n".join(lines).strip() + "\n```"


BLOCKS = {
    "all_results": all_results_block,
    "faults": faults_block,
    "model": model_block,
    "network": network_block,
    "own_hand": own_hand_block,
    "reading": reading_block,
    "real": real_block,
    "rejection": rejection_block,
    "results": results_block,
    "samples": samples_block,
    "scale": scale_block,
    "speed": speed_block,
    "summary": summary_block,
    "survived": survived_block,
    "train": train_block,
    "training": training_block,
}


def render(text):
    """Return a document's text with the blocks between its markers made anew."""
    return MARKED.sub(
        lambda match: f"<!-- {match[1]} -->\n{BLOCKS[match[1]]()}\n<!-- end -->", text
    )


@cli.report_errors
def main(argv=None):
    """Rewrite the documents and the figures; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    for path in DOCUMENTS:
        files.write_text(path, render(path.read_text(encoding="utf-8")))
    figures.comparison(FIGURES / "results.png", recorded.table_rows(all_runs()))
    return load_model.main([str(PAGE), "--save_image", str(FIGURES / "page.jpg")])


if __name__ == "__main__":
    sys.exit(main())
