"""The page to draw on, in a real Chromium without a window."""

import base64
import csv
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, serving

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]
SEVEN = [
    (0.42, 0.2),
    (0.6, 0.2),
    (0.57, 0.35),
    (0.53, 0.55),
    (0.5, 0.8),
]  # of the paper
LONGEST = 15_000  # milliseconds until something shows


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        # No close(), which may wait for ever: the engine ends its browsers itself.
        yield engine.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )


@pytest.fixture
def address(tmp_path):
    with serving(tmp_path) as (server, address):
        yield address
        server.terminate()
        server.wait(60)


@pytest.fixture
def page(browser, address):
    """The opened page; it must not report an error, nor ask another site."""
    context = browser.new_context()
    found, errors = context.new_page(), []
    found.set_default_timeout(LONGEST)
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    found.on("request", lambda request: asked(request, address, errors))
    found.goto(address)
    yield found
    context.close()
    assert errors == []


def asked(request, address, errors):
    own = re.match(r"https?://[^/]+", address)[0]
    if not request.url.startswith((own, "data:", "blob:")):
        errors.append(request.url)


def draw(page, points):
    """Draw a stroke through points, in shares of the paper."""
    box = page.locator("#drawing").bounding_box()
    places = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def wait_for(page, text):
    playwright.expect(page.locator("#reading")).to_have_text(text, timeout=LONGEST)


def test_draw_read_and_correct(page, tmp_path):
    assert "token" not in page.url
    draw(page, SEVEN)
    wait_for(page, "7")
    page.locator("#digits button").click()
    playwright.expect(page.locator("#guesses tr").first).to_contain_text("7")
    page.keyboard.press("1")
    playwright.expect(page.get_by_label("Right reading")).to_have_value("1")
    page.get_by_role("button", name="Keep the correction").click()
    playwright.expect(page.locator("#kept")).to_have_text(
        "1 correction in corrections/."
    )
    folder = tmp_path / "corrections"
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"file": "000001.png", "reading": "1"}]
    done = subprocess.run(
        [sys.executable, ROOT / "load_model.py", folder / "000001.png"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ": 7 (" in done.stdout


def test_a_picture_without_a_reading_is_corrected(page, tmp_path):
    draw(page, [(0.5, 0.5), (0.505, 0.5)])  # a dot
    wait_for(page, "No digit")
    page.get_by_label("Right reading").fill("3 14")
    page.get_by_role("button", name="Keep the correction").click()
    playwright.expect(page.get_by_label("Right reading")).to_be_disabled()
    table = (tmp_path / "corrections" / "labels.csv").read_text(encoding="utf-8")
    assert table == "file,reading\n000001.png,3 14\n"


def test_a_drawing_is_not_turned(page):
    """A number that is upside down to its writer is not."""
    for x in (0.3, 0.5):
        draw(page, [(x + 0.1, 0.8), (x, 0.75), (x + 0.02, 0.4), (x + 0.05, 0.2)])
    playwright.expect(page.locator("#reading")).not_to_have_text("Nothing yet")
    with page.expect_request("**/read*") as asked_for:
        draw(page, [(0.8, 0.2), (0.8, 0.8)])
    assert "turn=false" in asked_for.value.url


def test_the_command_that_learns(page, tmp_path):
    """It is shown on demand, and of itself from ten corrections on."""
    folder = tmp_path / "corrections"
    folder.mkdir()
    for count, is_shown in ((1, False), (10, True)):
        lines = ["file,reading", *(f"{number}.png,7" for number in range(count))]
        (folder / "labels.csv").write_text("\n".join(lines))
        page.reload()
        playwright.expect(page.locator("#learn")).to_be_visible()
        playwright.expect(page.locator("#command")).to_be_visible(visible=is_shown)
        page.locator("#learn").click()
        playwright.expect(page.locator("#command")).to_contain_text(
            f"python3 {ROOT / 'tf_cnn.py'} --own corrections --save_weights mine.hdf5"
        )
        playwright.expect(page.locator("#command")).to_be_visible()


def test_forty_strokes_in_a_row(page):
    for number in range(40):
        x, y = 0.05 + 0.09 * (number % 10), 0.1 + 0.22 * (number // 10)
        draw(page, [(x + 0.02, y), (x + 0.02, y + 0.15)])
    wait_for(page, re.compile(r"^[1 ]+$"))
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "Nothing yet")


def test_a_photograph_is_dropped(page):
    content = (ROOT / "assets" / "images" / "314159a.jpg").read_bytes()
    page.evaluate(
        """(content) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "a.jpg", { type: "image/jpeg" }));
            const event = { dataTransfer: transfer, bubbles: true, cancelable: true };
            const paper = document.getElementById("paper");
            paper.dispatchEvent(new DragEvent("drop", event));
        }""",
        base64.b64encode(content).decode(),
    )
    wait_for(page, "314159")
    assert page.locator("#boxes rect").count() == 6
    page.set_viewport_size({"width": 360, "height": 640})  # a phone
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


def test_a_file_that_is_no_picture(page):
    """It does not cost the drawing."""
    draw(page, SEVEN)
    wait_for(page, "7")
    drawn = page.evaluate("document.getElementById('drawing').toDataURL()")
    page.set_input_files(
        "#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"x"}
    )
    wait_for(page, re.compile("not a picture"))
    assert page.evaluate("document.getElementById('drawing').toDataURL()") == drawn
    draw(page, SEVEN)
    wait_for(page, "7")


def test_a_second_tab(page, address):
    other = page.context.new_page()
    other.goto(address)
    for each in (page, other):
        draw(each, SEVEN)
        wait_for(each, "7")


def test_another_browser_without_the_token(browser, address):
    context = browser.new_context()
    answer = context.new_page().goto(address.partition("?")[0])
    assert answer.status == 403
    context.close()
