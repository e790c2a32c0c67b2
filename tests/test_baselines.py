import json

import cv2
import numpy as np
import pytest

from baselines import compare, knn, random_forest, runner, svm
from digits import mnist
from digits.experiment import figures
from digits.reading import pipeline

SMALL = ["--dataset", "sklearn_digits", "--output_dir", "out"]
BASELINES = pytest.mark.parametrize("module", [knn, svm, random_forest])


def results_in(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@BASELINES
@pytest.mark.parametrize("flags", [[], ["--raw", "--quick"]])
def test_each_baseline_learns(module, flags, capsys, tmp_path):
    assert module.main([*SMALL, *flags]) == 0
    printed, story = capsys.readouterr()
    results = results_in(tmp_path / "out")
    assert f"{results['test_errors']} errors / 360" in printed
    assert results["test_errors"] < (72 if flags else 18)
    assert results["train_images"] == (143 if flags else 1437)
    assert f"fitting {results['train_images']} images" in story
    assert results["features_seconds"] <= results["fit_seconds"]
    assert {"predict_seconds", "megabytes"} <= results.keys()
    matrix = np.array(results["confusion_matrix"])
    assert matrix.sum() - np.trace(matrix) == results["test_errors"]
    assert (tmp_path / "out" / "confusion_matrix.png").exists()
    # The printed matrix has a row for each digit.
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 11]
    cells = [[0 if cell == "." else int(cell) for cell in row[1:]] for row in rows[1:]]
    np.testing.assert_array_equal(cells, matrix)


