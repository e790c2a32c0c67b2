"""Split touching digits where the classifier is most confident of the parts.

Several cuts are proposed. Of all sequences of parts between cuts, the one whose parts
are most probably digits counts (heuristic over-segmentation, LeCun et al., 1998,
section V). A cut is a seam that crosses little ink (Avidan & Shamir, 2007).
"""

import itertools

import cv2
import numpy as np

from digits.reading.classify import SURE, Classified, DigitClassifier, classify
from digits.reading.segment import Region

WIDE = 0.9  # width to height of a region that may be two digits …
LIKELY, WIDER = 0.5, 1.1  # … and of one that is read with at least this confidence
MOST_WIDE = 8  # such regions: where there are more, most are words, and none is split
LEAST_SPLIT = 0.9  # geometric mean of the confidences of a split that is accepted
ROWS = 40  # of the scaled ink in which seams are found; in its pixels:
STEP = 4  # from the middle of one strip, which has one seam, to the next one's
REACH = 6  # of a strip to either side of its middle
MARGIN = 7  # between the middles and the ends: more than REACH
BEND = 0.1  # cost of a step aside, where a pixel of ink costs 1
MOST_CUTS = 14  # of a region; those that cross the least ink
# Times the region's height: what is narrower, wider or lower is not one digit.
NARROWEST, WIDEST, LOWEST = 0.12, 1.4, 0.4


def split_where_better(
    classified: list[Classified], classifier: DigitClassifier
) -> list[Classified]:
    """Return Classified, each that is likelier several digits replaced by those."""
    wide = sum(may_be_several(candidate) for candidate in classified)
    if not 0 < wide <= MOST_WIDE:
        return classified
    parts = []
    for candidate in classified:
        several = may_be_several(candidate)
        parts += split(candidate, classifier) if several else [candidate]
    return parts


def may_be_several(candidate: Classified) -> bool:
    """Tell whether a Classified may show several digits: unsure, and wide for one."""
    wide = WIDE if candidate.confidence < LIKELY else WIDER
    region = candidate.region
    return candidate.confidence < SURE and region.width >= wide * region.height


def split(candidate: Classified, classifier: DigitClassifier) -> list[Classified]:
    """Return [candidate], or the Classified digits of which it more likely consists."""
    cuts = find_cuts(candidate.region.ink)
    parts = parts_between(cuts, candidate.region)
    digits = classify(list(parts.values()), classifier)
    classified = dict(zip(parts, digits, strict=True))
    confidence, sequence = likeliest_sequence(classified, len(cuts) + 1)
    least = max(LEAST_SPLIT ** len(sequence), candidate.confidence)
    return sequence if confidence > least else [candidate]


def find_cuts(ink: np.ndarray) -> np.ndarray:
    """Return cuts through ink (H, W) uint8, from left to right: (M, H) int.

    M <= MOST_CUTS. A cut is, for each row, the first column to the right of it.
    """
    height, width = ink.shape
    size = max(1, round(width * ROWS / height)), ROWS
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) / np.float32(255)
    middles = np.arange(MARGIN, size[0] - MARGIN, STEP)
    strips = small[:, middles[:, None] + np.arange(-REACH, REACH + 1)]
    seams = middles[:, None] - REACH + cheapest_seams(strips)
    rows = np.arange(height) * ROWS // height
    cuts = np.rint((seams[:, rows] + 0.5) * width / size[0]).astype(int)
    cuts = np.unique(cuts, axis=0)
    crossed = ink[np.arange(height), cuts].sum(axis=1, dtype=int)
    cuts = cuts[crossed.argsort(kind="stable")[:MOST_CUTS]]
    cuts = cuts[cuts.mean(axis=1).argsort(kind="stable")]
    # Where two cross, the ink between them would belong to both of their sides.
    return np.maximum.accumulate(cuts, axis=0)


def cheapest_seams(costs: np.ndarray) -> np.ndarray:
    """Return the columns (M, R) int of the cheapest seam down each of M strips.

    costs: (R, M, K) float32 of the pixels; from row to row a seam goes straight down,
    or one pixel aside as well.
    """
    total, steps = costs[0], []
    for cost in costs[1:]:
        aside = np.pad(total + BEND, ((0, 0), (1, 1)), constant_values=np.inf)
        above = np.stack([aside[:, :-2], total, aside[:, 2:]])
        steps.append(above.argmin(axis=0) - 1)
        total = cost + above.min(axis=0)
    strips = np.arange(len(total))
    seam = [total.argmin(axis=1)]
    for step in reversed(steps):
        seam.append(seam[-1] + step[strips, seam[-1]])
    return np.stack(seam[::-1], axis=1)


def parts_between(cuts: np.ndarray, region: Region) -> dict[tuple[int, int], Region]:
    """Return {(left, right): Region} of what may be a digit between two cuts.

    cuts: (M, H) int. The numbers: 0 is the region's left end, 1 to M are the cuts,
    M + 1 is its right end.
    """
    height, width = region.ink.shape
    cuts = np.pad(cuts, ((1, 1), (0, 0)), constant_values=((0, width), (0, 0)))
    columns, places = np.arange(width), cuts.mean(axis=1)
    parts = {}
    for left, right in itertools.combinations(range(len(cuts)), 2):
        share = (places[right] - places[left]) / height
        if NARROWEST <= share <= WIDEST and right - left < len(cuts) - 1:
            inside = (columns >= cuts[left][:, None]) & (columns < cuts[right][:, None])
            part = trimmed(region, inside)
            if part is not None and part.height >= LOWEST * height:
                parts[left, right] = part
    return parts


def trimmed(region: Region, mask: np.ndarray) -> Region | None:
    """Return the part of a region where mask (H, W) bool is true, in its own box.

    None where next to no ink is left.
    """
    ink = np.where(mask, region.ink, 0).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(ink)
    if min(width, height) < 2:
        return None
    own = ink[y : y + height, x : x + width]
    return Region(region.x + x, region.y + y, width, height, own)


def likeliest_sequence(
    classified: dict[tuple[int, int], Classified], last: int
) -> tuple[float, list[Classified]]:
    """Return (confidence, parts) of the likeliest sequence of parts, each a Classified.

    The parts lead from cut 0 to the cut `last`, as `parts_between` numbers them; their
    confidence is the product of theirs, or 0 with [] if no parts lead there.
    """
    best = {0: (1.0, [])}
    for right in range(1, last + 1):
        candidates = [
            (best[left][0] * classified[left, right].confidence, left)
            for left in best
            if (left, right) in classified
        ]
        if candidates:
            confidence, left = max(candidates)
            best[right] = confidence, [*best[left][1], classified[left, right]]
    return best.get(last, (0.0, []))
