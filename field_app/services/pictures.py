"""Making a photo of whatever a camera or a folder gives: upright, small, without its history.

Only pixels are taken over: position, camera and owner stay behind. What was taken when is read
before. Nothing is written anywhere: picture data outside the sealed files would lie open.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime, timedelta

from PIL import Image, ImageOps
from PIL.ExifTags import IFD, Base

from field_app.domain.errors import Trouble
from schemas.clock import SHANGHAI, written
from schemas.kinds.photo import LONGEST_SIDE

MOST_BYTES = 500_000
MOST_PIXELS = 80_000_000
THUMBNAIL_SIDE = 320
QUALITIES = (85, 78, 70, 60, 50, 40)
FORMATS = ("JPEG", "PNG", "WEBP")
TAKEN_OVER = frozenset({*FORMATS, "MPO"})
"""What is opened; MPO is how phones store a JPEG together with a second view."""


@dataclass(frozen=True)
class Picture:
    """A photo ready to be kept: JPEG bytes, a small JPEG, size in pixels, when it was taken."""

    content: bytes
    small: bytes
    width: int
    height: int
    taken_at: str | None

    @property
    def sha256(self) -> str:
        """The hash of the bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def prepare(raw: bytes, now: datetime) -> Picture:
    """Return the photo to keep of a picture's bytes.

    Raises Trouble ``bad_photo`` for anything but a whole JPEG, PNG or WebP, ``huge_photo`` for one
    with more pixels than this program decodes.
    """
    try:
        return _prepared(raw, now)
    except (Trouble, MemoryError):
        raise
    except Exception:  # whatever a decoder meets in a strange file means one thing
        raise Trouble("bad_photo") from None


def _prepared(raw: bytes, now: datetime) -> Picture:
    with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
        if image.format not in TAKEN_OVER:
            raise Trouble("bad_photo")
        if image.width * image.height > MOST_PIXELS:
            raise Trouble("huge_photo", most=MOST_PIXELS // 1_000_000)
        taken_at = _taken_at(image, now)
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = _flat(ImageOps.exif_transpose(image))
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    content, size = _fitting(upright)
    small = upright.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return Picture(content, _jpeg(small, 75), *size, taken_at)


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture as plain colours; what was see-through becomes white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    shown = image.convert("RGBA")
    flat = Image.new("RGB", shown.size, "white")
    flat.paste(shown, mask=shown)
    return flat


def _fitting(image: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """Return the JPEG and its size: the best quality that fits, then fewer pixels."""
    while True:
        for quality in QUALITIES:
            content = _jpeg(image, quality)
            if len(content) <= MOST_BYTES:
                return content, image.size
        image = image.resize((max(1, image.width * 4 // 5), max(1, image.height * 4 // 5)))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    image.info.clear()  # what a file said beside its pixels must not be written again
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _taken_at(image: Image.Image, now: datetime) -> str | None:
    """Return when the camera says it took the picture, if that can be so; a camera without a time
    zone is taken to show Shanghai's."""
    exif = image.getexif().get_ifd(IFD.Exif)
    try:
        naive = datetime.strptime(str(exif[Base.DateTimeOriginal]), "%Y:%m:%d %H:%M:%S")
        taken = naive.replace(tzinfo=SHANGHAI)
        offset = exif.get(Base.OffsetTimeOriginal)
        if offset:
            taken = datetime.fromisoformat(naive.isoformat() + str(offset).strip("\0 "))
    except (KeyError, ValueError, TypeError):
        return None
    return written(taken) if taken.year >= 2000 and taken <= now + timedelta(days=1) else None
