"""A contact sheet of the furniture.

python -m data_scripts.furniture.render.look chair --count 40 --to sheet.png
"""

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from data_scripts.furniture.render.camera import framing, photograph
from data_scripts.furniture.render.light import lit
from data_scripts.furniture.render.views import VIEWS
from data_scripts.furniture.styles import CATEGORIES, parts_of, style_of

FROM_THE_RIGHT, FROM_THE_LEFT = VIEWS[3], VIEWS[28]


def contact_sheet(
    categories: list[str], count: int, seed: int, size: int, columns: int
) -> Image.Image:
    """Pieces of furniture, each from a three-quarter view, on white.

    count    pieces of each category
    size     pixels of a side of each picture
    columns  pictures in a row; each category begins a new one
    """
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * size, len(categories) * rows * size), "white")
    for block, category in enumerate(categories):
        for number in range(count):
            surface = lit(parts_of(style_of(category, number, seed)))
            view = FROM_THE_LEFT if number % 2 else FROM_THE_RIGHT
            camera = framing(surface.vertices)
            picture = Image.fromarray(photograph(surface, camera, view, size, samples=4))
            place = (number % columns * size, (block * rows + number // columns) * size)
            sheet.paste(picture, place, picture)
    return sheet


def main(
    category: Annotated[
        str | None, typer.Argument(help="chair, table, sofa or car. Default: all.")
    ] = None,
    count: Annotated[int, typer.Option(help="Pieces of each category.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="As that of render_furniture.py.", min=0)] = 0,
    size: Annotated[int, typer.Option(help="Pixels of a side of each picture.", min=16)] = 160,
    columns: Annotated[int, typer.Option(help="Pictures in a row.", min=1)] = 8,
    to: Path = Path("furniture.png"),
) -> None:
    """Draw a contact sheet."""
    contact_sheet([category] if category else list(CATEGORIES), count, seed, size, columns).save(to)
    typer.echo(f"{to}")


if __name__ == "__main__":
    typer.run(main)
