import io

import pytest

from digits.terminal.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_every_quarter():
    stream = io.StringIO()
    bar = Progress("Reading", 1000, stream)
    for _ in range(1000):
        bar.update(note="loss 0.1")
    bar.close()
    lines = stream.getvalue().splitlines()
    assert [line.split("] ")[1][:4] for line in lines] == [
        " 25%",
        " 50%",
        " 75%",
        "100%",
    ]
    assert lines[0].startswith("Reading [#######.....................]  25%")
    assert lines[-1].startswith("Reading [############################] 100% 0 s")
    assert lines[-1].endswith("loss 0.1")


def test_a_terminal_gets_one_line():
    stream = Terminal()
    bar = Progress("Reading", 2, stream)
    bar.update()
    bar.update()
    bar.close()
    assert stream.getvalue().count("\n") == 1
    assert "100%" in stream.getvalue()


def test_time_left(monkeypatch):
    now = iter([100.0, 101.0, 110.0, 110.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = Terminal()
    bar = Progress("Reading", 4, stream)
    bar.update()
    assert " 25% 30 s left" in stream.getvalue()


def test_unknown_total():
    stream = io.StringIO()
    bar = Progress("Downloading", 0, stream)
    bar.update(10)
    bar.reset()
    bar.close()
    assert stream.getvalue() == ""


def test_reset_counts_from_0():
    stream = Terminal()
    bar = Progress("Downloading", 0, stream)
    bar.total = 100  # as pooch sets it
    bar.update(60)
    bar.reset()
    bar.update(50)
    bar.close()
    assert " 50%" in stream.getvalue().splitlines()[-1]


def test_an_error_leaves_an_empty_line():
    stream = Terminal()
    with pytest.raises(KeyError), Progress("Reading", 2, stream) as bar:
        bar.update()
        raise KeyError
    assert stream.getvalue().endswith("\r\033[K")
    assert "\n" not in stream.getvalue()


def test_clear_empties_the_line():
    stream = Terminal()
    with Progress("Reading", 2, stream) as bar:
        bar.update()
        bar.clear()
        assert stream.getvalue().endswith("\r\033[K")
    assert stream.getvalue().count("\n") == 1
