import math

import pytest

from auditkit.report.strips import PAD, WIDTH, strip
from auditkit.results import Finding, Status, Unit


def finding(**numbers: object) -> Finding:
    return Finding(**{"message": "m", "status": Status.FAILED, "metric": "gap"} | numbers)


def test_places_keep_the_order_of_the_numbers():
    drawn = strip(finding(value=0.18, interval=(0.17, 0.19), limit=0.1, null=0.01, unit=Unit.SHARE))
    assert 0 < drawn.null < drawn.limit < drawn.low < drawn.value < drawn.high < WIDTH
    middle = (drawn.low + drawn.high) / 2
    assert drawn.value == pytest.approx(middle, abs=0.1)


def test_zero_begins_the_strip_where_it_is_near():
    drawn = strip(finding(value=0.5, limit=1.0, unit=Unit.NUMBER))
    scale = (WIDTH - 2 * PAD) / 1.06 / 1.0
    assert drawn.value == pytest.approx(PAD + scale * 0.5, abs=1)


def test_zero_is_marked_where_the_interval_spans_it():
    assert strip(finding(value=0.1, interval=(-0.1, 0.3), unit=Unit.SHARE)).zero is not None
    assert strip(finding(value=0.1, interval=(0.05, 0.3), unit=Unit.SHARE)).zero is None


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"value": 3.0},
        {"value": 3.0, "interval": (3.0, 3.0)},
        {"value": math.nan, "limit": 1.0},
        {"value": math.inf, "limit": 1.0},
    ],
)
def test_nothing_is_drawn_where_there_is_nothing_to_compare(numbers):
    assert strip(finding(**numbers, unit=Unit.NUMBER)) is None


def test_numbers_that_nearly_coincide_stay_on_the_strip():
    drawn = strip(finding(value=0.0, interval=(0.0, 5e-324), limit=0.0, unit=Unit.SHARE))
    assert 0 <= drawn.value <= drawn.high <= WIDTH


def test_the_strip_is_told_in_words():
    spoken = strip(
        finding(value=0.18, interval=(0.17, 0.19), limit=0.1, null=0.01, unit=Unit.SHARE)
    ).spoken
    assert spoken.replace("\u00a0", " ") == (
        "value 18.0 %, interval 17.0 % to 19.0 %, limit 10.0 %, chance alone 1.0 %"
    )
