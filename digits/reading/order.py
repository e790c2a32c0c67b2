"""Digits in reading order."""

from collections.abc import Sequence

from digits.reading.segment import Box


def reading_order(boxes: Sequence[Box]) -> list[list[int]]:
    """Return rows of indices: rows from top to bottom, left to right within each.

    boxes: (x, y, width, height) each. A box belongs to a row if its middle lies within
    the height of the row's last digit, so that a row may slope.
    """
    rows = []
    for index in sorted(range(len(boxes)), key=lambda i: boxes[i][0]):
        middle = _middle(boxes[index])
        for row in rows:
            _, last_y, _, last_height = boxes[row[-1]]
            if last_y <= middle <= last_y + last_height:
                row.append(index)
                break
        else:
            rows.append([index])
    return sorted(rows, key=lambda row: sum(_middle(boxes[i]) for i in row) / len(row))


def _middle(box):
    return box[1] + box[3] / 2
