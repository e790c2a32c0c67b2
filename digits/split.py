"""Touching digits, parted where the network reads the parts best.

Several cuts are offered, and of all ways to take some of them the one whose parts are
most probably digits (heuristic over-segmentation, LeCun et al., 1998, section V). A cut
is a seam that crosses little ink (Avidan & Shamir, Seam Carving, 2007).
"""

import itertools

import cv2
import numpy as np

from digits.find import Piece
from digits.look import SURE, look_at

WIDE = 0.9  # width to height of a piece that may be two digits …
LIKELY, WIDER = 0.5, 1.1  # … and of one that is read as a digit so probably
MOST_WIDE = 8  # such pieces: where there are more, most are words, and none is split
LEAST_SPLIT = 0.9  # geometric mean of the probabilities of a split that is believed
ROWS = 40  # of the scaled ink that seams are looked for in; in its pixels:
STEP = 4  # from the middle of one strip, which has one seam, to the next one's
REACH = 6  # of a strip to either side of its middle
MARGIN = 7  # that the middles keep from the ends: more than REACH
BEND = 0.1  # what a step aside costs, where a pixel of ink costs 1
MOST_CUTS = 14  # of a piece; those that cross the least ink
# Times the piece's height: what is narrower, wider or lower is not one digit.
NARROWEST, WIDEST, LOWEST = 0.12, 1.4, 0.4


def split_where_better(looks, network):
    """Return Looks, each that is more likely several digits replaced by those."""
    wide = sum(may_be_several(look) for look in looks)
    if not 0 < wide <= MOST_WIDE:
        return looks
    return [
        part
        for look in looks
        for part in (split(look, network) if may_be_several(look) else [look])
    ]


def may_be_several(look):
    """Tell whether a Look may show several digits: it is unsure, and wide for one."""
    wide = WIDE if look.chance < LIKELY else WIDER
    return look.chance < SURE and look.piece.width >= wide * look.piece.height


def split(look, network):
    """Return [look], or Looks at the digits that it is more likely made of."""
    cuts = seams(look.piece.ink)
    parts = parts_between(cuts, look.piece)
    looks = dict(zip(parts, look_at(list(parts.values()), network), strict=True))
    chance, digits = likeliest_way(looks, len(cuts) + 1)
    is_believed = chance > max(LEAST_SPLIT ** len(digits), look.chance)
    return digits if is_believed else [look]


def seams(ink):
    """Return cuts through ink (H, W) uint8, from left to right: (M, H) int.

    M <= MOST_CUTS. A cut is, for each row, the first column that is right of it.
    """
    height, width = ink.shape
    size = max(1, round(width * ROWS / height)), ROWS
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) / np.float32(255)
    middles = np.arange(MARGIN, size[0] - MARGIN, STEP)
    strips = small[:, middles[:, None] + np.arange(-REACH, REACH + 1)]
    seam = middles[:, None] - REACH + cheapest_ways(strips)
    rows = np.arange(height) * ROWS // height
    cuts = np.rint((seam[:, rows] + 0.5) * width / size[0]).astype(int)
    cuts = np.unique(cuts, axis=0)
    crossed = ink[np.arange(height), cuts].sum(axis=1, dtype=int)
    cuts = cuts[crossed.argsort(kind="stable")[:MOST_CUTS]]
    cuts = cuts[cuts.mean(axis=1).argsort(kind="stable")]
    # Where two cross, the ink between them would belong to both of their sides.
    return np.maximum.accumulate(cuts, axis=0)


def cheapest_ways(costs):
    """Return the columns (M, R) of the cheapest way down each of M strips.

    costs: (R, M, K) of the pixels; a way goes down, or down and one pixel aside.
    """
    total, steps = costs[0], []
    for cost in costs[1:]:
        aside = np.pad(total + BEND, ((0, 0), (1, 1)), constant_values=np.inf)
        came_from = np.stack([aside[:, :-2], total, aside[:, 2:]])
        steps.append(came_from.argmin(axis=0) - 1)
        total = cost + came_from.min(axis=0)
    strips = np.arange(len(total))
    way = [total.argmin(axis=1)]
    for step in reversed(steps):
        way.append(way[-1] + step[strips, way[-1]])
    return np.stack(way[::-1], axis=1)


def parts_between(cuts, piece):
    """Return {(left, right): Piece} of what lies between two cuts and may be a digit.

    The piece's left end is cut 0, then come `cuts` (M, H), and its right end.
    """
    height, width = piece.ink.shape
    cuts = np.pad(cuts, ((1, 1), (0, 0)), constant_values=((0, width), (0, 0)))
    columns, places = np.arange(width), cuts.mean(axis=1)
    parts = {}
    for left, right in itertools.combinations(range(len(cuts)), 2):
        share = (places[right] - places[left]) / height
        if NARROWEST <= share <= WIDEST and right - left < len(cuts) - 1:
            inside = (columns >= cuts[left][:, None]) & (columns < cuts[right][:, None])
            part = trimmed(piece, inside)
            if part is not None and part.height >= LOWEST * height:
                parts[left, right] = part
    return parts


def trimmed(piece, mask):
    """Return the Piece that is left of a piece where mask (H, W) bool is true, or None.

    None where next to nothing is left.
    """
    ink = np.where(mask, piece.ink, 0).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(ink)
    if min(width, height) < 2:
        return None
    box = piece.x + x, piece.y + y, width, height
    return Piece(*box, ink[y : y + height, x : x + width])


def likeliest_way(looks, last):
    """Return (chance, Looks) of the parts from cut 0 to the last that are likeliest.

    looks: {(left, right): Look}. The chance of parts is the product of theirs; it is 0
    if no parts lead there.
    """
    best = {0: (1.0, [])}
    for right in range(1, last + 1):
        ways = [
            (best[left][0] * looks[left, right].chance, left)
            for left in best
            if (left, right) in looks
        ]
        if ways:
            chance, left = max(ways)
            best[right] = chance, [*best[left][1], looks[left, right]]
    return best.get(last, (0.0, []))
