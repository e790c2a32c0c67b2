"""Pictures of results, drawn by matplotlib: it is imported only when one is drawn."""

import io

import numpy as np

from digits import files
from digits.lazy import LazyModule

matplotlib_figure = LazyModule("matplotlib.figure")

DPI = 110
MOST_MISREAD = 100  # digits drawn on one picture


def _figure(width, height):
    """Return an empty matplotlib Figure of the given inches; it needs no screen."""
    return matplotlib_figure.Figure(
        figsize=(width, height), dpi=DPI, layout="constrained"
    )


def _save(figure, path):
    content = io.BytesIO()
    figure.savefig(content, format="png")
    files.write_bytes(path, content.getvalue())


def training_curves(path, history):
    """Draw loss and error of each epoch; `history` is a list of dicts, the csv's rows.

    Its keys: epoch, loss, accuracy, validation_loss, validation_accuracy (0 to 1).
    """
    figure = _figure(9, 3.5)
    epochs = [row["epoch"] for row in history]
    loss_axes, error_axes = figure.subplots(1, 2)
    for prefix, label in (("", "training (augmented)"), ("validation_", "validation")):
        loss_axes.plot(epochs, [row[f"{prefix}loss"] for row in history], label=label)
        errors = [100 - 100 * row[f"{prefix}accuracy"] for row in history]
        error_axes.plot(epochs, errors, label=label)
    loss_axes.set(title="Loss", xlabel="epoch", yscale="log")
    error_axes.set(title="Error (%)", xlabel="epoch", yscale="symlog")
    error_axes.legend()
    _save(figure, path)


def confusion_matrix(path, matrix):
    """Draw (10, 10) counts; errors are coloured, the diagonal is not."""
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


def misread_digits(path, images, labels, predictions):
    """Draw digits (N, 28, 28) that were misread, each under `true > read`."""
    count = min(len(images), MOST_MISREAD)
    columns, cell = 10, (42, 34)  # pixels down and across, the label above included
    rows = max(1, -(-count // columns))
    sheet = np.zeros((rows * cell[0], columns * cell[1]), np.uint8)
    figure = _figure(0.8 * columns, 1.0 * rows)
    axes = figure.subplots()
    axes.axis("off")
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = row * cell[0] + 13, column * cell[1] + 3
        sheet[top : top + 28, left : left + 28] = images[index]
        text = f"{labels[index]} > {predictions[index]}"
        axes.text(left + 14, top - 4, text, ha="center", va="center", fontsize=9)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    _save(figure, path)


def error_bars(path, rows):
    """Draw the error of each method; rows as recorded.table_rows returns them."""
    figure = _figure(7, 0.5 * len(rows) + 1)
    axes = figure.subplots()
    names = [row["script"] for row in rows]
    errors = [row["error_percent"] for row in rows]
    bars = axes.barh(names, errors, xerr=[row["deviation"] for row in rows])
    axes.bar_label(bars, [f" {error:.2f} %" for error in errors], padding=3)
    axes.set(xlabel="test error (%)", xlim=(0, 1.2 * max(errors) + 1e-9))
    axes.invert_yaxis()
    _save(figure, path)
