import argparse

import cv2
import numpy as np
import pytest

from digits import UserError
from digits.reading import parts
from digits.reading.decode import pages
from digits.reading.parts import WHOLE, Part

PICTURE = np.arange(40 * 60 * 3).reshape(40, 60, 3)


def test_a_crop_is_in_pixels():
    cut, origin = parts.crop("10,5,20,30").cut(PICTURE)
    assert origin == (10, 5)
    np.testing.assert_array_equal(cut, PICTURE[5:35, 10:30])


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,x", "-1,2,3,4", "1,2,0,4", f"0,0,{10**400},5"]
)
def test_what_is_no_crop(text):
    with pytest.raises(argparse.ArgumentTypeError, match="give X,Y,W,H in whole"):
        parts.crop(text)


def test_a_field_is_in_shares():
    cut, origin = Part("total", 0.5, 0.25, 0.5, 0.5, in_shares=True).cut(PICTURE)
    assert origin == (30, 10)
    np.testing.assert_array_equal(cut, PICTURE[10:30, 30:])


def test_the_whole():
    cut, origin = WHOLE[0].cut(PICTURE)
    assert origin == (0, 0) and cut.shape == PICTURE.shape


def test_a_part_beyond_the_picture():
    with pytest.raises(UserError, match="beyond its 60x40 pixels"):
        parts.crop("50,0,20,20").cut(PICTURE)


def test_a_part_of_no_pixels(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 60), 255, np.uint8))
    nothing = Part("total", 0.5, 0.5, 0.001, 0.001, in_shares=True)
    first, second = pages(tmp_path / "a.png", [nothing, *WHOLE])
    assert first.error == "0x0 pixels; a digit needs 8x8 at least"
    assert second.picture.shape == (40, 60, 3)


def test_fields_of_a_form(tmp_path):
    path = tmp_path / "form.csv"
    path.write_text(
        "\ufeffname,x,y,w,h,note\ndate,0.1,0.1,0.5,0.2,a\n"
        '"total, net",0.1,0.5,0.9,0.5,b\n',
        encoding="utf-8",
    )
    assert parts.fields(path) == [
        ("date", 0.1, 0.1, 0.5, 0.2, True),
        ("total, net", 0.1, 0.5, 0.9, 0.5, True),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line must name the columns name,x,y,w,h"),
        ("name;x;y;w;h\na;0;0;1;1\n", "its first line must name the columns"),
        ("name,x,y,w,h\n", "names no fields"),
        ("name,x,y,w,h\n\n\na,0,0,1,2\n", "line 4: needs a name"),
        ("name,x,y,w,h\na,0,0,1,2\n", "line 2: needs a name"),
        ("name,x,y,w,h\na,0,0,nan,1\n", "line 2: needs a name"),
        ("name,x,y,w,h\na,0,0,1\n", "line 2 lacks a cell of the columns"),
        ("name,x,y,w,h\n,0,0,1,1\n", "line 2: needs a name"),
        ("name,x,y,w,h\na,0,0,1,1\na,0,0,1,1\n", "two fields of the name a"),
    ],
)
def test_fields_that_cannot_be_meant(tmp_path, text, message):
    path = tmp_path / "form.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        parts.fields(path)


def test_fields_that_are_no_text(tmp_path):
    path = tmp_path / "form.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no CSV file"):
        parts.fields(path)
    with pytest.raises(UserError, match="cannot be read"):
        parts.fields(tmp_path / "gone.csv")
