"""Pictures of results, drawn by matplotlib: it is imported only when one is drawn."""

import io

import numpy as np

from digits import files
from digits.lazy import LazyModule

matplotlib_figure = LazyModule("matplotlib.figure")

DPI = 110
MOST_IMAGES = 100  # drawn on one picture


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
    """Draw loss and error by epoch; `history` is a list of dicts, the csv's rows.

    Its keys: network, epoch, loss, accuracy, validation_loss, validation_accuracy (0 to
    1). Each network has its own lines.
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
            label = None  # a line in the legend is enough
    loss_axes.set(title="Loss", xlabel="epoch")
    loss_axes.set_yscale("log", subs=[2, 5])
    error_axes.set(title="Error (%)", xlabel="epoch")
    error_axes.set_yscale("symlog", linthresh=0.1, subs=[2, 5])  # it may be 0
    error_axes.legend()
    for axis in loss_axes.yaxis, error_axes.yaxis:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
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


def images(path, images, captions):
    """Draw images (N, 28, 28), the first MOST_IMAGES of them, each under its caption.

    captions: N texts.
    """
    count = min(len(images), MOST_IMAGES)
    columns, cell = 10, (42, 34)  # pixels down and across, the caption included
    rows = max(1, -(-count // columns))
    sheet = np.zeros((rows * cell[0], columns * cell[1]), np.uint8)
    figure = _figure(0.8 * columns, 1.0 * rows)
    axes = figure.subplots()
    axes.axis("off")
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = row * cell[0] + 13, column * cell[1] + 3
        sheet[top : top + 28, left : left + 28] = images[index]
        place = left + 14, top - 4
        axes.text(*place, captions[index], ha="center", va="center", fontsize=9)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    _save(figure, path)


def comparison(path, rows):
    """Draw each method's error, time to learn and time to read; logarithmic times.

    rows: as recorded.table_rows returns them.
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
        spread = [row["deviation"] for row in rows] if is_error else None
        bars = axes.barh(names, values, xerr=spread)
        axes.bar_label(bars, [f" {text.format(value)}" for value in values], padding=3)
        # Room for the labels.
        high = 1.4 * max(values) if is_error else max(values) ** 1.7 + 1
        axes.set(xlabel=label, xlim=(0, high + 1e-9))
        if not is_error:
            axes.set_xscale("symlog")
    panels[0].invert_yaxis()
    _save(figure, path)
