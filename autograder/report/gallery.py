"""Thumbnails of what the students' notebooks draw. Nothing of a student's file reaches the page:

a picture is decoded, scaled down and re-encoded.
"""

import base64
import io
from typing import Any

from PIL import Image

from autograder.assignments import CourseError
from autograder.authoring.master import Master

KINDS = ("image/png", "image/jpeg")
MAX_CHARACTERS = 16 * 2**20
MAX_PIXELS = 12 * 10**6  # a page of ours has three millions
WIDTHS = {60: 320, 250: 240}  # pixels, up to so many students; beyond, SMALL
SMALL = 160
QUALITY = 55


def pictures_of(master: Master, name: str | None) -> str:
    """The picture to show: the named one, the networks' own, or the last. Raises CourseError."""
    known = master.pictures
    if name is not None and name.removeprefix("picture-") not in known:
        raise CourseError(
            f"{master.assignment.name} has no picture {name!r}. There is: "
            f"{', '.join(known) or 'none'}."
        )
    return master.gallery_picture if name is None else name.removeprefix("picture-")


def width_for(students: int) -> int:
    """How wide thumbnails may be, so that the page of a large class stays at a few megabytes."""
    return next((width for most, width in WIDTHS.items() if students <= most), SMALL)


def thumbnail(cell: dict[str, Any], width: int) -> bytes | None:
    """The last picture that an executed cell shows, as a small WebP; None if there is none."""
    for output in reversed(_listed(cell.get("outputs"))):
        data = output.get("data") if isinstance(output, dict) else None
        for kind in KINDS:
            if isinstance(data, dict) and isinstance(data.get(kind), str):
                return _small(data[kind], width)
    return None


def _listed(value: object) -> list:
    return value if isinstance(value, list) else []


def _small(text: str, width: int) -> bytes | None:
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        return _encoded(base64.b64decode(text), width)
    except Exception:  # a decoder meets bytes that were made to break it, and may raise anything
        return None


def _encoded(data: bytes, width: int) -> bytes | None:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        if image.width * image.height > MAX_PIXELS:  # known before anything is unpacked
            return None
        image.draft("RGB", (width, 4 * width))
        small = _on_white(image)
    small.thumbnail((width, 4 * width), reducing_gap=2)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=QUALITY, method=2)
    return written.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    """Without transparency: black letters on nothing would be lost on a dark page."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")
