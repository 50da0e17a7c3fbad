"""A folder of rendered furniture, in the layout of the rendered chairs (Aubry et al. 2014).

    rendered_furniture/
        settings.json                           the settings of all pictures
        chair_0000/
            style.json                          the parameters of this model
            renders/
                image_000_p020_t000_r096.png    one of 62 views, RGBA

A model's folder gets its name once it is complete, so existing folders can be trusted; the others
are made again.
"""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from data_scripts.code_fingerprint import code_fingerprint
from data_scripts.furniture.render.camera import framing, photograph
from data_scripts.furniture.render.light import lit
from data_scripts.furniture.render.views import VIEWS
from data_scripts.furniture.styles import CATEGORIES, described, parts_of, style_of

UNFINISHED = ".part"


class AlbumError(Exception):
    """A problem that the user can fix; the message is one sentence."""


@dataclass(frozen=True)
class Settings:
    """Settings that all pictures of an album share."""

    size: int = 128  # pixels of a side
    samples: int = 2  # along each side of a pixel
    seed: int = 0
    recipe: str = ""  # fingerprint of the code, so that pictures of two versions are never mixed


@dataclass(frozen=True)
class Model:
    """One piece of furniture of an album."""

    category: str
    number: int

    @property
    def name(self) -> str:
        """Name of its folder, such as `chair_0007`."""
        return f"{self.category}_{self.number:04d}"


def models(count: int, categories: list[str] | None = None) -> list[Model]:
    """The first `count` models, of each category in turn, so that there are as many of each."""
    names = categories or list(CATEGORIES)
    return [Model(names[i % len(names)], i // len(names)) for i in range(count)]


def recipe() -> str:
    """Fingerprint of this package's code."""
    package = Path(__file__).parent
    return code_fingerprint(package.rglob("*.py"), package)


def open_album(folder: Path, settings: Settings) -> None:
    """Create the folder, or check that its pictures were rendered with the same settings.

    Raises AlbumError if they were not, or if something else is in the folder.
    """
    note = folder / "settings.json"
    if note.exists():
        _must_agree(folder, json.loads(note.read_text()), asdict(settings))
    elif folder.exists() and any(folder.iterdir()):
        raise AlbumError(f"{folder} has something else in it. Choose another folder with --to.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(asdict(settings), indent=1))
    for left in folder.glob(f"*{UNFINISHED}"):
        shutil.rmtree(left)


def _must_agree(folder: Path, theirs: dict, ours: dict) -> None:
    differ = [key for key in ours if theirs.get(key) != ours[key]]
    if differ == ["recipe"]:
        raise AlbumError(
            f"{folder} was rendered by another version of this program. Start again with --fresh."
        )
    if differ:
        has = ", ".join(f"{key} {theirs.get(key)}" for key in differ)
        raise AlbumError(
            f"{folder} has pictures of {has}. Choose another folder with --to, or use --fresh."
        )


def render_model(model: Model, folder: Path, settings: Settings) -> str:
    """Render all views of one model into `folder`; returns its name."""
    style = style_of(model.category, model.number, settings.seed)
    surface = lit(parts_of(style))
    camera = framing(surface.vertices)
    unfinished = folder / f"{model.name}{UNFINISHED}"
    renders = unfinished / "renders"
    renders.mkdir(parents=True)
    for view in VIEWS:
        picture = photograph(surface, camera, view, settings.size, settings.samples)
        # Level 3 is as fast as 1 here, and smaller.
        Image.fromarray(picture).save(renders / view.file_name, compress_level=3)
    note = {
        "category": model.category,
        "number": model.number,
        "seed": settings.seed,
        **described(style),
    }
    (unfinished / "style.json").write_text(json.dumps(note, indent=1))
    unfinished.rename(folder / model.name)
    return model.name


def missing(wanted: list[Model], folder: Path) -> list[Model]:
    """The models that are not in the folder yet."""
    return [model for model in wanted if not (folder / model.name).exists()]


def render(wanted: list[Model], folder: Path, settings: Settings, jobs: int) -> Iterator[str]:
    """Render models in parallel; yields the name of each when it is done.

    jobs  number of processes; 1 renders in this process
    """
    if jobs == 1:
        yield from (render_model(model, folder, settings) for model in wanted)
        return
    # Each process keeps one core busy, so the threads of a BLAS would only compete for the others.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(render_model, model, folder, settings) for model in wanted]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)
