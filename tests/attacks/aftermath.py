"""What an attack could leave behind."""

import hashlib
from pathlib import Path

from workers import zygote

from autograder.judge.workers.box import tree_of


def traces(course: Path, stages: Path) -> dict[str, object]:
    """What an attack could leave behind: files of the class, files of workers, processes."""
    files = sorted(
        path for path in course.rglob("*") if path.is_file() and "mallory" not in path.parts
    )
    return {
        "files": {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "workers": sorted(path.name for path in stages.iterdir()),
        "processes": sorted(tree_of(zygote().process.pid)),
    }
