"""Extract the ink of a picture, whatever the light, the paper and the pen."""

import cv2
import numpy as np

from digits.image import SQUARE, upper_median
from digits.reading.ruled_lines import without_lines

LEVELS = np.arange(256)  # of a uint8
FLAT_SHARE = 0.5  # of a picture and of its border: a drawing's ground is of one colour
HALFTONE = 40  # of 255: colours this near to the ground …
HALFTONE_SHARE = 0.15  # … cover no more of a drawing: faint strokes and rims
COARSE_SIDE = 192  # pixels of the small picture that the paper is estimated on
MEDIAN_SHARE = 0.3  # of the coarse side: wider than strokes, narrower than the light
BLUR_SHARE = 0.04  # of the coarse side
PAPER_RATIO = 0.92  # of the rough background: what is darker may be ink
PEN_FACTOR = 1.5  # times as dark as the darkest noise: a pen is at least this dark
DARKEST_PAPER = 32  # of 255: on darker paper the ratio of ink to paper tells nothing
DIMMEST_CHANNEL = 0.25  # of the paper's brightest channel: yellow paper has no blue
FAINTEST = 3  # of 255: the difference of the faintest ink of a drawing to its ground
FAINTEST_PHOTOGRAPHED = 6  # of 255: the faintest pencil's share of the paper's light
STEP = 40  # of 255: where the surroundings change this much, they tell nothing
NOISE_FACTOR = 6  # ink differs from paper by so many standard deviations of its noise


def extract_ink(picture: np.ndarray) -> np.ndarray:
    """Return the ink of a picture: (H, W) uint8, 0 = paper, 255 = ink.

    picture: (H, W, 3) uint8 BGR. It is divided by the paper's brightness, estimated
    around each pixel from pixels that are not ink, then the ink is stretched to 255.
    All zeros when nothing stands out from the paper's noise.
    """
    paper = flat_paper(picture)
    if paper is not None:
        difference = cv2.absdiff(picture, paper)  # pyright: ignore[reportArgumentType, reportCallIssue]
        darkness = without_lines(largest_channel(difference), FAINTEST)
        return stretch(darkness, 0, FAINTEST)
    small = coarse(picture)
    if is_light_on_dark(small):
        picture, small = 255 - picture, 255 - small
    darkness = missing_light(picture, small)
    noise = noise_of(darkness)
    floor = max(FAINTEST_PHOTOGRAPHED, NOISE_FACTOR * noise)
    return stretch(without_lines(darkness, floor), noise, floor)


