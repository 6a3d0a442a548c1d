"""The report as one HTML file that opens offline.

Everything is inside: the style, the script and, compressed, plotly.js, the figures and the
report's own JSON. A Content-Security-Policy allows exactly those scripts and styles, by their
hashes, and nothing to be fetched: docs/file-formats.md says how the page is made.
"""

import gzip
import json
import re
import zlib
from base64 import b85decode, b85encode
from functools import cache
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from auditkit import __version__
from auditkit.errors import DataError
from auditkit.report.json import loads, to_dict
from auditkit.report.page import figures_of, page
from auditkit.report.templates import content_security_policy, environment, template
from auditkit.results import AuditReport

REPORT_ID = "auditkit-report"
LETTERS, BACK = str.maketrans("<>&", ",.:"), str.maketrans(",.:", "<>&")  # report.js knows them
MOST_BYTES = 500_000_000  # of a report that is read back: a small page may unpack to any size


def render(report: AuditReport) -> str:
    """The whole page; the same report gives the same text."""
    script, library = template("report.js"), get_plotlyjs()
    style = template("style.css") + template("scores.css")
    html, parts = environment().get_template("report.html.j2"), page(report)
    return html.render(
        parts,
        policy=content_security_policy([script, library], [style, ""]),
        style=Markup(style),
        script=Markup(script),
        packed={
            REPORT_ID: _packed(_json(to_dict(report))),
            "figures": _packed(_json(figures_of(parts["chapters"]))),
            "plotly": _packed_library(),
        },
        shields=stylesheet_ids(library),
        version=__version__,
    )


def report_from_html(text: str) -> AuditReport:
    """The report that a page holds. Raises DataError where it holds none."""
    found = re.search(rf'id="{REPORT_ID}" data-bytes="(\d{{1,9}})">([^<>&]*)</script>', text)
    if found is None:
        raise DataError("this page holds no auditkit report; give the report.html auditkit wrote")
    return loads(_unpacked(int(found[1]), found[2]))


def stylesheet_ids(library: str) -> list[str]:
    """Ids of the style elements that plotly adds for its maps unless they are there already.

    We draw no maps and the policy forbids the style, so the page holds empty elements by these
    names and plotly leaves them alone.
    """
    return sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', library)))


@cache
def _packed_library() -> dict[str, Any]:
    return _packed(get_plotlyjs())


def _packed(content: str) -> dict[str, Any]:
    """Gzip in base 85, which is 6 % smaller than base 64, less the letters that HTML reads.

    bytes is how many there are: base 85 knows fours of them, and a stream ends where it ends.
    """
    packed = gzip.compress(content.encode(), compresslevel=9, mtime=0)
    text = b85encode(packed, pad=True).decode().translate(LETTERS)
    return {"bytes": len(packed), "text": Markup(text)}


def _unpacked(size: int, text: str) -> str:
    """What `_packed` was given. Raises DataError where it is cut off, or larger than any report."""
    try:
        packed = b85decode(text.translate(BACK))[:size]
        stream = zlib.decompressobj(wbits=31)
        content = stream.decompress(packed, MOST_BYTES)
        if not stream.eof:
            raise DataError("the report in this page is cut off, or larger than 500 MB")
        return content.decode()
    except (ValueError, zlib.error) as error:
        raise DataError(f"the report in this page cannot be unpacked: {error}") from error


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
