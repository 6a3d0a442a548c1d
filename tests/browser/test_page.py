"""The page in a real browser: it draws, it asks for nothing, and everyone can read it."""

import csv
import io
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from auditkit.report.html import _packed
from auditkit.report.json import dumps, loads
from auditkit.results import Status
from tests.report.samples import empty, explained, sample

LOCAL = ("file:", "data:", "blob:", "about:")


def downloaded(folder: Path, name: str) -> bytes:
    path = folder / name
    for _ in range(200):
        if path.exists() and path.stat().st_size:
            return path.read_bytes()
        time.sleep(0.05)
    raise AssertionError(f"{name} was not downloaded")


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_figure_is_drawn_without_a_complaint_or_a_request(chromium, width, dark):
    path = chromium.open(sample(), width=width, dark=dark)
    chromium.draw_all()
    plots, drawn, wide = chromium.run(
        """
        const plots = [...document.querySelectorAll(".plot")];
        const drawn = plots.filter((one) => one.querySelector(".main-svg .trace, .main-svg .bars"));
        return [plots.length, drawn.length, document.documentElement.scrollWidth];
        """
    )
    assert plots == drawn == 10
    assert wide <= width
    assert chromium.complaints() == []
    requests = chromium.requests()
    assert path.as_uri() in requests
    assert [one for one in requests if not one.startswith(LOCAL)] == []
    assert path.stat().st_size <= 2_500_000


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_explanations_are_drawn_without_a_complaint_or_a_request(chromium, width, dark):
    chromium.open(explained(), width=width, dark=dark)
    chromium.draw_all()
    cells, images, tokens, wide, strongest, wanted = chromium.run(
        """
        const own = document.getElementById("topic-explanation");
        const cells = [...own.querySelectorAll(".plot")]
          .map((one) => one.querySelectorAll(".bars .point path").length);
        const images = [...own.querySelectorAll("img")];
        await Promise.all(images.map((one) => one.decode()));
        const seen = images.map((one) => [one.naturalWidth, one.naturalHeight]);
        const tokens = [...own.querySelectorAll(".tokens .t")]
          .map((one) => getComputedStyle(one).borderBottomWidth);
        const wide = document.documentElement.scrollWidth;
        const waves = [...own.querySelectorAll(".plot")][1];
        const strongest = waves.querySelector(".bars .point path").style.fill;
        const probe = own.appendChild(document.createElement("i"));
        probe.style.color = "var(--heat-for)";
        return [cells, seen, tokens, wide, strongest, getComputedStyle(probe).color];
        """
    )
    assert cells == [25, 12 * 29, 40 * 40]
    assert images == [[28, 28]] * 8
    assert {"0px", "1px", "2px", "3px", "4px", "5px"} <= set(tokens)
    assert strongest == wanted
    assert wide <= width
    assert chromium.complaints() == []
    assert [one for one in chromium.requests() if not one.startswith(LOCAL)] == []


def test_explanations_can_be_read_without_javascript(chromium):
    chromium.open(explained(), scripts=False)
    own = chromium.driver.find_element(By.ID, "topic-explanation")
    for text in ("No token carries any weight.", "trusted", "not tested", "the same day"):
        assert text in own.text
    assert own.find_element(By.CSS_SELECTOR, ".tiles img").is_displayed()
    assert "method 1 0.622 0.980 0.878 0.362 −0.323" in own.text


def test_nothing_is_drawn_before_it_comes_near(chromium):
    chromium.open(sample())
    assert chromium.run("return document.querySelectorAll('svg.main-svg').length") == 0


def test_an_empty_report_opens_without_a_complaint(chromium):
    chromium.open(empty())
    assert chromium.driver.find_element(By.TAG_NAME, "h1").text == "Nothing"
    assert chromium.complaints() == []


def test_tables_can_be_read_without_javascript(chromium):
    chromium.open(sample(), scripts=False)
    driver = chromium.driver
    table = driver.find_element(By.CSS_SELECTOR, "details.numbers table")
    assert table.is_displayed()
    assert "Female 7.6 % 6.9 % 8.4 % 5,421" in table.text
    assert not driver.find_element(By.CSS_SELECTOR, ".plot").is_displayed()
    for selector in ("button.csv", "button.json", "button.theme", ".filter"):
        assert not driver.find_element(By.CSS_SELECTOR, selector).is_displayed()
    assert driver.find_element(By.ID, "findings").text.count("Insufficient evidence") == 2


