import cv2
import numpy as np
import pytest

from conftest import ROOT
from digits import junk, second_look
from digits.decode import decode
from digits.find import Piece, find_digits
from digits.ink import extract_ink
from digits.second_look import cut, joined, look_again, look_at


def piece_of(name):
    """Return the only Piece in one of assets/images."""
    picture, _ = decode(ROOT / "assets" / "images" / name)
    (piece,) = find_digits(extract_ink(picture))
    return piece


def as_piece(ink):
    height, width = ink.shape
    return Piece(0, 0, width, height, ink)


def read(pieces, network):
    looks = look_again(look_at(pieces, network), network)
    return sorted((look.piece.x, look.digit) for look in looks)


@pytest.mark.parametrize(
    "names", [("2a.jpg", "3a.jpg"), ("3a.jpg", "2a.jpg"), ("9a.jpg", "8a.jpg")]
)
def test_touching_digits_are_split(names, shipped):
    inks = [
        cv2.resize(piece_of(name).ink, (70, 100), interpolation=cv2.INTER_AREA)
        for name in names
    ]
    touching = as_piece(junk.side_by_side(*inks, -3))
    digits = [digit for _, digit in read([touching], shipped)]
    assert digits == [int(name[0]) for name in names]


def test_loose_parts_are_joined(shipped):
    five = piece_of("5a.jpg")
    top = round(0.24 * five.height)
    parts = [
        Piece(five.x, five.y, five.width, top, five.ink[:top]),
        Piece(five.x, five.y + top + 9, five.width, five.height - top, five.ink[top:]),
    ]
    assert [digit for _, digit in read(parts, shipped)] == [5]


def test_sure_digits_get_no_second_look(shipped):
    looks = look_at([piece_of("3a.jpg"), piece_of("7a.jpg")], shipped)
    assert look_again(looks, shipped) is looks


def test_joined():
    one = Piece(10, 20, 4, 5, np.full((5, 4), 100, np.uint8))
    other = Piece(12, 30, 6, 3, np.full((3, 6), 200, np.uint8))
    both = joined(one, other)
    assert both[:4] == (10, 20, 8, 13)
    assert both.ink[0, 0] == 100 and both.ink[12, 7] == 200 and both.ink[7, 0] == 0


@pytest.mark.parametrize("slant", second_look.SLANTS)
def test_a_cut_parts_all_ink(slant):
    ink = np.zeros((40, 60), np.uint8)
    ink[5:35, 5:25] = ink[5:35, 32:55] = 255
    ink[18:21, 20:40] = 255
    cuts = cut(as_piece(ink), slant)
    assert cuts
    for left, right in cuts:
        assert left.x <= right.x
        total = int(left.ink.sum(dtype=int) + right.ink.sum(dtype=int))
        assert total == ink.sum(dtype=int)