@pytest.mark.slow
@BASELINES
def test_a_saved_classifier_is_tested_and_reads_pictures(module, capsys, tmp_path):
    assert module.main([*SMALL, "--save_model", "m.skops"]) == 0
    saved = results_in(tmp_path / "out")
    assert module.main([*SMALL, "--load_model", "m.skops"]) == 0
    loaded = results_in(tmp_path / "out" / "loaded")
    assert loaded["wrong_indices"] == saved["wrong_indices"]
    assert loaded["read_as"] == saved["read_as"]
    dataset = mnist.load("sklearn_digits")
    cv2.imwrite("digit.png", 255 - cv2.resize(dataset.train_images[0], (84, 84)))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    capsys.readouterr()
    flags = ["--load_model", "m.skops", "--predict"]
    assert module.main([*flags, "digit.png", "bad.png", "gone.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"digit.png: {dataset.train_labels[0]} (")
    assert "bad.png: not a picture" in err and "gone.png: no such file" in err
    assert module.main([*flags, "digit.png"]) == 0


def test_each_piece_of_ink_is_a_digit(capsys, monkeypatch):
    """A baseline has no reader of pages."""
    monkeypatch.setattr(pipeline.views, "best_view", lambda *_: pytest.fail("a reader"))
    assert knn.main([*SMALL, "--quick", "--raw", "--save_model", "m.skops"]) == 0
    dataset = mnist.load("sklearn_digits")
    chosen = [int(np.flatnonzero(dataset.train_labels == n)[0]) for n in (2, 0)]
    page = np.full((120, 300), 255, np.uint8)
    for index, left in zip(chosen, (30, 180), strict=True):
        digit = cv2.resize(dataset.train_images[index], (84, 84))
        page[18:102, left : left + 84] = 255 - digit
    cv2.imwrite("page.png", page)
    capsys.readouterr()
    assert knn.main(["--load_model", "m.skops", "--predict", "page.png"]) == 0
    line = capsys.readouterr().out
    assert line.split(" (")[0].replace(" ", "") == "page.png:20"


@BASELINES
def test_a_loaded_classifier_knows_whether_it_takes_pixels(module, tmp_path):
    flags = [*SMALL, "--quick", "--raw"]
    assert module.main([*flags, "--save_model", "m.skops"]) == 0
    assert module.main([*SMALL, "--load_model", "m.skops"]) == 0
    loaded = results_in(tmp_path / "out" / "loaded")
    assert loaded["wrong_indices"] == results_in(tmp_path / "out")["wrong_indices"]
    assert loaded["arguments"]["raw"] is True


def test_the_seed_reaches_the_classifier():
    seeds = []

    def build(raw, seed):
        seeds.append(seed)
        return knn.build(raw, seed)

    args = runner.parse_args(None, "knn", [*SMALL, "--quick", "--raw", "--seed", "7"])
    assert runner.main(knn.METHOD._replace(build=build), args, []) == 0
    assert seeds == [7]


@pytest.mark.parametrize(
    ("module", "raw", "count"),
    [(svm, False, 1), (random_forest, False, 2), (random_forest, True, 1)],
)
def test_what_is_random_gets_the_seed(module, raw, count):
    parameters = module.METHOD.build(raw, 7).get_params()
    seeds = [value for name, value in parameters.items() if "__random_state" in name]
    assert seeds.count(7) == count


@pytest.mark.parametrize(
    "flags",
    [
        ["--predict", "x.png"],
        ["--dask", "tcp://localhost:1"],
        ["--load_model", "x", "--save_model", "y"],
        ["--load_model", "x", "--search"],
        ["--raw", "--search"],
        ["--search", "--save_model", "x"],
    ],
)
def test_flags_that_do_not_fit_each_other(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        knn.main(flags)
    assert stop.value.code == 2
    assert "error: --" in capsys.readouterr().err


def test_another_scripts_model(capsys):
    assert knn.main([*SMALL, "--quick", "--raw", "--save_model", "knn.skops"]) == 0
    assert svm.main(["--load_model", "knn.skops", "--predict", "x.png"]) == 1
    assert "knn.skops: made by baselines/knn.py" in capsys.readouterr().err


def test_a_model_of_other_inputs(capsys, monkeypatch):
    """As an earlier version may have made it: its features are not today's."""
    assert knn.main([*SMALL, "--quick", "--save_model", "knn.skops"]) == 0
    fewer = knn.METHOD._replace(
        extract=lambda images: knn.METHOD.extract(images)[:, 1:]
    )
    monkeypatch.setattr(knn, "METHOD", fewer)
    assert knn.main(["--load_model", "knn.skops", "--predict", "x.png"]) == 1
    assert "of an earlier baselines/knn.py; save it again" in capsys.readouterr().err


def test_nothing_is_fitted_that_cannot_be_saved(capsys):
    assert knn.main([*SMALL, "--save_model", "gone/knn.skops"]) == 1
    out, err = capsys.readouterr()
    assert "no folder gone" in err and not out and "fitting" not in err


@pytest.mark.slow
def test_compare(capsys, tmp_path, monkeypatch):
    drawn = {}

    def record(path, images, captions):
        drawn[path.name] = images, captions

    monkeypatch.setattr(figures, "images", record)
    assert compare.main([*SMALL, "--quick"]) == 0
    rows = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    errors = [row["error_percent"] for row in rows]
    assert errors == sorted(errors) and len(rows) == 3
    text = (tmp_path / "out" / "compare.txt").read_text(encoding="utf-8")
    table, _, machine = text.strip().split("\n\n")
    header, rule, *lines = table.splitlines()
    assert {len(line) for line in [header, rule, *lines]} == {len(header)}
    assert len(lines) == 3
    assert all(f"`{row['script']}`" in machine for row in rows)
    printed = capsys.readouterr().out
    assert text.strip() in printed
    assert (tmp_path / "out" / "compare.png").exists()
    runs = [results_in(tmp_path / "out" / method.name) for method in compare.METHODS]
    for method, run in zip(compare.METHODS, runs, strict=True):
        assert run["command"].endswith(f"--quick --output_dir out/{method.name}")
    wrong = [
        dict(zip(run["wrong_indices"], run["read_as"], strict=True)) for run in runs
    ]
    indices = sorted(wrong[0].keys() & wrong[1].keys() & wrong[2].keys())
    assert f"misread by all 3: {len(indices)} images: {indices}" in printed
    dataset = mnist.load("sklearn_digits")
    images, captions = drawn["all_fail.png"]
    np.testing.assert_array_equal(images, dataset.test_images[indices])
    assert captions == [
        f"{dataset.test_labels[i]} > {' '.join(str(each[i]) for each in wrong)}"
        for i in indices
    ]


def test_training_set_is_all_of_it_or_a_tenth():
    dataset = mnist.load("sklearn_digits")
    images, labels = runner.training_set(dataset, quick=False, seed=0)
    expected = [
        *zip(dataset.train_images, dataset.train_labels, strict=True),
        *zip(dataset.validation_images, dataset.validation_labels, strict=True),
    ]
    assert sorted((i.tobytes(), label) for i, label in expected) == sorted(
        (i.tobytes(), label) for i, label in zip(images, labels, strict=True)
    )
    tenth, tenth_labels = runner.training_set(dataset, quick=True, seed=0)
    np.testing.assert_array_equal(tenth, images[:143])
    np.testing.assert_array_equal(tenth_labels, labels[:143])
    different, _ = runner.training_set(dataset, quick=True, seed=1)
    assert (different != tenth).any()
