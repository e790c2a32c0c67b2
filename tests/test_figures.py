import cv2
import numpy as np
import pytest

from digits.experiment import figures


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the matplotlib Figures that are saved."""
    saved = []
    save = figures._save

    def record(figure, path):
        saved.append(figure)
        save(figure, path)

    monkeypatch.setattr(figures, "_save", record)
    return saved


def history_row(network, epoch, value):
    return {
        "network": network,
        "epoch": epoch,
        "loss": value,
        "accuracy": 1 - value / 10,
        "validation_loss": 2 * value,
        "validation_accuracy": 1 - value / 5,
        "seconds": 1.0,
    }


def test_training_curves(drawn, tmp_path):
    rows = [history_row(1, 1, 0.5), history_row(1, 2, 0.25), history_row(2, 1, 0.4)]
    figures.training_curves(tmp_path / "curves.png", rows)
    assert cv2.imread(str(tmp_path / "curves.png")).shape[1] == 9 * 110
    loss, error = drawn[0].axes
    points = [line.get_xydata().tolist() for line in loss.lines]
    assert points == [
        [[1, 0.5], [2, 0.25]],
        [[1, 0.4]],
        [[1, 1.0], [2, 0.5]],
        [[1, 0.8]],
    ]
    percent = [line.get_ydata() for line in error.lines]
    np.testing.assert_allclose(percent[0], [5, 2.5])
    np.testing.assert_allclose(percent[2], [10, 5])
    assert loss.get_yscale() == "log" and error.get_yscale() == "symlog"
    labels = [text.get_text() for text in error.get_legend().get_texts()]
    assert labels == ["training", "validation"]
    colours = [line.get_color() for line in loss.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]


def test_an_error_of_zero_can_be_drawn(drawn, tmp_path):
    rows = [history_row(1, 1, 0.1), history_row(1, 2, 0.1) | {"accuracy": 1}]
    figures.training_curves(tmp_path / "curves.png", rows)
    low, _ = drawn[0].axes[1].get_ylim()
    assert low < 0


def test_confusion_matrix(drawn, tmp_path):
    matrix = np.diag(np.arange(900, 910))
    matrix[4, 9], matrix[7, 2] = 12, 3
    figures.confusion_matrix(tmp_path / "matrix.png", matrix)
    (axes,) = drawn[0].axes
    colours = np.array(axes.images[0].get_array())
    assert colours[4, 9] == 12 and colours[7, 2] == 3 and colours.sum() == 15
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[9, 4] == "12" and texts[2, 7] == "3" and texts[0, 0] == "900"
    assert len(texts) == 12  # none for a zero
    assert axes.get_ylabel() == "true digit" and axes.get_xlabel() == "read as"


def test_a_perfect_confusion_matrix_can_be_drawn(tmp_path):
    figures.confusion_matrix(tmp_path / "matrix.png", np.diag([5] * 10))
    assert cv2.imread(str(tmp_path / "matrix.png")) is not None


def test_images_lie_under_their_captions(drawn, tmp_path):
    images = np.random.default_rng(0).integers(1, 256, (12, 28, 28)).astype(np.uint8)
    captions = [f"{index} > x" for index in range(12)]
    figures.images(tmp_path / "images.png", images, captions)
    (axes,) = drawn[0].axes
    sheet = np.array(axes.images[0].get_array())
    assert sheet.shape == (2 * 42, 10 * 34)
    assert [text.get_text() for text in axes.texts] == captions
    for text, image in zip(axes.texts, images, strict=True):
        x, y = text.get_position()
        np.testing.assert_array_equal(sheet[y + 4 : y + 32, x - 14 : x + 14], image)
    assert np.count_nonzero(sheet) == 12 * 28 * 28


@pytest.mark.parametrize(("count", "rows", "shown"), [(0, 1, 0), (130, 10, 100)])
def test_no_image_and_too_many(drawn, tmp_path, count, rows, shown):
    images = np.full((count, 28, 28), 255, np.uint8)
    figures.images(tmp_path / "images.png", images, ["x"] * count)
    (axes,) = drawn[0].axes
    assert axes.images[0].get_array().shape == (rows * 42, 340)
    assert len(axes.texts) == shown


def comparison_row(script, error, seconds, microseconds):
    return {
        "script": script,
        "error_percent": error,
        "deviation": 0.02,
        "fit_seconds": seconds,
        "microseconds": microseconds,
    }


def test_comparison(drawn, tmp_path):
    rows = [comparison_row("a.py", 0.25, 300, 80), comparison_row("b.py", 2, 0.4, 9)]
    figures.comparison(tmp_path / "results.png", rows)
    panels = drawn[0].axes
    widths = [[bar.get_width() for bar in axes.patches] for axes in panels]
    assert widths == [[0.25, 2], [300, 0.4], [80, 9]]
    texts = [[text.get_text().strip() for text in axes.texts] for axes in panels]
    assert texts == [["0.25 %", "2.00 %"], ["300 s", "0 s"], ["80 µs", "9 µs"]]
    assert [axes.get_xscale() for axes in panels] == ["linear", "symlog", "symlog"]
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    assert names == ["a.py", "b.py"]
    assert panels[0].yaxis_inverted()  # the best method is on top
    for axes, values in zip(panels, widths, strict=True):
        assert axes.get_xlim()[1] > max(values)
