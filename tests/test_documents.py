import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import ROOT
from digits import UserError
from digits.reading.decode import decode, pages

PAGE = ROOT / "assets" / "images" / "page.jpg"


def is_like(picture, other):
    """Tell whether two pictures (H, W, 3) of any sizes show the same."""
    first, second = (
        cv2.resize(each, (90, 60), interpolation=cv2.INTER_AREA).astype(np.float32)
        for each in (picture, other)
    )
    return np.abs(first - second).mean() < 4


def test_the_pages_of_a_pdf(tmp_path):
    pytest.importorskip("pypdfium2")
    names = PAGE, PAGE.with_name("1a.jpg")
    first, second = map(Image.open, names)
    flags = {"save_all": True, "append_images": [second], "dpi": (150, 150)}
    first.save(tmp_path / "a.pdf", **flags)
    found = list(pages(tmp_path / "a.pdf"))
    assert [(page.number, page.of_many, page.error) for page in found] == [
        (1, True, None),
        (2, True, None),
    ]
    for page, name in zip(found, names, strict=True):
        assert is_like(page.picture, cv2.imread(str(name)))
    # 920 pixels at 150 dots an inch are 1,840 at 300, rounded up.
    assert found[0].picture.shape[1] in (1840, 1841)
    np.testing.assert_array_equal(decode(tmp_path / "a.pdf")[0], found[0].picture)


def test_a_pdf_with_something_before_its_header(tmp_path):
    pytest.importorskip("pypdfium2")
    Image.open(PAGE).save(tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    (tmp_path / "b.pdf").write_bytes(b"\xef\xbb\xbf\n" + content)
    (page,) = pages(tmp_path / "b.pdf")
    assert is_like(page.picture, cv2.imread(str(PAGE)))


def test_a_picture_that_speaks_of_pdf(tmp_path):
    Image.open(PAGE).save(tmp_path / "a.jpg", comment=b"made from %PDF-1.7")
    assert b"%PDF-" in (tmp_path / "a.jpg").read_bytes()[:1024]
    (page,) = pages(tmp_path / "a.jpg")
    assert is_like(page.picture, cv2.imread(str(PAGE)))


def test_a_heic_photograph(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.open(PAGE).save(tmp_path / "a.heic")
    picture, scale = decode(tmp_path / "a.heic")
    assert scale == 1
    assert is_like(picture, cv2.imread(str(PAGE)))


def test_a_gray_heic_of_more_than_8_bits(tmp_path):
    gray = cv2.imread(str(PAGE), cv2.IMREAD_GRAYSCALE)
    Image.fromarray(257 * gray.astype(np.uint16)).save(tmp_path / "a.heic")
    picture, _ = decode(tmp_path / "a.heic")
    assert picture.dtype == np.uint8
    assert is_like(picture, cv2.merge([gray, gray, gray]))


def test_a_gray_heic(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.open(PAGE).convert("L").save(tmp_path / "a.heic")
    gray = cv2.imread(str(PAGE), cv2.IMREAD_GRAYSCALE)
    assert is_like(decode(tmp_path / "a.heic")[0], cv2.merge([gray, gray, gray]))


@pytest.mark.parametrize(
    ("package", "content", "name"),
    [
        ("pypdfium2", b"%PDF-1.7\n", "pypdfium2"),
        ("pillow_heif", b"\0\0\0\x18ftypheic", "pillow-heif"),
    ],
)
def test_the_error_names_what_is_missing(tmp_path, monkeypatch, package, content, name):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match=f"pip install {name}"):
        decode(tmp_path / "a")
    (page,) = pages(tmp_path / "a")
    assert f"pip install {name}" in page.error


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.4\n%%EOF"])
def test_a_damaged_pdf(tmp_path, content):
    pytest.importorskip("pypdfium2")
    (tmp_path / "a.pdf").write_bytes(content)
    (page,) = pages(tmp_path / "a.pdf")
    assert "damaged PDF" in page.error


def test_a_damaged_heic(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.open(PAGE).save(tmp_path / "a.heic")
    content = (tmp_path / "a.heic").read_bytes()
    for length in (12, 100, 600, len(content) // 2):
        (tmp_path / "b.heic").write_bytes(content[:length])
        (page,) = pages(tmp_path / "b.heic")
        assert page.error == "a damaged HEIC file"
