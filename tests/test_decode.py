import os
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from conftest import ROOT
from digits import UserError
from digits.reading import decode as module
from digits.reading.decode import LARGEST_SIDE, decode


def save(path, picture):
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".webp", ".jpg", ".ppm"])
def test_formats(tmp_path, seven, ending):
    picture, scale = decode(save(tmp_path / f"a{ending}", seven))
    assert scale == 1
    assert picture.shape == seven.shape
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - seven).mean() < 3


def test_gray_sixteen_bits_and_odd_names(tmp_path, seven):
    gray = cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257
    path = save(tmp_path / "a.png", gray).rename(tmp_path / "sieben sept é.dat")
    picture, _ = decode(path)
    assert np.abs(picture.astype(int) - seven).max() <= 1


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_ink_on_a_transparent_ground(tmp_path, ink, paper):
    picture = np.full((40, 30, 4), ink, np.uint8)
    picture[..., 3] = 0
    picture[10:30, 14:17, 3] = 255
    decoded, _ = decode(save(tmp_path / "a.png", picture))
    assert (decoded[0, 0] == paper).all()
    assert (decoded[20, 15] == ink).all()


@pytest.mark.parametrize("paper", ["white", "black"])
def test_large_transparent_pictures_keep_their_thin_strokes(tmp_path, paper):
    colour = (20, 60, 30) if paper == "white" else (230, 200, 250)
    transparent = Image.new("RGBA", (3200, 2400), (128, 128, 128, 0))
    pen = ImageDraw.Draw(transparent)
    for x in range(100, 3200, 310):
        pen.line((x, 50, x + 120, 2350), fill=(*colour, 255), width=2)
        pen.line((x + 40, 50, x + 90, 2350), fill=(*colour, 120), width=5)
    transparent.save(tmp_path / "a.png", compress_level=1)
    opaque = Image.new("RGBA", transparent.size, paper)
    opaque.alpha_composite(transparent)
    composited = np.asarray(opaque.convert("RGB"))[..., ::-1]
    expected = cv2.resize(composited, (1600, 1200), interpolation=cv2.INTER_AREA)
    picture, scale = decode(tmp_path / "a.png")
    assert scale == 2
    assert np.abs(picture.astype(int) - expected).max() <= 1
    contrast = abs(int(picture[0, 0, 1]) - picture[..., 1].astype(int)).max()
    assert contrast > 0.9 * abs(colour[1] - (255 if paper == "white" else 0))


def test_blocks_of_rows_do_not_change_a_transparent_picture(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 65536, (50, 41, 4), np.uint16)
    path = save(tmp_path / "a.png", pixels)
    expected, _ = decode(path)
    colour, alpha = pixels[..., :3] / 65535, pixels[..., 3:] / 65535
    ink = (colour * alpha).sum() / (3 * alpha.sum())
    on_paper = colour * alpha + (1 - alpha) * (ink < 0.5)
    assert np.abs(expected - 255 * on_paper).max() < 0.51
    for pixels_at_once in (1, 41 * 7, 41 * 49):
        monkeypatch.setattr(module, "BLOCK", pixels_at_once)
        np.testing.assert_array_equal(decode(path)[0], expected)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38, -7.0])
@pytest.mark.parametrize("channel", [0, 3])
def test_any_numbers_in_a_tiff_of_floats(tmp_path, odd, channel):
    pixels = np.zeros((20, 30, 4), np.float32)
    pixels[5:15, 10:13, 3] = 1
    pixels[0, :4, channel] = odd
    picture, _ = decode(save(tmp_path / "a.tif", pixels))
    assert (picture[10, 11] == 0).all()
    assert (picture[18] == 255).all()


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_a_transparent_colour(tmp_path, mode):
    ground = (9, 9, 9) if mode == "RGB" else 9  # as dark as the ink
    picture = Image.new(mode, (30, 40), ground)
    picture.paste((0, 0, 0) if mode == "RGB" else 0, (14, 10, 17, 30))
    if mode == "P":
        picture.putpalette([0, 0, 0] * 10)
    picture.save(tmp_path / "a.png", transparency=ground)
    decoded, _ = decode(tmp_path / "a.png")
    assert (decoded[0, 0] == 255).all()
    assert (decoded[20, 15] == 0).all()


