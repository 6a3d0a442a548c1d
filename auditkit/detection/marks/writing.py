"""A picture as a PNG that says in a machine's words that a generator made it, and which one.

By XMP with IPTC's digital source type. The same picture and provenance give the same bytes: there
is no date in them.
"""

from dataclasses import dataclass
from io import BytesIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from auditkit.detection.marks.containers import XMP_KEYWORD
from auditkit.detection.marks.manifests import CREATED

PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:auditkit="urn:auditkit:generated"'
    "{properties}/></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a made picture says of its origin.

    generator is the checkpoint's name, checksum that of its card; tool the program that sampled
    it; made says how, in words: seed, place among the pictures, class.
    """

    generator: str
    checksum: str
    tool: str
    made: str


def xmp_packet(origin: Provenance) -> str:
    """The XMP packet of a made picture."""
    properties = {
        "Iptc4xmpExt:DigitalSourceType": CREATED,
        "Iptc4xmpExt:AISystemUsed": origin.generator,
        "Iptc4xmpExt:AISystemVersionUsed": origin.checksum,
        "xmp:CreatorTool": origin.tool,
        "auditkit:Made": origin.made,
    }
    written = "".join(f" {name}={quoteattr(_clean(one))}" for name, one in properties.items())
    return PACKET.format(properties=written)


def marked_png(pixels: NDArray[np.uint8], origin: Provenance) -> bytes:
    """A picture (1 or 3, height, width) as a PNG that carries its provenance."""
    shown = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
    carried = PngImagePlugin.PngInfo()
    carried.add_itxt(XMP_KEYWORD.decode(), xmp_packet(origin))
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(shown)).save(file, "PNG", pnginfo=carried)
    return file.getvalue()


def contact_sheet(pictures: NDArray[np.uint8], gap: int = 2) -> NDArray[np.uint8]:
    """All pictures (n, C, h, w) in one as square as can be, (C, H, W), on white."""
    n, channels, height, width = pictures.shape
    across = int(np.ceil(np.sqrt(n)))
    down = -(-n // across)
    high, wide = height + gap, width + gap
    sheet = np.full((channels, down * high + gap, across * wide + gap), 255, dtype=np.uint8)
    for place, one in enumerate(pictures):
        y, x = place // across * high + gap, place % across * wide + gap
        sheet[:, y : y + height, x : x + width] = one
    return sheet


def _clean(text: str) -> str:
    """A name without what XML cannot hold."""
    return "".join(one for one in text if one.isprintable())
