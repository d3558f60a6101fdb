"""What a photo's bytes are, and how staff are shown them: by content alone, never as they came.

Decoders are fed whatever anybody uploads, so every failure of theirs means one thing: no photo.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageOps

from sync_server.domain.errors import Refusal

MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
THUMBNAIL_SIDE, STAFF_SIDE = 320, 1_600
QUALITY = 82


@dataclass(frozen=True)
class Look:
    """What kind of picture it is and how large, in pixels as stored."""

    media_type: str
    width: int
    height: int


def examine(content: bytes, most_pixels: int) -> Look:
    """Return what picture the bytes are, having decoded it.

    Raises Refusal ``not_a_photo`` for anything but a whole JPEG, PNG or WebP of at most
    ``most_pixels``; the number of pixels is looked at before they are decoded.
    """
    try:
        with _opened(content, most_pixels) as image:
            look = Look(MEDIA_TYPES[str(image.format)], *image.size)
            image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            image.load()
            return look
    except Refusal:
        raise
    except Exception as err:
        raise Refusal("not_a_photo") from err


def shown(content: bytes, side: int, most_pixels: int) -> bytes:
    """Return the picture turned upright and encoded anew as JPEG, at most ``side`` pixels long.

    Nothing but pixels is taken over: no position, time or camera. Raises as ``examine`` does.
    """
    try:
        with _opened(content, most_pixels) as image:
            image.draft("RGB", (side, side))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((side, side))
            plain = Image.new("RGB", upright.size, "white")
            see_through = upright.has_transparency_data
            flat = upright.convert("RGBA" if see_through else "RGB")
            plain.paste(flat, mask=flat if see_through else None)
            out = io.BytesIO()
            plain.save(out, "JPEG", quality=QUALITY)
            return out.getvalue()
    except Refusal:
        raise
    except Exception as err:
        raise Refusal("not_a_photo") from err


def _opened(content: bytes, most_pixels: int) -> Image.Image:
    """Open without decoding."""
    image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))
    if image.width * image.height > most_pixels or image.format not in MEDIA_TYPES:
        image.close()
        raise Refusal("not_a_photo")
    return image
