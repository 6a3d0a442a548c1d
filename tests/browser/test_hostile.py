"""Names that try to become code stay names, everywhere on the page."""

import csv
import io

import pytest

from tests.browser.test_page import LOCAL, downloaded
from tests.report.samples import NASTY, NASTY_NAMES, nasty, sample

TEXTS = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
# Images that are not our own: ours stand in the page itself.
STRANGE = """
return [...document.images].map((one) => one.src)
  .filter((one) => !one.startsWith("data:image/png;base64,"));
"""


@pytest.fixture
def page(chromium):
    chromium.open(nasty())
    chromium.draw_all()
    return chromium


def test_nothing_runs_and_nothing_is_asked_for(page):
    # An alert would stop the driver here; an <img> or a link made from a name would be found.
    assert page.run(STRANGE) == []
    assert page.run("return document.querySelectorAll('.plot a, .plot b, iframe').length") == 0
    links = page.run("return [...document.links].map((one) => one.getAttribute('href'))")
    assert [one for one in links if not one.startswith("#")] == []
    assert page.complaints() == []
    assert [one for one in page.requests() if not one.startswith(LOCAL)] == []


def test_the_page_says_the_names_letter_by_letter(page):
    assert page.run("return document.querySelector('h1').textContent") == NASTY
    assert set(NASTY_NAMES) <= set(page.run(TEXTS, "table.data tbody th"))


def test_long_names_do_not_push_the_page_wider_than_a_telephone(chromium):
    chromium.open(nasty(), width=400)
    chromium.draw_all()
    assert chromium.run("return [document.documentElement.scrollWidth, innerWidth]") == [400, 400]


def test_figures_show_tags_and_templates_as_text(page):
    shown = " ".join(page.run(TEXTS, ".plot svg text"))
    for piece in ("</script><img src=x", "<b>bold</b>", "%{x} %{customdata}", "&lt;script&gt;"):
        assert piece in shown


def test_hovering_shows_the_name_as_text(page):
    shown = page.run(
        """
        const plots = [...document.querySelectorAll(".plot")];
        const seen = [];
        for (const plot of plots) {
          for (let i = 0; i < plot.data.at(-1).hovertext.length; i++) {
            Plotly.Fx.hover(plot, [{ curveNumber: plot.data.length - 1, pointNumber: i }]);
            await new Promise((go) => setTimeout(go, 100)); // plotly slows hovering down
            for (const one of plot.querySelectorAll(".hoverlayer text")) seen.push(one.textContent);
          }
        }
        return seen;
        """
    )
    text = " ".join(shown)
    assert "<b>bold</b>" in text
    assert "%{x} %{customdata} <extra>gone</extra>" in text
    assert "</script><img src=x onerror=alert(1)>" in text
    assert page.run(STRANGE) == []


def test_a_spreadsheet_finds_no_formula_in_the_csv(page):
    page.run("document.querySelectorAll('#topic-harm button.csv')[0].click()")
    text = downloaded(page.downloads, "script-img-src-x-onerror-alert-1.csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows[1:]] == [
        f"'{name}" if name.startswith("=") else name for name in NASTY_NAMES
    ]


FOREIGN = """
const attempts = [
  () => {
    const script = document.createElement("script");
    script.textContent = "window.foreign = 1";
    document.body.append(script);
  },
  () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.foreign = 2'>"),
  () => setTimeout("window.foreign = 3"),
  () => { new Image().src = "http://example.invalid/x.png"; },
  () => document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>4</p>"),
];
for (const attempt of attempts) attempt();
await new Promise((go) => setTimeout(go, 300));
return window.foreign ?? null;
"""


def test_a_script_or_a_style_that_is_not_ours_has_no_effect(chromium):
    chromium.open(sample())
    assert chromium.run(FOREIGN) is None
    refused = " ".join(chromium.complaints())
    for kind in ("script", "string as JavaScript", "image", "inline style"):
        assert kind in refused
