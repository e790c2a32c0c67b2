"""A second look at what the network is unsure of: joined, split or turned, whichever it
reads best.

Several segmentations are offered and the network's probabilities decide among them
(heuristic over-segmentation, LeCun et al., 1998, section V). The probability of a
segmentation is the product of its pieces'.
"""

from typing import NamedTuple

import cv2
import numpy as np

from digits.find import Piece, gap, usual_height
from digits.normalise import SIZE, normalise

SURE = 0.9  # a piece's probability of being its digit: no second look above
MOST_DOUBTS = 40  # pieces: where there are more, the picture is full of something else
JOIN_SHARE = 0.35  # of the taller piece's height: how far two parts of a digit lie
LEAST_JOINED = 0.5  # probability of a union that is believed
TALLEST_JOINED = 2  # times the usual height of a digit on the picture
WIDE = 0.8  # width to height of a piece that may be two digits beside others …
WIDE_ALONE = 1.1  # … or alone: a W is no 11
COMPANY = 2  # sure digits on the picture: there may well be more
SLANTS = -0.25, 0.0, 0.25  # of a cut between two digits, rightwards a pixel down
CUTS = 3  # at each slant, where the least ink is
MIDDLE = 0.2, 0.8  # of the width: where a cut may be
LEAST_SPLIT = 0.7  # probability of a split that is believed
TURNS = -8, 8  # degrees: a doubtful piece is also seen so


class Look(NamedTuple):
    """A Piece, the image (28, 28) uint8 of it and its probabilities (11,) float32."""

    piece: Piece
    image: np.ndarray
    probabilities: np.ndarray

    @property
    def digit(self):
        """The likeliest digit, 0 to 9."""
        return int(self.probabilities[:10].argmax())

    @property
    def chance(self):
        """The probability of that digit, 0 to 1."""
        return float(self.probabilities[:10].max())


def look_at(pieces, network):
    """Return a Look at each of the Pieces."""
    images = [normalise(piece.ink) for piece in pieces]
    probabilities = network.probabilities(np.array(images))
    return [Look(*each) for each in zip(pieces, images, probabilities, strict=True)]


def look_again(looks, network):
    """Return Looks at the same ink, segmented as the network reads it best."""
    doubts = sum(look.chance < SURE for look in looks)
    if not 0 < doubts <= MOST_DOUBTS:
        return looks
    looks = joined_where_better(looks, network)
    in_company = sum(look.chance >= SURE for look in looks) >= COMPANY
    wide = WIDE if in_company else WIDE_ALONE
    looks = [part for look in looks for part in split_where_better(look, network, wide)]
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
    unions = look_at([joined(a.piece, b.piece) for a, b in pairs], network)
    gains = [
        (union.chance - one.chance * other.chance, index)
        for index, (union, (one, other)) in enumerate(zip(unions, pairs, strict=True))
    ]
    for gain, index in sorted(gains, reverse=True):
        here = [any(part is look for look in looks) for part in pairs[index]]
        if gain > 0 and unions[index].chance > LEAST_JOINED and all(here):
            looks = [k for k in looks if not any(k is part for part in pairs[index])]
            looks.append(unions[index])
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


def split_where_better(look, network, wide, depth=2):
    """Return [look], or Looks at the digits that it is more likely made of.

    wide: the width to height of what may be two digits.
    """
    piece = look.piece
    if not depth or look.chance >= SURE or piece.width < wide * piece.height:
        return [look]
    cuts = [parts for slant in SLANTS for parts in cut(piece, slant)]
    looks = look_at([part for parts in cuts for part in parts], network)
    pairs = list(zip(looks[::2], looks[1::2], strict=True))
    best = max(pairs, key=lambda pair: pair[0].chance * pair[1].chance, default=None)
    if best is None:
        return [look]
    parts = [
        part
        for half in best
        for part in split_where_better(half, network, wide, depth - 1)
    ]
    chance = float(np.prod([part.chance for part in parts]))
    return parts if chance > max(LEAST_SPLIT, look.chance) else [look]


def cut(piece, slant):
    """Return [(left Piece, right Piece)] of cuts where the strokes are thinnest."""
    height, width = piece.ink.shape
    shift = np.rint(slant * (np.arange(height) - height / 2)).astype(int)
    columns = np.arange(width) - shift[:, None]
    crossed = np.zeros(width)
    inside = (columns >= 0) & (columns < width)
    np.add.at(crossed, columns[inside], piece.ink[inside])
    low, high = (round(share * width) for share in MIDDLE)
    cuts = []
    for _ in range(CUTS):
        if crossed[low:high].min(initial=np.inf) == np.inf:
            break
        x = low + int(crossed[low:high].argmin())
        crossed[max(0, x - width // 10) : x + width // 10 + 1] = np.inf
        left = columns <= x
        parts = [trimmed(piece, left), trimmed(piece, ~left)]
        if all(parts):
            cuts.append(tuple(parts))
    return cuts


def trimmed(piece, mask):
    """Return the Piece that is left of a piece where mask (H, W) bool is true."""
    ink = np.where(mask, piece.ink, 0).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(ink)
    if min(width, height) < 2:
        return None
    box = piece.x + x, piece.y + y, width, height
    return Piece(*box, ink[y : y + height, x : x + width])


def turned_where_unsure(looks, network):
    """Return Looks whose probabilities, if unsure, are means over small turns."""
    unsure = [index for index, look in enumerate(looks) if look.chance < SURE]
    if not unsure:
        return looks
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
