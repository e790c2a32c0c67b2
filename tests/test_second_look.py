import numpy as np

from conftest import piece_of
from digits import junk
from digits.find import Piece
from digits.look import SURE, look_at
from digits.second_look import joined, look_again


def as_piece(ink):
    height, width = ink.shape
    return Piece(0, 0, width, height, ink)


def read(pieces, network):
    looks = look_again(look_at(pieces, network), network)
    return sorted((look.piece.x, look.digit) for look in looks)


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


def test_looks_are_left_as_they_were(shipped):
    looks = look_at([as_piece(junk.scribble(np.random.default_rng(0)))], shipped)
    assert looks[0].chance < SURE
    before = list(looks)
    again = look_again(looks, shipped)
    assert looks == before
    assert again[0].probabilities is not looks[0].probabilities


def test_joined():
    one = Piece(10, 20, 4, 5, np.full((5, 4), 100, np.uint8))
    other = Piece(12, 30, 6, 3, np.full((3, 6), 200, np.uint8))
    both = joined(one, other)
    assert both[:4] == (10, 20, 8, 13)
    assert both.ink[0, 0] == 100 and both.ink[12, 7] == 200 and both.ink[7, 0] == 0
