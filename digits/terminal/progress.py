"""A progress bar on stderr; it needs the standard library only."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

WIDTH = 28  # characters of the bar itself
REDRAW_SECONDS = 0.1
LOG_STEP = 0.25  # share of the work between two lines of a log


class Progress:
    """Shows how much of the work is done and the time left; a context manager.

    On a terminal one line is redrawn; elsewhere, as in a log file, a line is written
    after every quarter of the work. While `total` is 0, nothing is shown. pooch needs
    `total`, `update`, `reset` and `close`.
    """

    def __init__(self, label: str, total: float = 0, stream: TextIO | None = None):
        self.label, self.total = label, total
        self.stream = stream or sys.stderr
        self.done: float = 0
        self.note = ""
        self.start = time.monotonic()
        self._drawn_at, self._drawn_share = 0.0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear() if kind else self.close()

    def update(self, amount: float = 1, note: str = "") -> None:
        """Count `amount` more as done; a `note` is shown behind the bar from now on."""
        self.done = min(self.done + amount, self.total)
        self.note = note or self.note
        if not self.total:
            return
        if self.stream.isatty():
            if time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
                self._draw("\r", "\033[K")
        elif self._share() - self._drawn_share >= LOG_STEP:
            self._draw("", "\n")

    def reset(self) -> None:
        """Count from 0; pooch calls this before it reports the whole as done."""
        self.done = 0

    def clear(self) -> None:
        """Erase the bar, so that other text can be written."""
        if self.total and self.stream.isatty():
            self.stream.write("\r\033[K")
            self.stream.flush()

    def close(self) -> None:
        """Draw the bar a last time and end its line."""
        if self.total and self.stream.isatty():
            self._draw("\r", "\033[K\n")
        elif self.total and self._share() > self._drawn_share:
            self._draw("", "\n")
        self.total = 0

    def _share(self):
        return self.done / self.total if self.total else 0.0

    def _draw(self, before, after):
        share = self._share()
        filled = round(share * WIDTH)
        bar = "#" * filled + "." * (WIDTH - filled)
        elapsed = time.monotonic() - self.start
        seconds = elapsed if share >= 1 else elapsed * (1 - share) / max(share, 1e-9)
        when = f"{seconds:.0f} s" + (" left" if share < 1 else "")
        text = f"{self.label} [{bar}] {share:4.0%} {when} {self.note}".rstrip()
        self.stream.write(before + text + after)
        self.stream.flush()
        self._drawn_at, self._drawn_share = time.monotonic(), share
