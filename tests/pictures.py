"""Generated pictures for tests: flat colours and noise, with a position and an orientation set."""

from __future__ import annotations

import io
import random

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

TOP_LEFT, ELSEWHERE = (200, 30, 30), (30, 30, 200)


def picture(
    width: int = 64,
    height: int = 48,
    *,
    form: str = "JPEG",
    orientation: int = 1,
    located: bool = True,
    taken: str = "2026:09:30 08:15:00",
    noise: int = 0,
) -> bytes:
    """Return a picture whose upper left quarter is red and whose rest is blue, as it is stored.

    ``orientation`` is what EXIF says of it; ``noise`` above 0 seeds random dots over all of it.
    """
    image = Image.new("RGB", (width, height), ELSEWHERE)
    image.paste(TOP_LEFT, (0, 0, width // 2, height // 2))
    if noise:
        dots = random.Random(noise).randbytes(width * height * 3)
        image = Image.blend(image, Image.frombytes("RGB", (width, height), dots), 0.5)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = "ACME"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = taken
    if located:
        exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
        exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (39.0, 54.0, 20.0)
    out = io.BytesIO()
    image.save(out, form, exif=exif)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return a picture, decoded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def corner(image: Image.Image, place: str) -> str:
    """Return red or blue: what a corner (``top left`` …) shows."""
    x = image.width // 8 if "left" in place else image.width * 7 // 8
    y = image.height // 8 if "top" in place else image.height * 7 // 8
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    return "red" if pixel[0] > pixel[2] else "blue"
