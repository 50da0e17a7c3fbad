"""Render chairs, tables, sofas and cars, each from 62 viewpoints.

    python data_scripts/render_furniture.py --models 100 --size 128

The folders are laid out like the rendered chairs (Aubry et al. 2014), so one loader reads both. The
pictures are RGBA: alpha is the share of a pixel that the piece covers. The same seed gives the same
pictures.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from course_utils.data.data_folder import data_folder

if TYPE_CHECKING:  # the renderer is an extra, so it is imported once it is needed
    from data_scripts.furniture.album import Model, Settings

NEEDS = (
    "Rendering needs trimesh and embreex: pip install trimesh embreex. "
    "There is no embreex for Linux on Arm: copy a pack (views_64.npz) from another machine, "
    "and pass its path to course_utils.data.rendered_views.load_views."
)
err = Console(stderr=True)


def main(
    models: Annotated[
        int, typer.Option(help="Number of pieces, spread evenly over the categories.", min=1)
    ] = 100,
    size: Annotated[
        int, typer.Option(help="Side of a picture, in pixels.", min=16, max=1024)
    ] = 128,
    category: Annotated[
        list[str] | None,
        typer.Option(help="chair, table, sofa or car; repeat it for several. Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives other furniture.", min=0)] = 0,
    samples: Annotated[
        int, typer.Option(help="Samples along each side of a pixel.", min=1, max=8)
    ] = 2,
    to: Annotated[
        Path | None, typer.Option(help="Folder. Default: rendered_furniture in the data folder.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes. Default: one for each core.", min=1)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Remove the folder's pictures and start again.")
    ] = False,
) -> None:
    """Render furniture from 31 azimuths at 20 and at 30 degrees of elevation.

    To continue a run that was stopped, give the same command again.
    """
    try:
        from data_scripts.furniture import album
        from data_scripts.furniture.styles import CATEGORIES
    except ImportError as error:
        _stop(f"{NEEDS} ({error})")
    folder = to or data_folder() / "rendered_furniture"
    unknown = sorted(set(category or []) - set(CATEGORIES))
    if unknown:
        _stop(f"There is no category {', '.join(unknown)}. There is: {', '.join(CATEGORIES)}.")
    wanted = album.models(models, category)
    settings = album.Settings(size, samples, seed, album.recipe())
    try:
        if fresh:
            _remove(folder)
        album.open_album(folder, settings)
        _render(wanted, folder, settings, jobs or os.cpu_count() or 1)
    except (album.AlbumError, OSError) as error:
        _stop(str(error))


def _remove(folder: Path) -> None:
    """Remove an album, but nothing else: a mistyped --to must not cost anyone their files."""
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / "settings.json").exists():
        _stop(f"{folder} is not a folder of rendered furniture, so --fresh leaves it alone.")
    shutil.rmtree(folder)


def _render(wanted: list["Model"], folder: Path, settings: "Settings", jobs: int) -> None:
    from data_scripts.furniture import album

    todo = album.missing(wanted, folder)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    try:
        with Progress(*columns, console=err, transient=True) as progress:
            bar = progress.add_task("models", total=len(wanted), completed=len(wanted) - len(todo))
            for _ in album.render(todo, folder, settings, min(jobs, len(todo) or 1)):
                progress.advance(bar)
    except KeyboardInterrupt:
        done = len(wanted) - len(album.missing(wanted, folder))
        progress_so_far = f"Stopped with {done} of {len(wanted)} models."
        _stop(f"{progress_so_far} Give the same command again to continue.", code=130)
    print(f"{len(wanted)} models, 62 views each, {settings.size} px: {folder}")


def _stop(sentence: str, code: int = 1) -> NoReturn:
    err.print(sentence, style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    typer.run(main)
