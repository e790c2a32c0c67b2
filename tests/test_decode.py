import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import ROOT
from digits import UserError
from digits.decode import LARGEST_SIDE, decode


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
    """Four bytes a pixel, and masks for three: what is left is no transparency."""
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
    expected = np.where(upright[..., 3:] > 0, np.uint8([0, 0, 90]), np.uint8(255))
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


def test_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        decode(tmp_path)


def test_one_pixel(tmp_path):
    with pytest.raises(UserError, match="1x1 pixels are too few"):
        decode(save(tmp_path / "a.png", np.zeros((1, 1), np.uint8)))


def test_ten_thousand_pixels_square(tmp_path):
    save(tmp_path / "a.png", np.zeros((10000, 10000), np.uint8))
    # In a process of its own: OpenCV reads its limit when it is first imported.
    command = [sys.executable, ROOT / "load_model.py", "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "a.png: larger than 50 megapixels; scale it down\n"
