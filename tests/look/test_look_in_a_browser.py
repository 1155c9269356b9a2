"""The page of `look` in Chromium, by keys and clicks."""

import json
from pathlib import Path

import pytest

from browser import CHROMIUM, PHONE, Browser
from look.server import running
from sahelclf.bundle.labeller import Labeller

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
HOSTILE = "<img src=x onerror=alert(1)> The boat crews landed a catch of herring at the quay."
OTHER = "The dredger dug mud from the channel for the harbour works, and residents protested."


@pytest.fixture(scope="module")
def page(bundle, tmp_path_factory):
    """The page, and the server's address."""
    with (
        running(Labeller.load(bundle)) as client,
        Browser(tmp_path_factory.mktemp("browser")) as browser,
    ):
        browser.screen()
        browser.call("Page.navigate", url=f"{client.address}/")
        browser.wait("document.body && document.body.dataset.ready === 'true'")
        yield browser, client


def labelled(browser) -> None:
    browser.wait("document.querySelector('#status').textContent.startsWith('Labelled in')")


def test_a_text_is_labelled_by_keys_alone(page):
    browser, client = page
    browser.run("document.querySelector('#text').focus()")
    browser.type(f"{HOSTILE}\n\n{OTHER}")
    browser.press("Enter", modifiers=2)
    labelled(browser)
    browser.wait("!document.querySelector('#result').hidden")
    assert HOSTILE in browser.text("#passages")
    assert browser.run("document.images.length") == 0
    shown = json.loads(str(browser.run("document.querySelector('#json pre').textContent")))
    assert shown == client("POST", "/api/label", {"text": f"{HOSTILE}\n\n{OTHER}"})[2]
    assert "fishing" in browser.text("#topics")
    assert "see passage" in browser.text("#topics")
    assert browser.run("document.activeElement.id") == "result"  # a screen reader goes on there


def test_a_shared_link_holds_the_filter_and_no_text(page):
    browser, _ = page
    browser.click("#filters button[data-topic=dredging]")
    address = str(browser.run("location.href"))
    assert address.endswith("/#topics=dredging")
    hidden = browser.run("[...document.querySelectorAll('.passage')].map((p) => p.hidden)")
    assert hidden
    browser.click("#filters button[data-topic=dredging]")
    assert "#" not in str(browser.run("location.href"))


def test_a_file_is_opened(page, tmp_path: Path):
    browser, _ = page
    table = tmp_path / "a.csv"
    table.write_text(
        "id,text\na,The boat crews landed a catch of herring.\nb,\nc,The dredger dug mud.\n"
    )
    browser.choose_file("#file", table)
    browser.wait("document.querySelector('#status').textContent.includes('1 not labelled')")
    assert "missing value (empty)" in browser.text("#status")
    assert browser.run("document.querySelectorAll('#rows button').length") == 2


def test_it_fits_a_phone_in_both_colours_and_asks_nobody_else(page):
    browser, client = page
    for dark in (False, True):
        browser.screen(dark=dark, **PHONE)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    contrast = """(() => {
      const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
        .map((x) => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
        return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
      return Math.min(...[...document.querySelectorAll('.yes .chip, #go')].map((e) => {
        const s = getComputedStyle(e), a = light(s.color), b = light(s.backgroundColor);
        return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); })); })()"""
    for dark in (False, True):
        browser.screen(dark=dark)
        assert float(browser.run(contrast)) >= 4.5
    assert browser.errors == []
    assert all(url.startswith((client.address, "blob:", "data:")) for url in browser.requests)
