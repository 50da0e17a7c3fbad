"""Photographs of your own: the pictures of a folder, made fit to learn from or to be coloured.

crops("train", photographs=folder_photographs("my_pictures"))
"""

import io
import re
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

LONGEST_SIDE = 640  # pixels, like the bundled photographs
# The only formats that are tried, whatever a file's name says.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_TO_EXPORT = (".heic", ".heif", ".avif", ".dng")  # of telephones; not every Pillow reads them
_ADVICE = (
    "Put some colour photographs of yours there, as JPEG, PNG or WebP "
    "(from an iPhone: export as JPEG)."
)
_AT_MOST = 12  # files that a warning names


def read_photograph(path: str | Path, longest_side: int | None = LONGEST_SIDE) -> Tensor:
    """One picture file, upright, in sRGB: its EXIF orientation and colour profile are applied.

    Transparent parts become white, a grey picture has three equal channels, an animation its first
    frame.

    path          a JPEG, PNG, WebP, BMP, GIF or TIFF file
    longest_side  pixels; a larger picture is shrunk, a smaller one is left as it is; None never
                  shrinks
    returns       (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises FileNotFoundError if there is no such file; ValueError, in one sentence, if it can't be
    used.
    """
    if longest_side is not None and longest_side < 1:
        raise ValueError(f"the longest side of a picture has at least 1 pixel, not {longest_side}")
    path = Path(path).expanduser()
    if path.suffix.lower() in _TO_EXPORT:
        raise ValueError(
            f"{path.name} is a {path.suffix[1:].upper()} file: export it as JPEG first"
        )
    try:
        return _read(path, longest_side)
    except FileNotFoundError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise ValueError(
            f"{path.name} has more than {limit} million pixels: shrink it first"
        ) from None
    except Exception as error:  # Pillow answers damage with errors of a dozen kinds
        raise ValueError(f"{path.name} can't be read: it is damaged, or not a picture") from error


def folder_photographs(
    path: str | Path, longest_side: int | None = LONGEST_SIDE, keep_grey: bool = False
) -> dict[str, Tensor]:
    """The pictures of a folder (not of the folders in it), in natural order: 2.jpg before 10.jpg.

    What can't be used is skipped, with one warning that says what and why.

    path          the folder
    longest_side  pixels; larger pictures are shrunk. At 640 a picture takes 4 MB of memory
    keep_grey     also keep the pictures without colour: to colour them, not to learn from them
    returns       file name -> (1, 3, H, W)  sRGB, float32, in [0, 1]
    Raises FileNotFoundError if there is no such folder, or no picture in it that can be used.
    """
    folder = Path(path).expanduser().absolute()
    pictures, skipped = {}, []
    for file in _picture_files(folder):
        try:
            pictures[file.name] = _usable(file, longest_side, keep_grey)
        except ValueError as error:
            skipped.append(str(error))
    message = _skipped(skipped, folder)
    if not pictures:
        raise FileNotFoundError(
            f"There is no picture to use in {folder}. {_ADVICE} {message}".rstrip()
        )
    if skipped:
        warnings.warn(message, stacklevel=2)
    return pictures


def is_grey(rgb: Tensor) -> bool:
    """Whether a picture has no colour, except for JPEG artefacts. A sepia print has colour.

    rgb  (..., 3, H, W)  in [0, 1]
    """
    spread = rgb.amax(-3) - rgb.amin(-3)  # (..., H, W)
    return bool((spread > 8 / 255).float().mean() < 0.01)


def _picture_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. Make it. {_ADVICE}")
    # A Mac puts a hidden file "._name.jpg", which is no picture, beside every picture on a memory
    # stick.
    files = (file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return sorted(
        (file for file in files if file.suffix.lower() in _SUFFIXES + _TO_EXPORT), key=_natural
    )


def _natural(file: Path) -> tuple[list[str | int], str]:
    """A key that compares digits as numbers; words and numbers alternate, so like meets like."""
    parts = re.split(r"(\d+)", file.name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], file.name


def _usable(file: Path, longest_side: int | None, keep_grey: bool) -> Tensor:
    rgb = read_photograph(file, longest_side)
    if is_grey(rgb) and not keep_grey:
        raise ValueError(f"{file.name} is grey: no colour to learn from (keep_grey=True keeps it)")
    return rgb


def _skipped(reasons: list[str], folder: Path) -> str:
    if not reasons:
        return ""
    more = f"; and {len(reasons) - _AT_MOST} more" if len(reasons) > _AT_MOST else ""
    return f"Skipped in {folder.name}: {'; '.join(reasons[:_AT_MOST])}{more}."


def _read(path: Path, longest_side: int | None) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as image:
            srgb = _upright_srgb(image, longest_side)
    return torch.from_numpy(np.array(srgb)).movedim(-1, 0)[None] / 255


def _upright_srgb(image: Image.Image, longest_side: int | None) -> Image.Image:
    if longest_side is not None:
        # A JPEG need not be decoded much larger than this.
        image.draft("RGB", (longest_side, longest_side))
    srgb = _in_srgb(_opaque(ImageOps.exif_transpose(image)), image.info.get("icc_profile"))
    if longest_side is not None:
        srgb.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return srgb


def _opaque(image: Image.Image) -> Image.Image:
    """The same in 8 bits a channel, over white: mode L, RGB or CMYK."""
    if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return image if image.mode in ("L", "CMYK") else image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Telephones save in Display P3, whose numbers look pale when taken for sRGB."""
    if profile is not None:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a damaged profile, or one for another kind of picture
        else:
            if converted is not None:
                return converted
    return image.convert("RGB")