def test_the_theme_follows_the_system_and_the_button_turns_it(chromium):
    chromium.open(sample(), dark=True)
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert chromium.run(ground) == "rgb(20, 23, 26)"
    chromium.draw_all()
    label = "return document.querySelector('.plot .xtick text').style.fill"
    dark = chromium.run(label)
    button = chromium.driver.find_element(By.CSS_SELECTOR, "button.theme")
    assert button.text == "Light theme"
    chromium.run("document.querySelector('button.theme').click()")
    assert button.text == "Dark theme"
    assert chromium.run(ground) == "rgb(250, 249, 246)"
    assert chromium.run(label) != dark


def test_a_table_is_downloaded_as_csv_with_its_exact_numbers(chromium):
    chromium.open(sample())
    chromium.run("document.querySelector('#topic-harm button.csv').click()")
    text = downloaded(chromium.downloads, "selection-rate-by-sex.csv").decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["group", "selection rate", "low", "high", "rows"],
        ["Female", "0.0762", "0.0692", "0.0838", "5421"],
        ["Male", "0.2571", "0.2489", "0.2655", "10860"],
    ]


def test_an_undefined_number_is_an_empty_cell_of_the_csv(chromium):
    chromium.open(sample())
    chromium.run("document.querySelectorAll('#topic-harm button.csv')[1].click()")
    text = downloaded(chromium.downloads, "selection-rate-by-race.csv").decode("utf-8-sig")
    last = list(csv.reader(io.StringIO(text)))[-1]
    assert last[:4] == ["Other", "", "", ""]


def test_the_page_unpacks_what_was_packed(chromium):
    drawn = np.random.default_rng(0)
    words = ["gender", "Female", "0.25", "−", "\u00e9", "\n", '"', "漢字", "🙂", "a" * 300]
    texts = ["", "a", "ab" * 5000, "x" * 700_000, *words]
    for size in (3, 40, 1000, 30_000):  # of words, of letters, and of both far apart
        texts += ["".join(drawn.choice(words, size)), drawn.bytes(size).decode("latin-1")]
    texts.append(texts[-1] + "between" * 4000 + texts[-1][::2] + texts[-1])
    chromium.open(empty())
    for text in texts:
        packed = _packed(text)
        held = {"textContent": packed["text"], "dataset": {"size": str(packed["size"])}}
        assert chromium.run("return unpacked(arguments[0])", held) == text


def test_the_report_is_downloaded_as_json(chromium):
    chromium.open(sample())
    chromium.run("document.querySelector('button.json').click()")
    text = downloaded(chromium.downloads, "report.json").decode()
    assert dumps(loads(text)) == dumps(sample())


def test_findings_can_be_shown_by_outcome_and_a_link_brings_a_hidden_one_back(chromium):
    chromium.open(sample())
    shown = "return document.querySelectorAll('.findings tbody tr:not([hidden])').length"
    assert chromium.run(shown) == 14
    chromium.run("document.querySelector('.filter button[value=failed]').click()")
    assert chromium.run(shown) == 3
    chromium.run("location.hash = '#finding-1'; await new Promise((go) => setTimeout(go, 200))")
    assert chromium.run(shown) == 14


def test_of_many_findings_those_with_a_limit_are_shown_first_and_all_on_paper(chromium):
    whole = sample()
    said = [replace(one, status=Status.MEASURED, limit=math.nan) for one in whole.findings * 4]
    more = replace(whole.results[0], rule="AK999", status=Status.MEASURED, findings=tuple(said))
    chromium.open(replace(whole, results=(*whole.results, more)))
    shown = "return document.querySelectorAll('.findings tbody tr:not([hidden])').length"
    limited = sum(not math.isnan(one.limit) for one in whole.findings)
    assert 0 < limited < 14
    assert chromium.run(shown) == limited
    pressed = "return document.querySelector('.filter [aria-pressed=true]').textContent"
    assert chromium.run(pressed) == f"With a limit {limited}"
    assert chromium.run(f"dispatchEvent(new Event('beforeprint')); {shown}") == 70
    assert chromium.run(f"dispatchEvent(new Event('afterprint')); {shown}") == limited
    chromium.run("location.hash = '#finding-70'; await new Promise((go) => setTimeout(go, 200))")
    assert chromium.run(shown) == 70


