"""A second look at what the network is unsure of: joined, split or turned, whichever it
reads best.
"""

import cv2
import numpy as np

from digits.find import Piece, gap, usual_height
from digits.look import SURE, Look
from digits.normalise import SIZE, normalise
from digits.split import split_where_better

MOST_DOUBTS = 40  # pieces: where there are more, the picture is full of something else
JOIN_SHARE = 0.35  # of the taller piece's height: how far two parts of a digit lie
LEAST_JOINED = 0.5  # probability of a union that is believed
TALLEST_JOINED = 2  # times the usual height of a digit on the picture
TURNS = -8, 8  # degrees: a doubtful piece is also seen so


def look_again(looks, network):
    """Return Looks at the same ink, segmented as the network reads it best."""
    doubts = sum(look.chance < SURE for look in looks)
    if not 0 < doubts <= MOST_DOUBTS:
        return looks
    looks = joined_where_better(looks, network)
    looks = split_where_better(looks, network)
    return turned_where_unsure(looks, network)


def joined_where_better(looks, network):
    """Return Looks, near ones joined where together they are more likely a digit."""
    usual = usual_height([look.piece.height for look in looks])
    pairs = [
        (one, other)
        for index, one in enumerate(looks)
        for other in looks[:index]
        if may_join(one, other, usual)
    ]
    # Only the images are kept: unions may be many, and each as large as the picture.
    images = [normalise(joined(a.piece, b.piece).ink) for a, b in pairs]
    probabilities = network.probabilities(np.array(images))
    chances = probabilities[:, :10].max(axis=1).tolist()
    gains = [
        (chance - one.chance * other.chance, index)
        for index, (chance, (one, other)) in enumerate(zip(chances, pairs, strict=True))
    ]
    for gain, index in sorted(gains, reverse=True):
        here = [any(part is look for look in looks) for part in pairs[index]]
        if gain > 0 and chances[index] > LEAST_JOINED and all(here):
            looks = [k for k in looks if not any(k is part for part in pairs[index])]
            union = joined(*(part.piece for part in pairs[index]))
            looks.append(Look(union, images[index], probabilities[index]))
    return looks


def may_join(one, other, usual):
    """Tell whether two Looks may show parts of one digit, `usual` pixels high."""
    a, b = one.piece, other.piece
    top, bottom = min(a.y, b.y), max(a.y + a.height, b.y + b.height)
    near = gap(a[:4], b[:4]) <= JOIN_SHARE * max(a.height, b.height)
    unsure = min(one.chance, other.chance) < SURE
    return near and unsure and bottom - top <= TALLEST_JOINED * usual


def joined(one, other):
    """Return the Piece that two Pieces make together."""
    x, y = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    ink = np.zeros((bottom - y, right - x), np.uint8)
    for piece in one, other:
        rows = slice(piece.y - y, piece.y - y + piece.height)
        columns = slice(piece.x - x, piece.x - x + piece.width)
        ink[rows, columns] = np.maximum(ink[rows, columns], piece.ink)
    return Piece(x, y, right - x, bottom - y, ink)


def turned_where_unsure(looks, network):
    """Return Looks whose probabilities, if unsure, are means over small turns."""
    unsure = [index for index, look in enumerate(looks) if look.chance < SURE]
    if not unsure:
        return looks
    looks = list(looks)
    middle = (SIZE - 1) / 2, (SIZE - 1) / 2
    turns = [cv2.getRotationMatrix2D(middle, degrees, 1) for degrees in TURNS]
    images = [
        cv2.warpAffine(looks[index].image, turn, (SIZE, SIZE))
        for index in unsure
        for turn in turns
    ]
    seen = network.probabilities(np.array(images)).reshape(len(unsure), len(TURNS), -1)
    for index, others in zip(unsure, seen, strict=True):
        everything = np.vstack([looks[index].probabilities[None], others])
        looks[index] = looks[index]._replace(probabilities=everything.mean(axis=0))
    return looks
