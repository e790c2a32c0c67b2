"""Draw on the page of `load_model.py --browser` in Chromium, and keep pictures of it.

    python3 benchmarks/screenshot.py

Writes browser.png, a number and its reading, and correction.png, a 4 that looks like a
gate and is corrected, to assets/figures/. Needs playwright and Debian's chromium, as
the tests of the page do (requirements/test.txt).
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright import sync_api

from digits import UserError
from digits.synthesis import forms
from digits.synthesis.strokes import parse, smooth
from digits.terminal import cli

FIGURES = ROOT / "assets" / "figures"
NUMBER = "27182"  # the first forms of digits.synthesis.forms
GATE = "0,100 0,0 0,0 70,0 70,0 70,100", "0,30 70,30", "35,0 35,30"  # noted likewise
HEIGHT, GAP = 0.4, 0.12  # of a digit, between two, as shares of the paper's height
WIDTH, WINDOW_HEIGHT = 1100, 560  # pixels of the window


def draw(page, glyphs):
    """Write forms on the paper with the mouse, noted as in digits.synthesis.forms."""
    paper = page.locator("#drawing").bounding_box()
    corner = np.array([paper["x"] + 0.12 * paper["width"], paper["y"]])
    corner[1] += 0.3 * paper["height"]
    for glyph in glyphs:
        strokes = [smooth(stroke) * HEIGHT for stroke in parse(glyph)]
        for stroke in strokes:
            points = corner + stroke * paper["height"]
            page.mouse.move(*points[0].tolist())
            page.mouse.down()
            for point in points[1:].tolist():
                page.mouse.move(*point)
            page.mouse.up()
        width = max(stroke[:, 0].max() for stroke in strokes)
        corner[0] += (width + GAP) * paper["height"]


def take_pictures(address, chromium):
    """Write the pictures of the page at an address."""
    with sync_api.sync_playwright() as engine:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = engine.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": WIDTH, "height": WINDOW_HEIGHT})
        page.goto(address)
        reading = sync_api.expect(page.locator("#reading"))
        draw(page, [forms.DIGITS[digit][0] for digit in NUMBER])
        reading.to_have_text(NUMBER, timeout=15_000)
        page.screenshot(path=FIGURES / "browser.png")
        page.get_by_role("button", name="Clear").click()
        draw(page, [GATE])
        reading.not_to_have_text("Nothing yet")
        page.wait_for_load_state("networkidle")
        page.get_by_label("Right reading").fill("4")
        page.screenshot(path=FIGURES / "correction.png")
        browser.close()


@cli.report_errors
def main(argv=None):
    """Take the pictures; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise UserError("chromium: not installed")
    command = [sys.executable, ROOT / "load_model.py", "--browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            take_pictures(server.stdout.readline().strip(), chromium)
        finally:
            server.terminate()
    print(f"wrote browser.png and correction.png to {FIGURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
