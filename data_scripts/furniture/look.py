"""A quick look at many pieces: `python -m data_scripts.furniture.look chair --count 40 --to sheet.png`."""

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from data_scripts.furniture.camera import framing, photograph
from data_scripts.furniture.light import lit
from data_scripts.furniture.styles import CATEGORIES, parts_of, style_of
from data_scripts.furniture.views import VIEWS

ANGLES = (3, 28)  # three-quarter views from the front, from either side


def contact_sheet(category: str, count: int, seed: int = 0, size: int = 160, columns: int = 8) -> Image.Image:
    """Pieces of one category, each from a three-quarter view, on white."""
    sheet = Image.new("RGB", (columns * size, -(-count // columns) * size), "white")
    for number in range(count):
        surface = lit(parts_of(style_of(category, number, seed)))
        view = VIEWS[ANGLES[number % 2]]
        picture = Image.fromarray(photograph(surface, framing(surface.vertices), view, size, samples=3))
        sheet.paste(picture, (number % columns * size, number // columns * size), picture)
    return sheet


def main(
    category: Annotated[str, typer.Argument(help=f"One of {', '.join(CATEGORIES)}.")],
    count: int = 40,
    seed: int = 0,
    to: Path = Path("sheet.png"),
) -> None:
    """Draw a contact sheet of one category."""
    contact_sheet(category, count, seed).save(to)
    typer.echo(f"{count} pieces: {to}")


if __name__ == "__main__":
    typer.run(main)
