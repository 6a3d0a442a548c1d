"""Templates, where they are found, and what a page that is made of them may do."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from auditkit.report.numerals import DASH, count, heading, prose, roughly

CHECKOUT = Path(__file__).resolve().parents[2] / "templates"


def template(name: str) -> str:
    """The text of a template: from the installed package first, from the checkout second."""
    packaged = resources.files("auditkit") / "templates" / name
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (CHECKOUT / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Templates that escape whatever they are given."""
    made = Environment(
        loader=FunctionLoader(template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "count": count,
        "prose": prose,
        "roughly": roughly,
        "heading": heading,
    }
    made.globals["DASH"] = DASH
    return made


def content_security_policy(scripts: list[str], styles: list[str]) -> str:
    """Nothing is allowed but these very scripts and styles.

    The empty style is one of them: plotly makes an empty <style> and adds rules through the DOM.
    Before its version 7 it also tries, with an image in a data: address, whether the
    browser knows WebP.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
