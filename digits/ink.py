"""Which pixels are ink, and how much: whatever the light, the paper and the pen."""

import cv2
import numpy as np

from digits.lines import without_lines
from digits.normalise import upper_median

LEVELS = np.arange(256)
FLAT_SHARE = 0.5  # of a picture and of its border: a drawing's ground is of one colour
HALFTONE = 40  # of 255: so near to the ground …
HALFTONE_SHARE = 0.15  # … is not more of a drawing than faint strokes and their rims
COARSE_SIDE = 192  # pixels of the small picture that the paper is estimated on
MEDIAN_SHARE = 0.3  # of the coarse side: wider than strokes, narrower than the light
BLUR_SHARE = 0.04  # of the coarse side
PAPER_RATIO = 0.92  # of the rough background: darker than this may be ink
PEN_FACTOR = 1.5  # times as dark as the darkest noise: else no pen was there
DARKEST_PAPER = 32  # of 255: nothing is told from darker paper by its ratio
DIMMEST_CHANNEL = 0.25  # of the paper's brightest channel: yellow paper has no blue
FAINTEST = 3  # of 255: what the faintest ink of a drawing differs by from its ground
FAINTEST_PHOTOGRAPHED = 6  # of 255: the faintest pencil's share of the paper's light
STEP = 40  # of 255: where the surroundings change so much, they tell nothing
NOISE_FACTOR = 6  # ink differs from paper by so many standard deviations of its noise


def extract_ink(picture, light_on_dark=None):
    """Return the ink of a picture: (H, W) uint8, 0 = paper, 255 = ink.

    picture: (H, W, 3) uint8 BGR; light_on_dark: whether its ink is lighter than its
    paper, None to tell it from the picture. The paper's own brightness, estimated
    around each pixel from pixels that are not ink, is divided out, then the ink is
    stretched to 255. All zeros when nothing stands out of the paper's noise.
    """
    if light_on_dark is None:
        paper = flat_paper(picture)
        if paper is not None:
            darkness = largest_channel(cv2.absdiff(picture, paper))
            return stretch(without_lines(darkness, FAINTEST), 0, FAINTEST)
    small = coarse(picture)
    if light_on_dark is None:
        light_on_dark = is_light_on_dark(small)
    if light_on_dark:
        picture, small = 255 - picture, 255 - small
    darkness = missing_light(picture, small)
    noise = noise_of(darkness)
    floor = max(FAINTEST_PHOTOGRAPHED, NOISE_FACTOR * noise)
    return stretch(without_lines(darkness, floor), noise, floor)


def flat_paper(picture):
    """Return the one colour of a drawing's ground, None of a photograph.

    It is (blue, green, red, 0), as OpenCV takes a colour.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    counts = histogram(gray)
    mode = int(counts.argmax())
    near = counts[max(0, mode - HALFTONE) : mode + HALFTONE + 1].sum()
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    is_flat = (
        counts[mode] >= FLAT_SHARE * gray.size
        and np.count_nonzero(border == mode) >= FLAT_SHARE * border.size
        and near - counts[mode] <= HALFTONE_SHARE * gray.size
    )
    if not is_flat:
        return None
    return *picture.reshape(-1, 3)[(gray == mode).argmax()].tolist(), 0


def largest_channel(picture):
    """Return the largest of a picture's three channels, (H, W) uint8."""
    blue, green, red = cv2.split(picture)
    return cv2.max(cv2.max(blue, green), red)