def flat_paper(picture: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return the one colour of a drawing's ground, or None for a photograph.

    picture: (H, W, 3) uint8 BGR; the colour: (blue, green, red, 0), as OpenCV takes it.
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
    blue, green, red = picture.reshape(-1, 3)[(gray == mode).argmax()].tolist()
    return blue, green, red, 0


def largest_channel(picture: np.ndarray) -> np.ndarray:
    """Return the largest channel of each pixel, (H, W) uint8 of (H, W, 3) uint8."""
    blue, green, red = cv2.split(picture)
    return cv2.max(cv2.max(blue, green), red)


def coarse(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 scaled down to COARSE_SIDE."""
    scale = COARSE_SIDE / max(picture.shape)
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def is_light_on_dark(small: np.ndarray) -> bool:
    """Tell whether a coarse picture (H, W, 3) uint8 has light strokes on a dark ground.

    Strokes are the few pixels that differ much from their surroundings: they decide the
    sign of the third moment of that difference.
    """
    gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    rough = cv2.medianBlur(gray, _median_size(gray))
    difference = cv2.subtract(gray, rough, dtype=cv2.CV_32F)
    # At the edge of a sheet or a shadow the surroundings mix two brightnesses.
    window = np.ones((2 * (_median_size(gray) // 8) + 1,) * 2)
    steps = cv2.morphologyEx(rough, cv2.MORPH_GRADIENT, window)
    difference[steps > STEP] = 0
    # Not difference**3: NumPy takes a hundred times as long for that.
    return float((difference * difference**2).sum()) > 0


def missing_light(picture: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return the share of the paper's light that is missing, (H, W) uint8, 255 = all.

    picture: (H, W, 3) uint8 BGR, dark ink on bright paper; small: its coarse picture.
    The channel in which the ink is darkest counts, so red and blue ink are dark too.
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


def background(small: np.ndarray) -> np.ndarray:
    """Return the colour of the paper at each pixel of a picture, both (H, W, 3) uint8.

    A median filter finds the paper roughly; then the pixels that are not darker are
    blurred, and no others.
    """
    rough = cv2.medianBlur(small, _median_size(small))
    is_paper = (small > PAPER_RATIO * rough).astype(np.float32)
    is_paper = cv2.erode(is_paper, SQUARE)
    sigma = BLUR_SHARE * max(small.shape)
    weight = cv2.GaussianBlur(is_paper, (0, 0), sigma) + 1e-3
    paper = cv2.GaussianBlur(is_paper * small, (0, 0), sigma) + 1e-3 * rough
    return np.rint(paper / weight).astype(np.uint8)


def noise_of(darkness: np.ndarray) -> float:
    """Return the standard deviation of the paper's noise in darkness (H, W) uint8.

    It is estimated from the median deviation or, if that is more, from the median
    difference of neighbours: where a camera's pixels are saturated, most paper deviates
    by nothing.
    """
    median = float(_median(darkness))
    deviations = cv2.absdiff(darkness, median)  # pyright: ignore[reportArgumentType, reportCallIssue]
    differences = cv2.absdiff(darkness[:, 1:], darkness[:, :-1])
    # Each factor turns a normal distribution's median into its standard deviation.
    return max(1.4826 * _exact_median(deviations), 1.0484 * _exact_median(differences))


def stretch(darkness: np.ndarray, noise: float, floor: float) -> np.ndarray:
    """Return darkness (H, W) uint8 as ink (H, W) uint8: noise 0, the pen 255.

    noise: its standard deviation; floor: the darkness up to which it is noise. Otsu's
    threshold (1979) separates the pen from its rims and from fainter marks.
    """
    marks = darkness[darkness > floor]
    if not len(marks):
        return np.zeros(darkness.shape, np.uint8)
    otsu = cv2.THRESH_BINARY + cv2.THRESH_OTSU
    threshold, _ = cv2.threshold(marks[:, None], 0, 255, otsu)
    pen = marks[marks > threshold]
    level = int(upper_median(pen if len(pen) else marks))
    if level < PEN_FACTOR * floor:
        return np.zeros(darkness.shape, np.uint8)
    bottom = min(2 * noise, level / 2)
    ramp = 255 * np.clip((LEVELS - bottom) / (level - bottom), 0, 1)
    return cv2.LUT(darkness, ramp.astype(np.uint8))


def _median(values):
    """Return the upper median of uint8 values."""
    return _median_of(histogram(values))


def histogram(values: np.ndarray) -> np.ndarray:
    """Return how often each of 0 to 255 is among uint8 values: (256,) int64."""
    counts = cv2.calcHist([values], [0], None, [256], [0, 256])
    return counts.ravel().astype(np.int64)


def _median_of(counts):
    """Return the upper median of counts (256,) of the values 0 to 255."""
    total = np.cumsum(counts)
    return int(np.searchsorted(total, total[-1] // 2, side="right"))


def _exact_median(values):
    """Return the median, as a float, that rounded uint8 values had before rounding.

    It is interpolated within the median's bin; where most values are 0, so is it.
    """
    counts = histogram(values)
    median = _median_of(counts)
    below = counts[:median].sum()
    return max(0, median - 0.5 + (counts.sum() / 2 - below) / counts[median])


def _median_size(small):
    return 2 * int(MEDIAN_SHARE * max(small.shape) / 2) + 1
