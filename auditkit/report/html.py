"""The report as one HTML file that opens offline.

Everything is inside: the style, the script and, compressed, plotly.js, the figures and the
report's own JSON. A Content-Security-Policy allows exactly those scripts and styles, by their
hashes, and nothing to be fetched: docs/file-formats.md says how the page is made.
"""

import json
import lzma
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
MOST_MEMORY = 100_000_000  # of bytes that reading it may hold beside the text
# A byte's place in four says nothing about text (pb), the byte before it does (lc).
FILTERS = ({"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 23, "lc": 3, "pb": 0},)
GZIP = b"\x1f\x8b"  # what pages began with before they were packed in LZMA


def render(report: AuditReport) -> str:
    """The whole page; the same report gives the same text."""
    script, library = template("unpack.js") + template("report.js"), get_plotlyjs()
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
    place = rf'id="{REPORT_ID}" data-bytes="(\d{{1,9}})"(?: data-size="\d+")?>([^<>&]*)</script>'
    found = re.search(place, text)
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
    """LZMA in base 85, less the letters that HTML reads; unpack.js undoes it.

    Of plotly.js gzip leaves 1.47 MB and LZMA 1.11 MB. Base 85 is 6 % smaller than base 64. bytes
    is how many are packed, for base 85 knows fours of them; size how many there were.
    """
    plain = content.encode()
    packed = lzma.compress(plain, format=lzma.FORMAT_ALONE, filters=FILTERS)
    text = b85encode(packed, pad=True).decode().translate(LETTERS)
    return {"bytes": len(packed), "size": len(plain), "text": Markup(text)}


def _unpacked(size: int, text: str) -> str:
    """What `_packed` was given. Raises DataError where it is cut off, or larger than any report."""
    try:
        packed = b85decode(text.translate(BACK))[:size]
        content, whole = _inflated(packed) if packed.startswith(GZIP) else _expanded(packed)
        if not whole:
            raise DataError("the report in this page is cut off, or larger than 500 MB")
        return content.decode()
    except (ValueError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"the report in this page cannot be unpacked: {error}") from error


def _expanded(packed: bytes) -> tuple[bytes, bool]:
    stream = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=MOST_MEMORY)
    content = stream.decompress(packed, MOST_BYTES)
    return content, stream.eof


def _inflated(packed: bytes) -> tuple[bytes, bool]:
    stream = zlib.decompressobj(wbits=31)
    content = stream.decompress(packed, MOST_BYTES)
    return content, stream.eof


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