def test_the_contents_mark_where_the_reader_is(chromium):
    chromium.open(sample())
    marked = "return document.querySelector('nav [aria-current]').textContent"
    assert chromium.run(marked) == "Verdict"
    move = "document.getElementById('{}').scrollIntoView({{behavior: 'instant'}});"
    wait = "await new Promise((go) => setTimeout(go, 200));"
    assert chromium.run(move.format("findings") + wait + marked) == "Findings"
    assert chromium.run("scrollTo({top: 1e6, behavior: 'instant'});" + wait + marked) == "Appendix"


def test_the_keyboard_goes_from_the_skip_link_through_the_contents_to_the_verdict(chromium):
    chromium.open(sample())
    names = []
    body = chromium.driver.find_element(By.TAG_NAME, "body")
    for _ in range(15):
        body.send_keys(Keys.TAB)
        focused = chromium.driver.switch_to.active_element
        names.append(focused.accessible_name)
    assert names[:3] == ["Skip to the report", "Verdict", "What to do next"]
    assert names[11:13] == ["Appendix", "Dark theme"]
    assert names[
        13
    ] == "failed: Men are predicted to earn >50K 18.1\u00a0% more often than women." or (
        names[13].startswith("failed: ")
    )
    style = "const s = getComputedStyle(document.activeElement); return s.outlineStyle"
    assert chromium.run(style) == "solid"


def test_every_scrolling_box_and_every_button_can_be_reached_by_keyboard(chromium):
    chromium.open(explained(), width=400)
    stuck = chromium.run(
        """
        for (const one of document.querySelectorAll("details")) one.open = true;
        const scrolls = (one) => one.scrollWidth > one.clientWidth + 1
          && ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
        return [...document.querySelectorAll("main *")]
          .filter((one) => scrolls(one) && one.tabIndex < 0)
          .map((one) => one.outerHTML.slice(0, 80));
        """
    )
    assert stuck == []


CONTRAST = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const [x, y, z] = [r, g, b].map(linear);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const canvas = new OffscreenCanvas(1, 1).getContext("2d");
const rgba = (text) => {  // also of color(srgb ...), which color-mix gives
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const ground = (one) => {
  for (; one; one = one.parentElement) {
    const colour = rgba(getComputedStyle(one).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255, 255];
};
for (const one of document.querySelectorAll("details")) one.open = true;
const poor = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || one.closest("svg, script")) continue;
  if (!one.checkVisibility()) continue;
  seen++;
  const [a, b] = [luminance(rgba(getComputedStyle(one).color)), luminance(ground(one))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.add(`${one.tagName}.${one.className} ${ratio.toFixed(2)}`);
}
return [seen, [...poor]];
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_asks_for(chromium, dark):
    chromium.open(explained(), dark=dark)
    seen, poor = chromium.run(CONTRAST)
    assert seen > 300
    assert poor == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_of_series_and_outcomes_stand_out_from_their_ground(chromium, dark):
    chromium.open(sample(), dark=dark)
    head = CONTRAST.split("const ground")[0]
    weak = chromium.run(
        head
        + """
        const names = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `series-${i}`)
          .concat(["failed", "passed", "insufficient", "measured", "broken", "idle", "accent"]);
        const probe = document.body.appendChild(document.createElement("p"));
        const of = (name) => {
          probe.style.color = `var(--${name})`;
          return luminance(rgba(getComputedStyle(probe).color));
        };
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const grounds = [of("surface"), of("paper")];
        return names.filter((name) => grounds.some((ground) => ratio(of(name), ground) < 3));
        """
    )
    assert weak == []


def test_print_draws_every_figure_opens_every_table_and_puts_all_back(chromium):
    chromium.open(explained(), dark=True)
    chromium.run(
        """
        for (let i = 0; i < 400 && !window.Plotly; i++)
          await new Promise((go) => setTimeout(go, 25));
        addEventListener("beforeprint", () => {
          window.atPrint = [
            document.querySelectorAll(".plot svg.main-svg .xaxislayer-above").length,
            document.querySelectorAll("details:not([open])").length,
            getComputedStyle(document.body).colorScheme,
          ];
        });
        """
    )
    chromium.command("Page.printToPDF", printBackground=True)
    drawn, folded, scheme = chromium.run("return window.atPrint")
    assert drawn == 13
    assert folded == 0
    assert scheme == "light"
    theme = chromium.run("return document.documentElement.dataset.theme ?? ''")
    opened = chromium.run("return document.querySelectorAll('details[open]').length")
    assert (theme, opened) == ("", 0)
    assert chromium.complaints() == []
