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
from digits.reading import transparency
from digits.reading.decode import LARGEST_SIDE, decode, pages


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
    transparent = Image.new("RGBA", (4000, 2400), (128, 128, 128, 0))
    pen = ImageDraw.Draw(transparent)
    for x in range(100, 3200, 310):
        pen.line((x, 50, x + 120, 2350), fill=(*colour, 255), width=2)
        pen.line((x + 40, 50, x + 90, 2350), fill=(*colour, 120), width=5)
    transparent.save(tmp_path / "a.png", compress_level=1)
    opaque = Image.new("RGBA", transparent.size, paper)
    opaque.alpha_composite(transparent)
    composited = np.asarray(opaque.convert("RGB"))[..., ::-1]
    expected = cv2.resize(composited, (2000, 1200), interpolation=cv2.INTER_AREA)
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
        monkeypatch.setattr(transparency, "BLOCK", pixels_at_once)
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
    assert picture.shape == (1500, LARGEST_SIDE, 3)
    assert scale == 2
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
    with pytest.raises(UserError, match="1x1 pixels; a digit needs 8x8 at least"):
        decode(save(tmp_path / "a.png", np.zeros((1, 1), np.uint8)))


def test_ten_thousand_pixels_square(tmp_path):
    save(tmp_path / "a.png", np.zeros((10000, 10000), np.uint8))
    # In a process of its own: OpenCV reads its limit when it is first imported.
    command = [sys.executable, "-W", "error", ROOT / "load_model.py", "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "a.png: larger than 50 megapixels; scale it down\n"


def test_a_file_of_one_page(tmp_path, seven):
    for ending in (".tif", ".png"):
        path = save(tmp_path / f"a{ending}", seven)
        (page,) = pages(path)
        assert (page.number, page.of_many, page.error) == (1, False, None)
        picture, scale = decode(path)
        np.testing.assert_array_equal(page.picture, picture)
        assert page.scale == scale


def test_of_an_animation_the_first_picture_counts(tmp_path):
    frames = [Image.new("L", (30, 40), gray) for gray in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    (page,) = pages(tmp_path / "a.gif")
    assert not page.of_many
    assert not np.any(page.picture)


def test_pages_of_several_sizes_and_depths(tmp_path, seven):
    gray = cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY)
    transparent = np.zeros((50, 30, 4), np.uint8)
    transparent[10:30, 14:17, 3] = 255
    large = np.full((900, 2 * LARGEST_SIDE), 200, np.uint8)
    written = [seven, gray[:, :60].astype(np.uint16) * 257, transparent, large]
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), written)
    found = list(pages(tmp_path / "a.tif"))
    assert [(page.number, page.of_many) for page in found] == [
        (number, True) for number in (1, 2, 3, 4)
    ]
    for page, picture in zip(found, written, strict=True):
        expected, scale = decode(save(tmp_path / "one.tif", picture))
        np.testing.assert_array_equal(page.picture, expected)
        assert page.scale == scale
    np.testing.assert_array_equal(decode(tmp_path / "a.tif")[0], found[0].picture)


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw"])
def test_bilevel_pages_turned_as_each_one_says(tmp_path, compression):
    upright = np.full((40, 50), 255, np.uint8)
    upright[5:30, 8:12] = 0
    stored = [upright, np.rot90(upright), np.rot90(upright, 2)]
    sheets = [Image.fromarray(sheet).convert("1") for sheet in stored]
    for sheet, orientation in zip(sheets, (1, 6, 3), strict=True):
        sheet.encoderinfo = {"tiffinfo": {0x0112: orientation}}
    options = {"tiffinfo": {0x0112: 1}, "compression": compression}
    sheets[0].save(
        tmp_path / "a.tif", save_all=True, append_images=sheets[1:], **options
    )
    found = list(pages(tmp_path / "a.tif"))
    assert len(found) == 3
    for page in found:
        assert page.picture is not None
        np.testing.assert_array_equal(page.picture[..., 0], upright)


def tiff(sheets, kind=b"II*\0", types=None, last=None):
    """Return the bytes of a TIFF file with a page for each of `sheets`, (H, W) uint8.

    types: each page's value of tag 254; last: the page that the last one says follows.
    """
    order, big = ("<" if kind[:1] == b"I" else ">"), b"+" in kind
    count, offset, header = ("Q", "Q", 16) if big else ("H", "I", 8)
    directory = struct.calcsize(
        order + count + 9 * ("HHQQ" if big else "HHII") + offset
    )
    starts = [header]
    for sheet in sheets:
        starts.append(starts[-1] + directory + sheet.size)
    links = [*starts[1:-1], 0 if last is None else starts[last]]
    content = kind + (struct.pack(order + "HHQ", 8, 0, header) if big else b"")
    content += b"" if big else struct.pack(order + "I", header)
    for number, sheet in enumerate(sheets):
        (height, width), data = sheet.shape, starts[number] + directory
        values = {254: types[number] if types else 0, 256: width, 257: height, 258: 8}
        values |= {259: 1, 262: 1, 273: data, 278: height, 279: sheet.size}
        content += struct.pack(order + count, len(values))
        for tag, value in values.items():  # all of type LONG
            content += struct.pack(order + ("HHQ" if big else "HHI"), tag, 4, 1)
            content += struct.pack(order + ("I4x" if big else "I"), value)
        content += struct.pack(order + offset, links[number]) + sheet.tobytes()
    return content


