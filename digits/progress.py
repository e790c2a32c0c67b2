"""A progress bar on stderr that needs the standard library alone."""

import sys
import threading
import time

WIDTH = 28  # characters of the bar itself
REDRAW_SECONDS = 0.1
LOG_STEP = 0.25  # share of the work between two lines where stderr is no terminal


class Progress:
    """How far a long piece of work is, and the time left; a context manager.

    On a terminal one line is redrawn; in a log a line is written every quarter of
    the work. As long as `total` is 0, nothing is shown. `total`, `update`, `reset` and
    `close` are what pooch asks of a progress bar.
    """

    def __init__(self, label, total=0, stream=None):
        self.label, self.total = label, total
        self.stream = stream or sys.stderr
        self.done, self.note = 0, ""
        self.start = time.monotonic()
        self._drawn_at, self._drawn_share = 0.0, 0.0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.clear() if kind else self.close()

    def update(self, amount=1, note=""):
        """Count `amount` more as done and show `note` (a short text) behind the bar."""
        self.done = min(self.done + amount, self.total)
        self.note = note or self.note
        if not self.total:
            return
        if self.stream.isatty():
            if time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
                self._draw("\r", "\033[K")
        elif self._share() - self._drawn_share >= LOG_STEP:
            self._draw("", "\n")

    def reset(self):
        """Start counting again (pooch does so before it reports the whole)."""
        self.done = 0

    def clear(self):
        """Empty the line, so that other text can be written."""
        if self.total and self.stream.isatty():
            self.stream.write("\r\033[K")
            self.stream.flush()

    def close(self):
        """Show the last state, once, and leave the line."""
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


class Foretold(Progress):
    """The progress of work that cannot be asked how far it is, by the time it takes.

    seconds: how long it is thought to take; of 0, nothing is shown. It stays below
    100 % until the work is done.
    """

    def __init__(self, label, seconds, stream=None):
        super().__init__(label, total=seconds, stream=stream)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, traceback):
        self._ended.set()
        self._thread.join()
        self.done = self.total
        super().__exit__(kind, error, traceback)

    def _run(self):
        while not self._ended.wait(REDRAW_SECONDS):
            elapsed = time.monotonic() - self.start
            self.update(min(elapsed, 0.99 * self.total) - self.done)
