"""Make the packs of the assignments: rendered pictures of furniture, each pack one .npz file.

    python data_scripts/make_packs.py                    # all of them, into the data folder
    python data_scripts/make_packs.py furniture --to .   # one of them, here

`furniture`         24 models of each of the four categories, in 62 views; read it with
                    `load_views("furniture")`
`furniture_styles`  fourteen styles of furniture and cars, 124 models of each, in 4 pictures that
                    differ in viewpoint, colour, place and room; read it with
                    `load_furniture_styles()`

Students do not get the other two, with which the grader tests trained networks:

`furniture_styles_hidden`  24 more models of each style, from another seed
`furniture_hidden`         the models of `furniture`, from half way between its two elevations

A pack holds a fingerprint of the settings and the code that made it; a stale pack is made again. On
one machine, the same settings and code give the same bytes. Another processor may round a few of
them differently.
"""

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torchvision.transforms.v2 import functional as warp

from course_utils.data.data_folder import data_folder
from course_utils.data.rendered_files import Album
from data_scripts.code_fingerprint import code_fingerprint
from data_scripts.render_furniture import NEEDS

try:
    from data_scripts.furniture.album import Model, recipe
    from data_scripts.furniture.render.camera import framing, photograph
    from data_scripts.furniture.render.light import Surface, lit
    from data_scripts.furniture.render.views import AZIMUTHS, ELEVATIONS, VIEWS, View
    from data_scripts.furniture.styles import CATEGORIES, parts_of, style_of
except ImportError as error:
    raise ImportError(f"{NEEDS} ({error})") from error

Array = np.ndarray
Report = Callable[[int, int], None]  # models done, models in all
err = Console(stderr=True)


# Half way between the two elevations, at every fourth azimuth: those that split_by_view holds out.
BETWEEN = tuple(
    View(sum(ELEVATIONS) // 2, 360 * k // AZIMUTHS, number=0) for k in range(3, AZIMUTHS, 4)
)


@dataclass(frozen=True)
class Furniture:
    """Settings of the pack `furniture`."""

    models: int = 24  # of each category
    size: int = 64  # pixels of a side
    samples: int = 2  # along each side of a pixel
    seed: int = 0
    categories: tuple[str, ...] = tuple(CATEGORIES)
    views: tuple[View, ...] = VIEWS

    def arrays(self, progress: Report | None) -> dict[str, Any]:
        """Columns of an Album."""
        numbers = range(self.models)
        every = [Model(category, number) for category in self.categories for number in numbers]
        azimuths = np.array([view.azimuth for view in self.views], np.float32)
        elevations = np.array([view.elevation for view in self.views], np.float32)
        pictures = _on_all_cores(_all_views, [(model, self) for model in every], progress)
        category = [self.categories.index(model.category) for model in every]
        album = Album(
            pixels=np.concatenate(list(pictures)),
            model=np.repeat(np.arange(len(every)), len(self.views)),
            category=np.repeat(category, len(self.views)),
            azimuth=np.tile(azimuths, len(every)),
            elevation=np.tile(elevations, len(every)),
            names=tuple(model.name for model in every),
            categories=self.categories,
        )
        return album._asdict()


def _all_views(model: Model, settings: Furniture) -> Array:
    """(V, S, S, 4) uint8."""
    surface = _lit_piece(model.category, model.number, settings.seed)
    camera = framing(surface.vertices)
    size, samples = settings.size, settings.samples
    return np.stack([photograph(surface, camera, view, size, samples) for view in settings.views])


def _lit_piece(category: str, number: int, seed: int) -> Surface:
    return lit(parts_of(style_of(category, number, seed)))


# Classes that a person tells apart at a glance, in any colour: the category, and a test of its
# style.
STYLES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "stool": ("chair", lambda s: s.seat_width < 0.37 and s.back == "none"),
    "Windsor chair": ("chair", lambda s: s.back in ("hoop", "comb") and s.legs == "splayed"),
    "wing chair": ("chair", lambda s: s.back == "wing"),
    "office chair": (
        "chair",
        lambda s: s.legs == "swivel" and s.seat == "pad" and s.seat_width > 0.4,
    ),
    "desk": ("table", lambda s: s.drawers in ("chest", "two chests")),
    "pedestal table": ("table", lambda s: s.base == "pedestal" and s.shape in ("round", "octagon")),
    "trestle table": ("table", lambda s: s.base == "trestle"),
    "chesterfield": ("sofa", lambda s: s.kind == "chesterfield"),
    "corner sofa": ("sofa", lambda s: s.kind == "corner"),
    "wooden sofa": ("sofa", lambda s: s.kind in ("midcentury", "slatted")),
    "van": ("car", lambda s: s.body in ("van", "camper")),
    "pickup": ("car", lambda s: s.body == "pickup"),
    "vintage car": ("car", lambda s: s.body == "vintage"),
    "bubble car": ("car", lambda s: s.body == "bubble"),
}


