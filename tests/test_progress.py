import io
import time

from digits.progress import Foretold, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_now_and_then():
    stream = io.StringIO()
    bar = Progress("Reading", 1000, stream)
    for _ in range(1000):
        bar.update(note="loss 0.1")
    bar.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
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


def test_unknown_total():
    stream = io.StringIO()
    bar = Progress("Downloading", 0, stream)
    bar.update(10)
    bar.reset()
    bar.close()
    assert stream.getvalue() == ""


def test_other_text_gets_an_empty_line():
    stream = Terminal()
    with Progress("Reading", 2, stream) as bar:
        bar.update()
        bar.clear()
        assert stream.getvalue().endswith("\r\033[K")
    assert stream.getvalue().count("\n") == 1


def test_what_takes_longer_than_foretold_stays_below_the_whole():
    stream = io.StringIO()
    with Foretold("Fitting", 0.2, stream):
        time.sleep(0.5)
        assert "99%" in stream.getvalue() and "100%" not in stream.getvalue()
    assert stream.getvalue().splitlines()[-1].startswith("Fitting [####")
    assert "100%" in stream.getvalue()


def test_what_is_not_foretold_shows_nothing():
    stream = io.StringIO()
    with Foretold("Fitting", 0, stream):
        time.sleep(0.2)
    assert not stream.getvalue()
