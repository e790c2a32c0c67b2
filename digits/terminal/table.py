"""Tables in CSV files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from digits import UserError
from digits.terminal import files


def parsed(text: str) -> csv.DictReader:
    """Return what reads the text of a table; blanks behind commas do not count."""
    return csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)


def read(
    path: str | Path, columns: Sequence[str], largest: int
) -> list[tuple[int, dict]]:
    """Return the rows of a CSV file in UTF-8: (number of the line, {column: cell}).

    columns: those that the file must have, others stay; largest: bytes of the file.
    Raises UserError if it cannot be read, and if a column or a cell is missing.
    """
    try:
        text = files.read_bytes(path, largest).decode("utf-8-sig")
        if "\0" in text:
            raise csv.Error("no text")
        reader, rows = parsed(text), []
        if not set(columns) <= set(reader.fieldnames or ()):
            raise UserError(
                f"{path}: its first line must name the columns {','.join(columns)}, "
                "with commas between them"
            )
        for row in reader:
            if any(row.get(column) is None for column in columns):
                raise UserError(
                    f"{path}: line {reader.line_num} lacks a cell of the columns "
                    f"{', '.join(columns)}"
                )
            rows.append((reader.line_num, row))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no CSV file in UTF-8") from error
    return rows