@dataclass(frozen=True)
class FurnitureStyles:
    """Settings of the pack `furniture_styles`."""

    train_models: int = 100  # of each style
    test_models: int = 24  # of each style, none of which is in the training part
    pictures: int = 4  # of each model
    size: int = 32  # pixels of a side
    samples: int = 2  # along each side of a pixel of twice the size
    seed: int = 1

    def arrays(self, progress: Report | None) -> dict[str, Any]:
        """The columns of course_utils.data.furniture_styles, images as (N, S, S, 3) uint8."""
        tasks = [(name, number, self) for name in STYLES for number in self.numbers(name)]
        pictures = np.stack(list(_on_all_cores(_in_rooms, tasks, progress)))  # (C * M, P, S, S, 3)
        labels = np.repeat(np.arange(len(STYLES)), self.train_models + self.test_models)  # (C * M,)
        numbers = np.array([number for _, number, _ in tasks])  # (C * M,)
        test = np.arange(len(tasks)) % (self.train_models + self.test_models) >= self.train_models
        columns = {"classes": np.array(list(STYLES))}
        for part, which in (("train", ~test), ("test", test)):
            columns[f"{part}_images"] = pictures[which].reshape(-1, *pictures.shape[2:])
            columns[f"{part}_labels"] = np.repeat(labels[which], self.pictures)
            columns[f"{part}_models"] = np.repeat(numbers[which], self.pictures)
        return columns

    def numbers(self, name: str) -> list[int]:
        """Numbers of the first models that are of a style, in its category."""
        category, is_one = STYLES[name]
        suitable = (number for number in count() if is_one(style_of(category, number, self.seed)))
        return list(islice(suitable, self.train_models + self.test_models))


def _in_rooms(name: str, number: int, settings: FurnitureStyles) -> Array:
    """(P, S, S, 3) uint8: one piece, each time from another viewpoint, in another room."""
    category, _ = STYLES[name]
    rng = np.random.default_rng([settings.seed, list(STYLES).index(name), number])
    surface = _lit_piece(category, number, settings.seed)
    views = [
        View(int(rng.integers(12, 36)), int(rng.integers(360)), 0) for _ in range(settings.pictures)
    ]
    camera = framing(surface.vertices)
    fine = 2 * settings.size  # so that a picture stays sharp when it is rotated and moved
    shots = (photograph(surface, camera, view, fine, settings.samples) for view in views)
    rooms = torch.stack([_in_room(_moved(torch.from_numpy(shot), rng), rng) for shot in shots])
    small = F.avg_pool2d(rooms, 2).mul(255).round().to(torch.uint8)
    return small.permute(0, 2, 3, 1).numpy()


def _moved(shot: Tensor, rng: np.random.Generator) -> Tensor:
    """Give a shot (S, S, 4) uint8 other colours, another place and another size.

    returns  (4, S, S) colour times alpha, and alpha
    """
    straight = shot.permute(2, 0, 1) / 255
    color, alpha = straight[:3], straight[3:]
    color = warp.adjust_hue(color, float(rng.uniform(-0.5, 0.5)))
    color = warp.adjust_saturation(color, float(np.exp(rng.uniform(-1.0, 0.3))))
    color = warp.adjust_brightness(color, float(np.exp(rng.uniform(-0.4, 0.4))))
    shift = [int(step) for step in rng.uniform(-0.1, 0.1, 2) * shot.shape[0]]
    angle, zoom = float(rng.uniform(-8, 8)), float(np.exp(rng.uniform(-0.15, 0.15)))
    both, smooth = torch.cat([color * alpha, alpha]), warp.InterpolationMode.BILINEAR
    return warp.affine(both, angle, shift, zoom, [0.0, 0.0], interpolation=smooth)


