"""Write the README's tables from what was measured.

    python3 benchmarks/readme.py

Fills what stands between the README's markers from assets/results/, from the network
that is shipped and from what it reads in assets/images/; redraws assets/figures/. A
test holds the README to it.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import CNN_MNIST
import load_model
from benchmarks import real_pictures
from digits import cli, figures, files, network, reading, recorded

README = ROOT / "README.md"
FIGURES = ROOT / "assets" / "figures"
REAL_PICTURES = "python3 benchmarks/real_pictures.py FOLDER --record"
PAGE = ROOT / "assets" / "images" / "page.jpg"


def all_runs():
    """Return {name: [summary]} of all that is recorded in assets/results/."""
    return {name: recorded.read_runs(name) for name in recorded.SCRIPTS}


def results_block():
    """Return the table of results, with the hardware that each was measured on."""
    runs = all_runs()
    table = recorded.table_text(recorded.table_rows(runs))
    return f"{table}\n\n{recorded.hardware_text(runs)}"


def speed_block():
    """Return sentences on how fast pictures are read."""
    measured = recorded.read("predict", "python3 benchmarks/predict.py")
    cold, photograph = measured["cold_start"], measured["photograph"]
    seconds, small = cold["median_seconds"], measured["small_pictures"]
    many = measured["many_pictures"]
    return (
        f"A cold `load_model.py IMAGE` answers after {seconds['load_model']:.2f} s: "
        f"{cold['ratio']:.2f} times what `import numpy, cv2, h5py` takes alone "
        f"(medians of {cold['repeats']}, in turn). A photograph of "
        f"{photograph['megapixels']} megapixels takes {photograph['seconds']:.2f} s "
        f"after that, of which decoding takes {photograph['seconds_of_decoding']:.2f} "
        "s. A "
        f"folder of {small['pictures']} PNGs of 28x28 pixels is read at "
        f"{small['pictures_a_second']} pictures a second, one of "
        f"{many['pictures']} in {many['peak_megabytes']} MB of memory. "
        f"(On {measured['hardware']}.)"
    )


def training_block():
    """Return sentences on how fast networks are trained."""
    measured = recorded.read("train", "python3 benchmarks/train.py")
    step, quick = measured["step"], measured["quick_model"]
    example = measured["keras_example"]
    ratio = quick["seconds"] / example["seconds_to_target"]
    return (
        f"The steps of `tf_cnn.py`, all included, run at {step['training_gflops']} "
        f"GFLOP/s: {100 * step['share']:.0f} % of a {step['matrix_side']}x"
        f"{step['matrix_side']} float32 matrix product's in the same run. "
        "`CNN_MNIST.py --target_accuracy 99` reads 99 % of the validation images after "
        f"{quick['seconds']:.1f} s of training, {ratio:.2f} times the "
        f"{example['seconds_to_target']:.0f} s that [Keras's example]"
        f"(https://keras.io/examples/vision/mnist_convnet/) takes, and reads "
        f"{quick['test']} of the test images. (On {measured['hardware']}.)"
    )


def rejection_block():
    """Return a table of how well digits are told from what is none."""
    measured = network.read(network.SHIPPED)[1]["rejection"]
    rows = [
        ["digits read right", f"{100 * measured['accuracy_of_digits']:.1f} %"],
        ["junk called no digit", f"{100 * measured['accuracy_of_junk']:.1f} %"],
        ["area under the ROC curve", f"{measured['area_under_roc']:.3f}"],
        [
            "expected calibration error",
            f"{100 * measured['expected_calibration_error']:.1f} %",
        ],
    ]
    total = f"of {measured['digits']} digits, {measured['junk']} pieces of junk"
    return recorded.markdown_table([total, ""], rows)


def real_block():
    """Return the table of the real pictures, and the errors on pages."""
    measured = recorded.read("real_pictures", REAL_PICTURES)
    table = real_pictures.table(measured["outcomes"], measured["outcomes_simply"])
    wrong, total = measured["wrong_digits"], measured["digits_of_several"]
    return (
        f"{table}\n\nOn pages, {wrong} of {total} digits were read wrong, left out or "
        f"made up ({100 * wrong / total:.1f} %)."
    )


def model_block():
    """Return a sentence on the network that is shipped."""
    attributes = network.read(network.SHIPPED)[1]
    path = network.SHIPPED.relative_to(ROOT)
    outcomes = recorded.read("real_pictures", REAL_PICTURES)["mnist_test_images"]
    return (
        f"`{path}` was made by `{attributes['command']}`. Asked only which digit each "
        f"of the MNIST test images shows, it is right for {attributes['test']}. "
        f"`load_model.py`, which may also see no digit or several, reads "
        f"{outcomes['right']} of them right and {outcomes['wrong digit']} as another "
        f"digit; in {outcomes['no digit']} it sees none, in {outcomes['wrong count']} "
        f"several."
    )


def reading_block():
    """Return a call of load_model.py on the page, with what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        load_model.main([str(PAGE)])
    line = printed.getvalue().replace(f"{ROOT}{os.sep}", "")
    return f"```\n$ python3 load_model.py {PAGE.relative_to(ROOT)}\n{line}```"


def samples_block():
    """Return a table of the sample pictures and what is read in them."""
    paths = sorted((ROOT / "assets" / "images").iterdir())
    classifier = network.load(network.SHIPPED)
    rows = []
    for result in reading.read_pictures(paths, classifier, reading.THRESHOLD):
        path = Path(result.file).relative_to(ROOT)
        picture = f'<img src="{path}" height="64">'
        rows.append([picture, f"`{path.name}`", " ".join(result.rows)])
    return recorded.markdown_table(["picture", "file", "read as"], rows)


def summary_block():
    """Return Keras's summary of the network."""
    lines = []
    CNN_MNIST.keras.utils.clear_session()  # layers are numbered from the start
    args = CNN_MNIST.parse_args([])
    shape = args.filters, args.dense_layers, args.activation
    model = CNN_MNIST.build_network(*shape)
    model.summary(line_length=78, print_fn=lines.append)
    return "```\n" + "\n".join(lines).strip() + "\n```"


def render(text):
    """Return the README's text with every block between its markers made anew."""
    blocks = {
        "reading": reading_block,
        "results": results_block,
        "speed": speed_block,
        "model": model_block,
        "samples": samples_block,
        "real": real_block,
        "rejection": rejection_block,
        "summary": summary_block,
        "training": training_block,
    }
    for name, block in blocks.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        content = block()
        text, count = re.subn(
            pattern,
            lambda m, c=content: f"{m[1]}{c}\n{m[2]}",
            text,
            count=1,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"README.md lacks the markers of {name}")
    return text


@cli.report_errors
def main(argv=None):
    """Rewrite the README and the figures; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    files.write_text(README, render(README.read_text()))
    figures.comparison(FIGURES / "results.png", recorded.table_rows(all_runs()))
    return load_model.main([str(PAGE), "--save_image", str(FIGURES / "page.jpg")])


if __name__ == "__main__":
    sys.exit(main())
