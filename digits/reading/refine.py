"""Refine unsure regions: join parts, split touching digits, average small turns."""

import cv2
import numpy as np

from digits.image import SIZE
from digits.reading.classify import SURE, Classified, DigitClassifier
from digits.reading.normalise import normalise
from digits.reading.segment import Region, gap, usual_height
from digits.reading.split import split_where_better

MOST_DOUBTS = 40  # regions: a picture with more shows something other than digits
JOIN_SHARE = 0.35  # of the taller region's height: the largest gap within a digit
LEAST_JOINED = 0.5  # confidence from which a union may replace its parts
TALLEST_JOINED = 2  # times the usual height of a digit on the picture
TURNS = -8, 8  # degrees by which the image of an unsure region is turned


def refine(
    classified: list[Classified], classifier: DigitClassifier
) -> list[Classified]:
    """Return Classified of the same ink, regrouped where that is more confident.

    The list itself comes back where nothing is unsure, or too much is.
    """
    doubts = sum(candidate.confidence < SURE for candidate in classified)
    if not 0 < doubts <= MOST_DOUBTS:
        return classified
    classified = join_where_better(classified, classifier)
    classified = split_where_better(classified, classifier)
    return turn_where_unsure(classified, classifier)


def join_where_better(
    classified: list[Classified], classifier: DigitClassifier
) -> list[Classified]:
    """Return Classified, neighbours joined where their union is likelier a digit.

    Of unions that share a part, the one that gains most confidence counts.
    """
    usual = usual_height([candidate.region.height for candidate in classified])
    pairs = [
        (one, other)
        for index, one in enumerate(classified)
        for other in classified[:index]
        if may_join(one, other, usual)
    ]
    # Only the images are kept: unions may be many, and each as large as the picture.
    images = [normalise(join(one.region, other.region).ink) for one, other in pairs]
    probabilities = classifier.probabilities(np.array(images))
    confidences = probabilities[:, :10].max(axis=1).tolist()
    gains = [
        (confidence - one.confidence * other.confidence, index)
        for index, (confidence, (one, other)) in enumerate(
            zip(confidences, pairs, strict=True)
        )
    ]
    for gain, index in sorted(gains, reverse=True):
        one, other = pairs[index]
        # By identity: to compare arrays gives no single truth value.
        separate = [c for c in classified if c is not one and c is not other]
        both_remain = len(separate) == len(classified) - 2
        if gain > 0 and confidences[index] > LEAST_JOINED and both_remain:
            union = join(one.region, other.region)
            candidate = Classified(union, images[index], probabilities[index])
            classified = [*separate, candidate]
    return classified


def may_join(one: Classified, other: Classified, usual: float) -> bool:
    """Tell whether two Classified may show parts of one digit.

    usual: the height in pixels of the picture's digits.
    """
    a, b = one.region, other.region
    top, bottom = min(a.y, b.y), max(a.y + a.height, b.y + b.height)
    near = gap(a.box, b.box) <= JOIN_SHARE * max(a.height, b.height)
    unsure = min(one.confidence, other.confidence) < SURE
    return near and unsure and bottom - top <= TALLEST_JOINED * usual


def join(one: Region, other: Region) -> Region:
    """Return the union of two Regions."""
    x, y = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    ink = np.zeros((bottom - y, right - x), np.uint8)
    for region in one, other:
        rows = slice(region.y - y, region.y - y + region.height)
        columns = slice(region.x - x, region.x - x + region.width)
        ink[rows, columns] = np.maximum(ink[rows, columns], region.ink)
    return Region(x, y, right - x, bottom - y, ink)


def turn_where_unsure(
    classified: list[Classified], classifier: DigitClassifier
) -> list[Classified]:
    """Return Classified, the unsure ones with mean probabilities over small turns.

    The image as it is and turned by each of TURNS count alike (test-time augmentation).
    """
    unsure = [
        i for i, candidate in enumerate(classified) if candidate.confidence < SURE
    ]
    if not unsure:
        return classified
    middle = (SIZE - 1) / 2, (SIZE - 1) / 2
    turns = [cv2.getRotationMatrix2D(middle, degrees, 1) for degrees in TURNS]
    images = [
        cv2.warpAffine(classified[index].image, turn, (SIZE, SIZE))
        for index in unsure
        for turn in turns
    ]
    probabilities = classifier.probabilities(np.array(images))
    turned = probabilities.reshape(len(unsure), len(TURNS), -1)
    classified = list(classified)
    for index, rows in zip(unsure, turned, strict=True):
        candidate = classified[index]
        mean = np.vstack([candidate.probabilities[None], rows]).mean(axis=0)
        classified[index] = candidate._replace(probabilities=mean)
    return classified
