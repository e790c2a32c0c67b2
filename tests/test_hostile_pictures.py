"""Hostile pictures: one line each, no traceback, no warning, bounded memory."""

import io
import os
import subprocess
import sys

import cv2
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from PIL import Image

import load_model
from conftest import ROOT
from digits.model.reader import OUTPUTS, STRIDE, bordered
from digits.reading import tiff

LARGEST_MEMORY = 1 << 20  # kilobytes
MOST_SECONDS = 10  # of the processor: on two idle cores, 5 by the clock
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")


def encoded(picture, kind, **options):
    """Return the bytes of a PIL picture in a format."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(mode="RGB", size=(60, 80)):
    """Return a PIL picture of a 7, in one of PIL's modes."""
    ink = np.full(size[::-1], 255, np.uint8)
    points = np.array([(10, 12), (45, 12), (25, 70)])
    cv2.polylines(ink, [points], False, 20, 5, cv2.LINE_AA)
    return Image.fromarray(ink).convert(mode)


def read(path, capsys):
    """Return (status, stdout, stderr) of load_model.py on one file."""
    status = load_model.main([str(path)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def assert_one_line(path, capsys):
    """Assert that a file gives one line, or each page of a TIFF file one."""
    status, out, err = read(path, capsys)
    lines = [*out.splitlines(), *err.splitlines()]
    if len(lines) == 1:
        assert lines[0].startswith(f"{path}: ")
    else:
        names = sorted(line.partition(": ")[0] for line in lines)
        pages = range(1, len(lines) + 1)
        assert names == sorted(f"{path}[{page}]" for page in pages)
        assert tiff.is_tiff(path.read_bytes())
    assert status == (1 if err else 0)


SETTINGS = hypothesis.settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
@SETTINGS
@hypothesis.given(data=strategies.data())
def test_mutated_and_truncated_files(kind, data, tmp_path, capsys):
    content = bytearray(encoded(drawn(), kind))
    places = strategies.integers(0, len(content) - 1)
    values = strategies.integers(0, 255)
    for place, value in data.draw(
        strategies.lists(strategies.tuples(places, values), max_size=8)
    ):
        content[place] = value
    path = tmp_path / "hostile.png"
    path.write_bytes(content[: data.draw(strategies.integers(1, len(content)))])
    assert_one_line(path, capsys)


@pytest.mark.slow
@SETTINGS
@hypothesis.given(data=strategies.data())
def test_drawn_bars(data, tmp_path, capsys):
    places = strategies.integers(2, 50)
    sides = strategies.integers(1, 8) | strategies.integers(9, 48)
    picture = np.full((100, 100), 255, np.uint8)
    for x, y, width, height in data.draw(
        strategies.lists(strategies.tuples(places, places, sides, sides), max_size=4)
    ):
        picture[y : y + height, x : x + width] = data.draw(strategies.integers(0, 200))
    path = tmp_path / "bars.png"
    cv2.imwrite(str(path), picture)
    assert_one_line(path, capsys)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "1", {}),
        ("PNG", "L", {}),
        ("PNG", "LA", {}),
        ("PNG", "P", {}),
        ("PNG", "P", {"transparency": 0}),
        ("PNG", "RGBA", {}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "I;16", {}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {"save_all": True, "append_images": [drawn("P")] * 3}),
        ("PNG", "RGB", {"save_all": True, "append_images": [drawn()] * 3}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [drawn()] * 3}),
    ],
)
def test_kinds_of_pixels(kind, mode, options, tmp_path, capsys):
    path = tmp_path / "picture.dat"
    path.write_bytes(encoded(drawn(mode), kind, **options))
    assert_one_line(path, capsys)


def test_sixteen_bits_are_read(tmp_path, capsys):
    gray = np.asarray(drawn("L")).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), gray)
    assert read(tmp_path / "deep.png", capsys)[1].startswith(
        f"{tmp_path / 'deep.png'}: 7"
    )


def noise(height, width, high=256):
    return np.random.default_rng(0).integers(0, high, (height, width, 3), np.uint8)


def waves(side):
    """Return wavy slanted stripes: each region's box is as large as the picture."""
    rows, columns = np.indices((side, side))
    heights = rows + 0.5 * columns + 40 * np.sin(columns / 60)
    return np.uint8((heights // 20 % 4 > 0) * 255)


HARD = {
    "noise": lambda: noise(1600, 1600),
    "faint noise": lambda: 128 + noise(1600, 1600, 8),
    "coarse noise": lambda: cv2.resize(noise(200, 200), (1600, 1600)),
    "all ink": lambda: np.zeros((1600, 1600, 3), np.uint8),
    "all paper": lambda: np.full((1600, 1600, 3), 255, np.uint8),
    "chess": lambda: np.uint8(np.indices((1600, 1600)).sum(0) // 9 % 2 * 255),
    "stripes": lambda: np.uint8(np.indices((1600, 1600))[0] // 6 % 2 * 255),
    "waves": lambda: waves(1600),
    "dots": lambda: np.uint8((np.indices((1600, 1600)) % 16 > 12).all(0) * 255),
    "wide": lambda: np.full((8, 60000), 200, np.uint8),
    "high": lambda: np.full((60000, 8), 200, np.uint8),
    "large": lambda: np.full((7000, 7000), 255, np.uint8),
}


# A small process starts load_model.py: pytest's own memory would count as well.
WATCHER = """
import resource, subprocess, sys
status = subprocess.call([sys.executable, "-W", "error", *sys.argv[1:]])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(status, usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only"
)
@pytest.mark.parametrize("name", HARD)
def test_hard_pictures_in_bounded_memory(name, tmp_path):
    path = tmp_path / f"{name}.png"
    cv2.imwrite(str(path), HARD[name]())
    done = subprocess.run(
        [sys.executable, "-c", WATCHER, ROOT / "load_model.py", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    line, watched = done.stdout.splitlines()
    assert line.startswith(f"{path}: ")
    status, memory, seconds = map(float, watched.split())
    assert status in (0, 1)
    assert memory < LARGEST_MEMORY
    assert seconds < MOST_SECONDS


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes nor devices")
def test_pipes_and_devices(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero", os.devnull):
        assert_one_line(path, capsys)


@pytest.mark.parametrize("side", [(1, 1), (1, 5000), (7, 7), (8, 8), (9, 3000)])
def test_odd_sizes(side, tmp_path, capsys):
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), np.full(side, 90, np.uint8))
    assert_one_line(path, capsys)


@pytest.mark.parametrize("size", [1, 5, 100, 1e4])
@pytest.mark.parametrize("flag", ["--signs", "--single"])
def test_a_reader_that_answers_anything(size, flag, capsys, monkeypatch):
    """As one that was hardly trained: marks of no size, anywhere, by the dozen."""
    random = np.random.default_rng(0)

    class Reader:
        def answers(self, picture):
            cells = np.array(bordered(picture).shape) // STRIDE
            return random.normal(0, size, (*cells, OUTPUTS)).astype(np.float32)

    load_networks = load_model.pipeline.load_networks
    networks = load_networks(load_model.model_file.SHIPPED)._replace(reader=Reader())
    monkeypatch.setattr(load_model.pipeline, "load_networks", lambda _: networks)
    for index in range(4):
        name = f"{index}.png"
        picture = np.full((64, 96), 235, np.uint8)
        picture[20:40, 20:30] = picture[20:40, 60:80] = 40
        cv2.imwrite(name, picture)
        flags = [flag, "--threshold", "0.2", "--save_image", "drawn.png"]
        assert load_model.main([name, *flags]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(f"{name}: ") and out.count("\n") == 1 and not err