def test_an_alpha_channel_with_nothing_in_it(tmp_path):
    # Four bytes a pixel, but masks for three colours only: the fourth is no alpha.
    pixels = np.full((20, 30, 4), (200, 100, 50, 0), np.uint8)
    masks = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)
    sizes = 40, 30, 20, 1, 32, 3, pixels.nbytes, 0, 0, 0, 0
    header = struct.pack("<IiiHHIIiiII", *sizes) + masks
    start = struct.pack("<2sIHHI", b"BM", 66 + pixels.nbytes, 0, 0, 66)
    (tmp_path / "a.bmp").write_bytes(start + header + pixels.tobytes())
    decoded, _ = decode(tmp_path / "a.bmp")
    np.testing.assert_array_equal(decoded, pixels[..., :3])


def test_exif_turns_the_picture():
    turned, _ = decode(ROOT / "assets" / "images" / "7b.jpg")
    content = np.fromfile(ROOT / "assets" / "images" / "7b.jpg", np.uint8)
    stored = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert stored is not None
    np.testing.assert_array_equal(turned, np.rot90(stored, -1))


@pytest.mark.parametrize("ending", [".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_transparent_picture(ending, orientation, tmp_path):
    picture = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    picture.paste((90, 0, 0, 255), (3, 2, 9, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / f"a{ending}", exif=exif, lossless=True)
    with Image.open(tmp_path / f"a{ending}") as stored:
        upright = np.array(ImageOps.exif_transpose(stored))
    expected = np.where(upright[..., 3:] > 0, (0, 0, 90), 255)
    np.testing.assert_array_equal(decode(tmp_path / f"a{ending}")[0], expected)


def test_large_pictures_are_scaled_down_with_their_thin_strokes(tmp_path):
    large = np.full((3000, 4000), 255, np.uint8)
    large[:, 2000:2003] = 0
    picture, scale = decode(save(tmp_path / "a.png", large))
    assert picture.shape == (1200, LARGEST_SIDE, 3)
    assert scale == 2.5
    assert picture.min() < 100


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "an empty file"),
        (b"just text", "not a picture"),
        (b"\xff\xd8\xff" + bytes(200), "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not a picture"),
    ],
)
def test_what_is_no_picture(tmp_path, content, reason, capfd):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=reason) as error:
        decode(path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_pictures(tmp_path, seven, ending, share, capfd):
    path = save(tmp_path / f"a{ending}", seven)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match="damaged"):
        decode(path)
    assert capfd.readouterr().err == ""


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(UserError, match="no pictures in this folder"):
        decode(tmp_path)


def test_a_folder_out_of_reach(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        decode(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(UserError, match="cannot be read: not a regular file"):
        decode(tmp_path / "x.png")


@pytest.mark.skipif(
    not os.path.exists("/dev/zero"), reason="this system has no devices"
)
def test_a_device_is_no_picture(tmp_path):
    (tmp_path / "a.png").symlink_to("/dev/zero")
    for path in ("/dev/zero", tmp_path / "a.png"):
        with pytest.raises(UserError, match="cannot be read: not a regular file"):
            decode(path)


def test_a_file_that_is_too_large(tmp_path, monkeypatch, seven):
    path = save(tmp_path / "a.bmp", seven)
    monkeypatch.setattr(module, "LARGEST_FILE", path.stat().st_size)
    decode(path)
    monkeypatch.setattr(module, "LARGEST_FILE", path.stat().st_size - 1)
    with pytest.raises(UserError, match="cannot be read: larger than"):
        decode(path)


def test_one_pixel(tmp_path):
    with pytest.raises(UserError, match="1x1 pixels are too few"):
        decode(save(tmp_path / "a.png", np.zeros((1, 1), np.uint8)))


def test_ten_thousand_pixels_square(tmp_path):
    save(tmp_path / "a.png", np.zeros((10000, 10000), np.uint8))
    # In a process of its own: OpenCV reads its limit when it is first imported.
    command = [sys.executable, "-W", "error", ROOT / "load_model.py", "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "a.png: larger than 50 megapixels; scale it down\n"
