"""Draw assets/images/: digits that look handwritten, to try load_model.py on.

    python3 benchmarks/draw_images.py

Each picture is drawn from strokes, with a pen, paper, light, size and format of its
own; the pictures are the same each time.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits.synthesis.strokes import parse, smooth
from digits.terminal import cli, files

FOLDER = ROOT / "assets" / "images"
FINE = 4  # times the final size, at which strokes are drawn

# The strokes of each digit and of a sign, as in digits.synthesis.strokes.LETTERS:
# points x,y in a box 70 wide and 100 high, y downwards; a point given twice makes a
# corner.
STROKES = {
    "0": ["40,0 10,20 5,60 30,100 60,70 60,20 40,0"],
    "1": ["15,30 40,0 40,0 38,50 37,100"],
    "2": ["10,25 33,0 60,20 40,60 5,100 5,100 40,95 68,100"],
    "3": ["10,12 38,0 58,20 30,45 30,45 64,65 45,98 5,90"],
    "4": ["38,0 20,35 3,66 3,66 70,62", "54,30 50,70 48,100"],
    "5": ["16,3 10,45 10,45 40,38 63,66 42,98 5,92", "16,3 62,0"],
    "6": ["52,0 20,35 7,75 33,100 60,77 38,55 9,75"],
    "7": ["5,4 64,2 64,2 40,50 28,100"],
    "8": ["56,13 30,0 12,22 36,47 60,76 33,100 7,77 36,47 58,22 50,8"],
    "9": ["56,22 30,48 8,25 33,0 57,20 57,20 53,60 42,100"],
    "/": ["48,-8 6,106"],
}

BLACK, BLUE, RED, PENCIL, WHITE = (
    (35, 30, 30),
    (150, 60, 25),
    (40, 40, 190),
    (120, 120, 120),
    (250, 250, 250),
)  # BGR


def draw_digit(ink, digit, x, y, height, pen, random):
    """Draw a digit with wobbly strokes into ink (H, W) uint8, FINE times enlarged.

    digit: 0 to 9, as a number or text, or "/"; x, y: the upper left corner of its box;
    height: of the digit; pen: width of the strokes; all in pixels of the final picture.
    """
    slant, turn = random.normal(0, 0.1), random.normal(0, 0.05)
    matrix = np.array([[1, turn], [-slant - turn, 1]]) * height * FINE
    for points in parse(STROKES[str(digit)]):
        wobbly = points + random.normal(0, 0.012, points.shape)
        curve = smooth(wobbly) @ matrix + np.array([x + slant * height, y]) * FINE
        pressure = 1 + 0.18 * np.sin(random.uniform(0, 6) + np.arange(len(curve)) / 15)
        widths = np.maximum(1, np.rint(pen * FINE * pressure)).astype(int)
        corners = np.rint(curve).astype(int)
        for start, end, width in zip(corners, corners[1:], widths, strict=False):
            cv2.line(ink, start.tolist(), end.tolist(), 255, int(width), cv2.LINE_AA)


def draw_ink(width, height, digits, pen, random):
    """Return ink (height, width), 0 to 1, of digits [(digit, x, y, height)].

    pen: width of the strokes in pixels.
    """
    ink = np.zeros((height * FINE, width * FINE), np.uint8)
    for digit, x, y, digit_height in digits:
        draw_digit(ink, digit, x, y, digit_height, pen, random)
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA) / 255


def on_paper(ink, pen_colour, paper_colour, random, shade=0.0, noise=0.0, ruled=0):
    """Return a picture (H, W, 3) uint8 BGR of ink (H, W), 0 to 1, on paper.

    shade: how much darker the lower right corner is, 0 to 1; noise: standard deviation
    of the grain, 0 to 255; ruled: pixels between blue-gray lines, 0 for none.
    """
    height, width = ink.shape
    paper = np.tile(np.array(paper_colour, np.float32), (height, width, 1))
    if ruled:
        paper[ruled::ruled] = np.array(paper_colour) * (0.95, 0.88, 0.84)
    picture = paper + ink[..., None] * (np.array(pen_colour, np.float32) - paper)
    across = np.linspace(0, 1, width)[None, :, None]
    down = np.linspace(0, 1, height)[:, None, None]
    picture *= 1 - shade * (across + down) / 2
    picture += random.normal(0, noise, (height, width, 1)) if noise else 0
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def write(name, picture, orientation=1):
    """Write a picture to FOLDER; orientation: the EXIF value of a JPEG, 1 for none."""
    _, content = cv2.imencode(Path(name).suffix, picture)
    content = content.tobytes()
    if orientation != 1:
        # A TIFF header and one entry: tag 0x112, type 3 (short), count 1, the value.
        entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0])
        tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
        exif = b"Exif\x00\x00" + tiff
        length = (len(exif) + 2).to_bytes(2, "big")
        content = content[:2] + b"\xff\xe1" + length + exif + content[2:]
    files.write_bytes(FOLDER / name, content)


def draw_single_digits(random):
    """Write 0a.jpg to 9a.jpg: photographs and scans of one digit, all different."""
    white, cream, gray, board = (
        (245, 248, 250),
        (205, 232, 245),
        (190, 192, 195),
        (60, 80, 50),
    )
    styles = [
        # digit, side, height, pen, pen colour, paper, shade, noise
        (0, 320, 200, 9, BLACK, white, 0.1, 2),
        (1, 320, 190, 8, BLUE, cream, 0.35, 4),
        (2, 240, 150, 12, RED, white, 0.2, 3),
        (3, 640, 180, 6, BLUE, white, 0.3, 4),
        (4, 400, 260, 5, PENCIL, white, 0.15, 4),
        (5, 360, 230, 16, BLACK, gray, 0.4, 5),
        (6, 300, 200, 10, WHITE, board, 0.2, 4),
        (7, 480, 200, 7, BLUE, white, 0.25, 3),
        (8, 200, 130, 4, BLACK, cream, 0.1, 2),
        (9, 400, 250, 20, RED, white, 0.45, 4),
    ]
    for digit, side, height, pen, colour, paper, shade, noise in styles:
        corner = np.array((side - 0.7 * height, side - height)).astype(int) // 2
        shift = random.integers(-side // 12, side // 12 + 1, 2)
        digits = [(digit, *(corner + shift), height)]
        ink = draw_ink(side, side, digits, pen, random)
        picture = on_paper(ink, colour, paper, random, shade, noise)
        write(f"{digit}a.jpg", picture)


def draw_special_pictures(random):
    """Write a small drawing, a transparent one, a turned photograph, rows of digits."""
    ink = draw_ink(28, 28, [(2, 6, 4, 19)], 1, random)
    write("2b.png", on_paper(ink, BLACK, WHITE, random))
    ink = draw_ink(160, 160, [(3, 45, 25, 110)], 8, random)
    transparent = np.zeros((160, 160, 4), np.uint8)
    transparent[..., 3] = np.rint(255 * ink)
    write("3b.png", transparent)
    ink = draw_ink(320, 320, [(7, 90, 60, 200)], 10, random)
    picture = on_paper(ink, BLUE, (245, 248, 250), random, 0.2, 3)
    write("7b.jpg", np.rot90(picture).copy(), orientation=6)
    row = [(digit, 40 + 95 * k, 50, 90) for k, digit in enumerate((3, 1, 4, 1, 5, 9))]
    ink = draw_ink(640, 190, row, 6, random)
    write("314159a.jpg", on_paper(ink, BLUE, (235, 245, 250), random, 0.3, 3))
    draw_page(random)


def draw_page(random):
    """Write page.jpg: four rows of digits, unevenly lit."""
    digits = []
    for line, text in enumerate(("0123456789", "31415926", "2718281828", "16180339")):
        for column, digit in enumerate(text):
            x, y = random.normal((50 + 84 * column, 50 + 150 * line), 4)
            digits.append((digit, x, y, random.uniform(75, 95)))
    ink = draw_ink(920, 660, digits, 6, random)
    write("page.jpg", on_paper(ink, BLUE, (228, 240, 246), random, 0.35, 3))


def draw_date(random):
    """Write date.jpg: 22/11/2026 on ruled paper."""
    digits, x = [], 40
    for character in "22/11/2026":
        digits.append((character, x, 66, 72))
        x += 56 if character == "/" else 66
    ink = draw_ink(720, 200, digits, 5, random)
    write("date.jpg", on_paper(ink, BLACK, (238, 246, 250), random, 0.15, 2, ruled=48))


@cli.report_errors
def main(argv=None):
    """Draw all pictures; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    random = np.random.default_rng(2026)
    draw_single_digits(random)
    draw_special_pictures(random)
    draw_date(random)
    return 0


if __name__ == "__main__":
    sys.exit(main())
