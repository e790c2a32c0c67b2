"""Which pixels are ink, and how much: whatever the light, the paper and the pen."""

import cv2
import numpy as np

COARSE_SIDE = 192  # pixels of the small picture that the paper is estimated on
MEDIAN_SHARE = 0.3  # of the coarse side: wider than strokes, narrower than the light
BLUR_SHARE = 0.04  # of the coarse side
PAPER_RATIO = 0.92  # of the rough background: darker than this may be ink
DARKEST_PAPER = 32  # of 255: nothing is told from darker paper by its ratio
DIMMEST_CHANNEL = 0.25  # of the paper's brightest channel: yellow paper has no blue
FAINTEST = 0.025  # share of the paper's light that the faintest pencil takes away
NOISE_FACTOR = 5  # ink differs from paper by so many standard deviations of its noise


def extract_ink(picture):
    """Return the ink of a picture: (H, W) uint8, 0 = paper, 255 = ink.

    picture: (H, W, 3) uint8 BGR. The paper's own brightness, estimated around each
    pixel from pixels that are not ink, is divided out, then the ink is stretched to
    255. All zeros when nothing stands out of the paper's noise.
    """
    if is_light_on_dark(picture):
        picture = 255 - picture
    channels = cv2.split(picture)
    light = [_median(_coarse(channel)) for channel in channels]
    # The channel in which ink is darkest counts: so red and blue ink are dark.
    darkness = [
        missing_light(channel)
        for channel, brightness in zip(channels, light, strict=True)
        if brightness >= DIMMEST_CHANNEL * max(light)
    ]
    return stretch(np.max(darkness, axis=0))


def missing_light(channel):
    """Return the share of the paper's light that is missing, (H, W) float32, up to 1.

    channel: (H, W) uint8, dark ink on bright paper.
    """
    paper = background(channel)
    return (paper - channel) / np.maximum(paper, DARKEST_PAPER)


def is_light_on_dark(picture):
    """Tell whether a BGR picture has light strokes on a dark ground.

    Strokes are the few pixels that differ much from their surroundings: the sign of the
    third moment of that difference is theirs.
    """
    small = _coarse(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    difference = small - cv2.medianBlur(small, _median_size(small)).astype(np.float32)
    return float((difference**3).sum()) > 0


def background(channel):
    """Return the brightness of the paper at each pixel, (H, W) float32.

    A median finds the paper roughly; then the pixels that are not darker are
    blurred, leaving out all others.
    """
    small = _coarse(channel)
    rough = cv2.medianBlur(small, _median_size(small)).astype(np.float32)
    is_paper = np.float32(small > PAPER_RATIO * rough)
    is_paper = cv2.erode(is_paper, np.ones((3, 3)))
    sigma = BLUR_SHARE * max(small.shape)
    weight = cv2.GaussianBlur(is_paper, (0, 0), sigma) + 1e-3
    paper = cv2.GaussianBlur(is_paper * small, (0, 0), sigma) + 1e-3 * rough
    height, width = channel.shape
    return cv2.resize(paper / weight, (width, height), interpolation=cv2.INTER_LINEAR)


def stretch(darkness):
    """Return darkness (H, W), up to 1, as ink (H, W) uint8: noise 0, the pen 255.

    The noise is the median deviation, or neighbours' median difference if that is more:
    where paper is as bright as a camera can tell, most pixels deviate by nothing.
    """
    deviation = _median(np.abs(darkness - _median(darkness)))
    difference = _median(np.abs(np.diff(darkness, axis=1)))
    noise = max(1.4826 * deviation, 1.0484 * difference)  # as of a normal distribution
    candidates = darkness[darkness > max(FAINTEST, NOISE_FACTOR * noise)]
    if not len(candidates):
        return np.zeros(darkness.shape, np.uint8)
    threshold = _otsu(candidates)
    level = _median(candidates[candidates >= threshold])
    floor = min(2 * noise, level / 2)
    return np.uint8(255 * np.clip((darkness - floor) / (level - floor), 0, 1))


def _median(values):
    """Return the upper median; np.median would import another 10 ms of NumPy."""
    middle = values.size // 2
    return float(np.partition(values, middle, axis=None)[middle])


def _otsu(values):
    """Return the threshold that best parts values (N,), 0 to 1, in two (Otsu, 1979)."""
    column = np.uint8(255 * values)[:, None]
    threshold, _ = cv2.threshold(column, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return threshold / 255


def _coarse(gray):
    scale = COARSE_SIDE / max(gray.shape)
    if scale >= 1:
        return gray
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def _median_size(small):
    return 2 * int(MEDIAN_SHARE * max(small.shape) / 2) + 1