def _in_room(piece: Tensor, rng: np.random.Generator) -> Tensor:
    """(3, S, S) the piece in front of a wall and on a floor, each of a muted colour."""
    side = piece.shape[-1]
    wall, floor = (_quiet_color(rng) for _ in range(2))
    down = torch.linspace(0, 1, side)[:, None]
    across = torch.linspace(-1, 1, side)[None]
    horizon = rng.uniform(0.3, 0.7) + rng.uniform(-0.1, 0.1) * across
    room = torch.where(down < horizon, wall, floor)
    return (room * (1 - piece[3:]) + piece[:3]).clamp(0, 1)


def _quiet_color(rng: np.random.Generator) -> Tensor:
    """(3, 1, 1) a colour of any lightness and little saturation."""
    color = rng.uniform(0.15, 0.95) + rng.uniform(-0.12, 0.12, (3, 1, 1))
    return torch.from_numpy(color.clip(0, 1).astype(np.float32))


PACKS: dict[str, Furniture | FurnitureStyles] = {
    "furniture": Furniture(),
    "furniture_styles": FurnitureStyles(),
    "furniture_styles_hidden": FurnitureStyles(train_models=0, seed=2),
    "furniture_hidden": Furniture(views=BETWEEN),
}


def make_pack(name: str, to: Path, progress: Report | None = None) -> Path:
    """Make a pack, unless there is a fresh one. A failure leaves no partial file.

    name      one of PACKS
    to        folder, created if it does not exist
    progress  called with the number of models done and the number of all models
    returns   the pack's path
    Raises ValueError if there is no such pack.
    """
    if name not in PACKS:
        raise ValueError(f"There is no pack {name}. There is: {', '.join(PACKS)}.")
    path, mark = to / f"{name}.npz", fingerprint(PACKS[name])
    if _mark_of(path) == mark:
        return path
    to.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{name}.{os.getpid()}.npz")
    try:
        np.savez_compressed(unfinished, **PACKS[name].arrays(progress), fingerprint=np.array(mark))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def fingerprint(settings: Furniture | FurnitureStyles) -> str:
    """A hash of settings and code: packs with the same fingerprint have the same pictures."""
    this = Path(__file__)
    code = recipe() + code_fingerprint([this], this.parent)
    everything = code + repr(sorted(asdict(settings).items()))
    return hashlib.sha256(everything.encode()).hexdigest()[:16]


def _mark_of(path: Path) -> str | None:
    """The fingerprint in a pack; None if the file is missing, damaged or not a pack."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return str(stored["fingerprint"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _on_all_cores(
    work: Callable[..., Any], tasks: list[tuple], progress: Report | None
) -> Iterator[Any]:
    """Run all tasks in parallel; yields their results in the order of the tasks."""
    # Each process keeps one core busy, so the threads of a BLAS would only compete for the others.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        try:
            results = pool.map(work, *zip(*tasks, strict=True), chunksize=4)
            for done, result in enumerate(results, start=1):
                if progress:
                    progress(done, len(tasks))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which packs. Default: all.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder. Default: the data folder.")] = None,
) -> None:
    """Make the packs of the assignments."""
    for name in names or PACKS:
        try:
            print(_shown(name, to or data_folder()))
        except (ValueError, OSError) as error:
            err.print(str(error), style="bold red", markup=False, highlight=False, soft_wrap=True)
            sys.exit(1)


def _shown(name: str, to: Path) -> str:
    """Make a pack under a progress bar; returns a line that describes it."""
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=err, transient=True) as bars:
        bar = bars.add_task(name, total=None)

        def report(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        path = make_pack(name, to, report)
    return f"{path}: {path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    typer.run(main)
