import re
from base64 import b64decode, b85decode, b85encode
from dataclasses import replace
from gzip import compress
from hashlib import sha256
from html.parser import HTMLParser
from lzma import decompress

import pytest
from plotly.offline import get_plotlyjs

from auditkit.errors import DataError
from auditkit.report.html import render, report_from_html, stylesheet_ids
from auditkit.report.json import dumps
from tests.report.samples import NASTY, empty, explained, nasty

PICTURE = "data:image/png;base64,"


@pytest.fixture(scope="module")
def page() -> str:
    return render(explained())


@pytest.fixture(scope="module")
def hostile() -> str:
    return render(nasty())


class Outline(HTMLParser):
    """Tags with their attributes, the ids, and the text of each element by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text.setdefault(tag, []).append("")
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in set(self.open):
            self.text[tag][-1] += data

    def ids(self):
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]


def test_the_page_is_small(page):
    assert len(page.encode()) <= 2_500_000


def test_the_same_report_gives_the_same_page(page):
    assert render(explained()) == page


def test_only_timings_change_the_page_between_two_runs(page):
    later = replace(
        explained(),
        timings={},
        results=tuple(replace(one, seconds=0.0) for one in explained().results),
    )
    other = render(later)
    assert other != page
    seconds = r'<td class="num">\d+\.\d\d</td>'

    def without_timings(text: str) -> str:
        text = re.sub(r'id="auditkit-report" data-bytes=.*?</script>', "", text)
        text = re.sub(
            r'<div class="card">\s*<h3>Date and time</h3>.*?</dl>\s*</div>',
            "",
            text,
            flags=re.DOTALL,
        )
        return re.sub(r"\s+", " ", re.sub(seconds, "", text))

    assert without_timings(other) == without_timings(page)


@pytest.mark.parametrize("make", [explained, nasty, empty])
def test_the_report_is_read_back_from_the_page(make):
    assert dumps(report_from_html(render(make()))) == dumps(make())


@pytest.mark.parametrize("text", ["", "<html></html>", "<script type='application/json'></script>"])
def test_a_page_without_a_report_is_refused(text):
    with pytest.raises(DataError, match="no auditkit report"):
        report_from_html(text)


def test_the_policy_names_exactly_the_scripts_and_styles_of_the_page(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#39;", "'")
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    size, plain, packed = re.search(
        r'id="plotly" data-bytes="(\d+)" data-size="(\d+)">([^<>&]+)</script>', page
    ).groups()
    packed = packed.translate(str.maketrans(",.:", "<>&"))
    library = decompress(b85decode(packed)[: int(size)]).decode()
    assert len(library.encode()) == int(plain)
    assert library == get_plotlyjs()
    digests = {sha256(one.encode()).digest() for one in (*own, *style, library, "")}
    assert {b64decode(one) for one in re.findall(r"'sha256-([^']+)'", policy)} == digests


def test_nothing_on_the_page_points_outside_it(page):
    for tag, attrs in Outline(page).tags:
        assert "src" not in attrs or (tag == "img" and attrs["src"].startswith(PICTURE))
        assert attrs.get("href", "#").startswith("#")


def test_no_attribute_styles_or_runs_anything(page, hostile):
    for text in (page, hostile):
        for _, attrs in Outline(text).tags:
            assert not [name for name in attrs if name == "style" or name.startswith("on")]


def test_every_link_has_its_target_and_no_id_is_given_twice(page, hostile):
    for text in (page, hostile):
        outline = Outline(text)
        ids = outline.ids()
        assert len(ids) == len(set(ids))
        links = [attrs["href"][1:] for tag, attrs in outline.tags if tag in ("a", "use")]
        assert set(links) <= set(ids)
        named = [
            attrs["aria-labelledby"] for _, attrs in outline.tags if "aria-labelledby" in attrs
        ]
        assert set(named) <= set(ids)


def test_hostile_names_make_no_element(hostile):
    calm = Outline(render(replace(nasty(), title="calm")))
    outline = Outline(hostile)
    pictures = [attrs["src"] for tag, attrs in outline.tags if tag == "img"]
    assert pictures
    assert all(one.startswith(PICTURE) for one in pictures)
    assert {tag for tag, _ in outline.tags} == {tag for tag, _ in calm.tags}
    assert outline.text["h1"] == [NASTY]


def test_templates_do_not_read_what_the_data_say(hostile):
    assert "{{ 7 * 7 }}" in hostile


def test_nothing_packed_can_end_its_element(hostile):
    for name in ("auditkit-report", "figures", "plotly"):
        text = re.search(
            rf'id="{name}" data-bytes="\d+" data-size="\d+">(.*?)</script>', hostile, re.DOTALL
        )[1]
        assert not set(text) & set("<>&\n\u2028\u2029")


@pytest.mark.parametrize(
    ("size", "text", "why"),
    [
        (9, "abc", "cannot be unpacked"),
        (24, "|NsC0" * 6, "cannot be unpacked"),
        (20, None, "cut off"),
    ],
)
def test_a_page_whose_report_is_damaged_is_refused(page, size, text, why):
    own = re.search(r'id="auditkit-report" data-bytes="(\d+)" data-size="\d+">(.*?)</script>', page)
    damaged = page.replace(
        own[0], own[0].replace(own[1], str(size)).replace(own[2], text or own[2])
    )
    with pytest.raises(DataError, match=why):
        report_from_html(damaged)


def test_a_page_from_before_it_was_packed_in_lzma_is_read(page):
    own = re.search(r'id="auditkit-report" data-bytes=.*?</script>', page)[0]
    packed = compress(dumps(explained()).encode())
    text = b85encode(packed, pad=True).decode().translate(str.maketrans("<>&", ",.:"))
    old = page.replace(own, f'id="auditkit-report" data-bytes="{len(packed)}">{text}</script>')
    assert dumps(report_from_html(old)) == dumps(explained())


def test_a_small_page_that_unpacks_to_any_size_is_refused(page, monkeypatch):
    monkeypatch.setattr("auditkit.report.html.MOST_BYTES", 1000)
    with pytest.raises(DataError, match="larger than"):
        report_from_html(page)


def test_verdict_and_questions_come_first_and_every_part_is_there(page):
    outline = Outline(page)
    assert len(outline.text["h1"]) == 1
    assert outline.text["h2"] == [
        "Can we see why it decides?", "Whom does it harm?", "Does it work?",
        "What to do next", "What was audited", "Findings", "Why it decides",
        "Whom it harms", "How well it works",
        "The data", "Training and cost", "What was not tested, and why", "Glossary", "Appendix",
    ]  # fmt: skip
    assert not [
        text for level in ("h2", "h3", "h4") for text in outline.text[level] if not text.strip()
    ]


def test_undefined_is_a_dash_with_its_reason_and_never_a_zero(page):
    row = re.search(r"cannot be told\.</p>.*?</tr>", page, re.DOTALL)[0]
    assert "The model calls nobody in the group Other positive." in row
    value = re.search(r'class="measure".*?</td>', row, re.DOTALL)[0]
    assert "–" in value
    assert not re.search(r"\d", re.sub(r"<[^>]+>", "", value))


def test_every_outcome_is_told_in_a_word_beside_its_icon(page):
    for text in re.findall(r'<span class="badge.*?</span>', page, re.DOTALL):
        assert re.search(r"</svg>[A-Z][a-z ]+</span>", text)


def test_a_verdict_in_a_table_is_an_icon_and_a_word(page):
    chips = re.findall(r'<span class="chip is-(\w+)"><svg.*?</svg>([a-z ]+)</span>', page)
    assert chips == [
        ("passed", "trusted"),
        ("insufficient", "weak"),
        ("failed", "failed"),
        ("skipped", "not tested"),
    ]


def test_every_image_says_where_the_weight_lies(page):
    texts = [attrs["alt"] for tag, attrs in Outline(page).tags if tag == "img"]
    assert len(texts) == 8
    assert texts[0] == "ring 1, seen as a shoe: the image"
    assert "of the weight lies in the upper left" in texts[1]


def test_tokens_are_read_in_their_order_with_their_strength_as_a_class(page):
    assert '<span class="t u" title="undefined">and</span>' in page
    assert re.search(r'<span class="t p5" title="\+0\.331">wash</span>', page)
    assert "No token carries any weight." in page


def test_every_table_has_a_caption_and_scoped_headings(page):
    outline = Outline(page)
    tables = [tag for tag, _ in outline.tags if tag == "table"]
    assert len(tables) == len(outline.text["caption"]) > 10
    assert all("scope" in attrs for tag, attrs in outline.tags if tag == "th")


def test_an_empty_report_still_makes_a_page():
    outline = Outline(render(empty()))
    assert outline.text["h1"] == ["Nothing"]
    assert "Findings" in outline.text["h2"]


def test_the_ids_that_plotly_looks_for_are_on_the_page(page):
    assert all(f'<template id="{one}">' in page for one in stylesheet_ids(get_plotlyjs()))