SHEETS = [np.full((20, 30 + 5 * k), 10 + 60 * k, np.uint8) for k in range(4)]


def found_in(path):
    """Return what each page of a file shows: (number, gray, or its error's start)."""
    found = []
    for page in pages(path):
        gray = None if page.picture is None else int(page.picture[0, 0, 0])
        found.append((page.number, page.error[:13] if page.error else gray))
    return found


@pytest.mark.parametrize("kind", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_byte_orders_and_sizes_of_offsets(tmp_path, kind):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(SHEETS, kind))
    assert found_in(path) == [(1, 10), (2, 70), (3, 130), (4, 190)]
    path.write_bytes(tiff(SHEETS, kind, types=[1, 2, 1, 4]))
    assert found_in(path) == [(1, 10), (2, 70)]
    path.write_bytes(tiff(SHEETS[:2], kind, types=[0, 1]))
    (page,) = pages(path)
    assert not page.of_many


@pytest.mark.parametrize("last", range(3))
def test_a_loop_of_pages_ends(tmp_path, last):
    (tmp_path / "a.tif").write_bytes(tiff(SHEETS[:3], last=last))
    assert found_in(tmp_path / "a.tif") == [(1, 10), (2, 70), (3, 130)]


def test_a_damaged_page_does_not_hide_the_next(tmp_path, capfd):
    path = tmp_path / "a.tif"
    content = bytearray(tiff(SHEETS[:3]))
    second = len(tiff(SHEETS[:1]))
    width = content.index(struct.pack("<HHI", 256, 4, 1), second)
    content[width + 8 : width + 12] = bytes(4)
    path.write_bytes(content)
    assert found_in(path) == [(1, 10), (2, "not a picture"), (3, 130)]
    assert capfd.readouterr().err == ""


def test_a_truncated_second_page(tmp_path):
    path = tmp_path / "a.tif"
    content, first, second = (tiff(SHEETS[:count]) for count in (3, 1, 2))
    path.write_bytes(content[: len(first) + 50])  # in its directory
    assert found_in(path) == [(1, 10), (2, "not a picture")]
    path.write_bytes(content[: len(second) - 50])  # in its pixels: the third is lost
    assert found_in(path) == [(1, 10), (2, "not a picture"), (3, "not a picture")]


@pytest.mark.parametrize("kind", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_tiff_files_cut_anywhere(tmp_path, kind):
    content = tiff([sheet[:9, :9] for sheet in SHEETS[:2]], kind)
    for length in range(4, len(content), 7):
        (tmp_path / "a.tif").write_bytes(content[:length])
        numbers = [number for number, _ in found_in(tmp_path / "a.tif")]
        assert numbers in ([1], [1, 2])


def test_a_page_that_is_too_large(tmp_path):
    sheets = [Image.new("1", size) for size in ((30, 40), (8000, 6500), (40, 30))]
    options = {"save_all": True, "compression": "group4"}
    sheets[0].save(tmp_path / "a.tif", append_images=sheets[1:], **options)
    # In a process of its own: OpenCV reads its limit when it is first imported.
    script = (
        "from digits.reading.decode import pages\n"
        "for page in pages('a.tif'): print(page.number, page.error)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    expected = "1 None\n2 larger than 50 megapixels; scale it down\n3 None\n"
    assert done.stdout == expected


def test_pages_are_decoded_when_they_are_asked_for(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_bytes(tiff(SHEETS))
    decoded = []
    monkeypatch.setattr(
        cv2, "imdecode", lambda *_: decoded.append(1) or np.zeros((20, 20, 3), np.uint8)
    )
    monkeypatch.setattr(transparency, "is_possible", lambda content: False)
    for number, _ in enumerate(pages(tmp_path / "a.tif"), 1):
        assert len(decoded) == number


def test_an_error_is_a_page(tmp_path):
    (page,) = pages(tmp_path / "gone.tif")
    assert (page.number, page.of_many, page.error) == (1, False, "no such file")
    assert page.picture is None
