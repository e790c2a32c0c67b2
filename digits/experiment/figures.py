"""Pictures of results. matplotlib draws them, and is imported at the first one."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from digits.image import SIZE
from digits.terminal import files
from digits.terminal.lazy import LazyModule

matplotlib_figure = LazyModule("matplotlib.figure")

DPI = 110
MOST_IMAGES = 100  # drawn in one picture
COLUMNS = 10  # images side by side
CELL = 42, 34  # pixels down and across for an image with its caption


def training_curves(path: str | Path, history: list[dict[str, Any]]) -> None:
    """Draw loss and error by epoch, a line for each network, as a PNG file.

    history: rows of history.csv, with the keys network, epoch, loss, accuracy,
    validation_loss and validation_accuracy (0 to 1).
    """
    figure = _figure(9, 3.5)
    loss_axes, error_axes = figure.subplots(1, 2)
    for prefix, colour in (("", "C0"), ("validation_", "C1")):
        label = "validation" if prefix else "training"
        for number in dict.fromkeys(row["network"] for row in history):
            rows = [row for row in history if row["network"] == number]
            epochs = [row["epoch"] for row in rows]
            losses = [row[f"{prefix}loss"] for row in rows]
            errors = [100 - 100 * row[f"{prefix}accuracy"] for row in rows]
            loss_axes.plot(epochs, losses, colour, linewidth=1)
            error_axes.plot(epochs, errors, colour, linewidth=1, label=label)
            label = None  # one entry in the legend for all networks
    loss_axes.set(title="Loss", xlabel="epoch")
    loss_axes.set_yscale("log", subs=[2, 5])
    error_axes.set(title="Error (%)", xlabel="epoch")
    error_axes.set_yscale("symlog", linthresh=0.1, subs=[2, 5])  # an error may be 0
    error_axes.legend()
    for axis in loss_axes.yaxis, error_axes.yaxis:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    _save(figure, path)


def confusion_matrix(path: str | Path, matrix: np.ndarray) -> None:
    """Draw a confusion matrix (10, 10) of counts as a PNG file; errors are coloured."""
    figure = _figure(6, 5.4)
    axes = figure.subplots()
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    axes.imshow(errors, cmap="Reds", vmax=max(1, errors.max()) * 1.3)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            axes.text(column, row, count, ha="center", va="center", fontsize=8)
    digits = range(len(matrix))
    axes.set(xlabel="read as", ylabel="true digit", xticks=digits, yticks=digits)
    _save(figure, path)


def images(path: str | Path, images: np.ndarray, captions: list[str]) -> None:
    """Draw the first MOST_IMAGES of images under their captions, as a PNG file.

    images: (N, 28, 28) uint8; captions: N texts.
    """
    count = min(len(images), MOST_IMAGES)
    rows = max(1, -(-count // COLUMNS))
    sheet = np.zeros((rows * CELL[0], COLUMNS * CELL[1]), np.uint8)
    figure = _figure(0.8 * COLUMNS, 1.0 * rows)
    axes = figure.subplots()
    axes.axis("off")
    for index in range(count):
        row, column = divmod(index, COLUMNS)
        top, left = row * CELL[0] + 13, column * CELL[1] + 3
        sheet[top : top + SIZE, left : left + SIZE] = images[index]
        place = left + SIZE // 2, top - 4
        axes.text(*place, captions[index], ha="center", va="center", fontsize=9)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    _save(figure, path)


def comparison(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Draw each method's error, fit time and prediction time as a PNG file.

    rows: as recorded.table_rows returns them. The axes of time are logarithmic.
    """
    figure = _figure(10, 0.5 * len(rows) + 1)
    panels = figure.subplots(1, 3, sharey=True)
    names = [row["script"] for row in rows]
    columns = {
        "test error (%)": ("error_percent", "{:.2f} %"),
        "fit (s)": ("fit_seconds", "{:.0f} s"),
        "reading a digit (µs)": ("microseconds", "{:.0f} µs"),
    }
    for axes, (label, (key, text)) in zip(panels, columns.items(), strict=True):
        values = [row[key] for row in rows]
        is_error = key == "error_percent"
        deviations = [row["deviation"] for row in rows] if is_error else None
        bars = axes.barh(names, values, xerr=deviations)
        axes.bar_label(bars, [f" {text.format(value)}" for value in values], padding=3)
        # The bars' labels need room on the right.
        high = 1.4 * max(values) if is_error else max(values) ** 1.7 + 1
        axes.set(xlabel=label, xlim=(0, high + 1e-9))
        if not is_error:
            axes.set_xscale("symlog")
    panels[0].invert_yaxis()
    _save(figure, path)


def _figure(width, height):
    """Return an empty matplotlib Figure of the given inches; it needs no screen."""
    return matplotlib_figure.Figure(
        figsize=(width, height), dpi=DPI, layout="constrained"
    )


def _save(figure, path):
    content = io.BytesIO()
    figure.savefig(content, format="png")
    files.write_bytes(path, content.getvalue())