def coarse(picture):
    """Return a picture (H, W, 3) uint8 scaled down to COARSE_SIDE."""
    scale = COARSE_SIDE / max(picture.shape)
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def is_light_on_dark(small):
    """Tell whether a coarse picture has light strokes on a dark ground.

    Strokes are the few pixels that differ much from their surroundings: the sign of the
    third moment of that difference is theirs.
    """
    gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    rough = cv2.medianBlur(gray, _median_size(gray))
    difference = cv2.subtract(gray, rough, dtype=cv2.CV_32F)
    # At the edge of a sheet or a shadow the surroundings are of two kinds.
    window = np.ones((2 * (_median_size(gray) // 8) + 1,) * 2)
    steps = cv2.morphologyEx(rough, cv2.MORPH_GRADIENT, window)
    difference[steps > STEP] = 0
    return float((difference**3).sum()) > 0


def missing_light(picture, small):
    """Return the share of the paper's light that is missing, (H, W) uint8, 255 = all.

    picture: (H, W, 3) uint8 BGR, dark ink on bright paper; small: its coarse picture.
    The channel in which ink is darkest counts: so red and blue ink are dark.
    """
    height, width = picture.shape[:2]
    paper = background(small)
    paper = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    if paper.min() < DARKEST_PAPER:
        brighter = np.maximum(paper, DARKEST_PAPER)
        picture = cv2.add(picture, brighter - paper)
        paper = brighter
    share = cv2.divide(picture, paper, scale=255, dtype=cv2.CV_8U)
    light = [_median(channel) for channel in cv2.split(small)]
    brightest = max(light)
    channels = [
        channel
        for channel, brightness in zip(cv2.split(share), light, strict=True)
        if brightness >= DIMMEST_CHANNEL * brightest
    ]
    darkest = channels[0]
    for channel in channels[1:]:
        darkest = cv2.min(darkest, channel)
    return 255 - darkest


def background(small):
    """Return the colour of the paper at each pixel, (H, W, 3) uint8.

    A median finds the paper roughly; then the pixels that are not darker are
    blurred, leaving out all others.
    """
    rough = cv2.medianBlur(small, _median_size(small))
    is_paper = np.float32(small > PAPER_RATIO * rough)
    is_paper = cv2.erode(is_paper, np.ones((3, 3)))
    sigma = BLUR_SHARE * max(small.shape)
    weight = cv2.GaussianBlur(is_paper, (0, 0), sigma) + 1e-3
    paper = cv2.GaussianBlur(is_paper * small, (0, 0), sigma) + 1e-3 * rough
    return np.uint8(np.rint(paper / weight))


def noise_of(darkness):
    """Return the standard deviation of the paper's noise in darkness (H, W) uint8.

    It is the median deviation, or neighbours' median difference if that is more: where
    paper is as bright as a camera can tell, most pixels deviate by nothing.
    """
    middle = _median(darkness)
    deviation = _exact(cv2.absdiff(darkness, float(middle)))
    difference = _exact(cv2.absdiff(darkness[:, 1:], darkness[:, :-1]))
    return max(1.4826 * deviation, 1.0484 * difference)  # as of a normal distribution


def stretch(darkness, noise, floor):
    """Return darkness (H, W) uint8 as ink (H, W) uint8: noise 0, the pen 255.

    noise: its standard deviation; floor: the darkness that is no noise. Otsu's
    threshold (1979) parts the pen from its rims and from fainter marks.
    """
    candidates = darkness[darkness > floor]
    if not len(candidates):
        return np.zeros(darkness.shape, np.uint8)
    otsu = cv2.THRESH_BINARY + cv2.THRESH_OTSU
    threshold, _ = cv2.threshold(candidates[:, None], 0, 255, otsu)
    pen = candidates[candidates > threshold]
    level = int(upper_median(pen if len(pen) else candidates))
    if level < PEN_FACTOR * floor:
        return np.zeros(darkness.shape, np.uint8)
    bottom = min(2 * noise, level / 2)
    ramp = 255 * np.clip((LEVELS - bottom) / (level - bottom), 0, 1)
    return cv2.LUT(darkness, np.uint8(ramp))


def _median(values):
    """Return the upper median of uint8 values."""
    return _middle(histogram(values))


def histogram(values):
    """Return how often each of 0 to 255 is among uint8 values: (256,) int64."""
    counts = cv2.calcHist([values], [0], None, [256], [0, 256])
    return counts.ravel().astype(np.int64)


def _middle(counts):
    """Return the upper median of counts (256,) of the values 0 to 255."""
    total = np.cumsum(counts)
    return int(np.searchsorted(total, total[-1] // 2, side="right"))


def _exact(values):
    """Return the median of uint8 values that were rounded, exact to less than one.

    Where most are 0, as on paper without noise, so is the median.
    """
    counts = histogram(values)
    middle = _middle(counts)
    below = counts[:middle].sum()
    return max(0, middle - 0.5 + (counts.sum() / 2 - below) / counts[middle])


def _median_size(small):
    return 2 * int(MEDIAN_SHARE * max(small.shape) / 2) + 1
