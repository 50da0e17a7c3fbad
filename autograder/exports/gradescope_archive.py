"""The archive that an instructor uploads to Gradescope as an assignment's autograder.

Only files on an allowlist are packed.

setup.sh          run once, when Gradescope makes the image: bubblewrap, and a virtual environment
                  in venv/
run_autograder    run for each submission
course/           the package with references and checks, one master, and the packs that it needs

It holds both secrets: it is for Gradescope, never for students.
"""

import json
import zipfile
from pathlib import Path

from autograder.assignments import COURSE, Assignment, CourseError
from autograder.authoring.master import Master, read_master
from autograder.authoring.packs import hidden_packs_of, packs_of
from autograder.exports.gradescope import fault
from autograder.progress import Progress, quiet

# What pip needs to install the package.
PROJECT = ("pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("autograder", "course_utils")
KINDS = (".py", ".safetensors")
PROGRAMS = ("setup.sh", "run_autograder")

SETUP = """\
#!/usr/bin/env bash
# Run once, as root, when Gradescope makes the image.
set -euo pipefail
SOURCE="${AUTOGRADER_ROOT:-/autograder}/source"
export DEBIAN_FRONTEND=noninteractive

apt-get update -qq
apt-get install -y -qq bubblewrap python3 python3-venv

# For a smaller image, set PIP_INDEX_URL or PIP_EXTRA_INDEX_URL here to where PyTorch for CPUs is.
for PYTHON in python3.13 python3.12 python3.11 python3 none; do
    TEST='import ensurepip, sys; sys.exit(sys.version_info < (3, 11, 4))'
    "$PYTHON" -c "$TEST" 2>/dev/null && break
done
if [ "$PYTHON" = none ]; then
    echo "Python 3.11.4 or newer is needed: choose a newer base image in Gradescope," \\
        "such as Ubuntu 24.04." >&2
    exit 1
fi
"$PYTHON" -m venv "$SOURCE/venv"
OPTIONS="--disable-pip-version-check --no-cache-dir"
"$SOURCE/venv/bin/pip" install $OPTIONS --editable "$SOURCE/course"

# It goes into the log of the build; a submission says it again if the sandbox can't be had.
"$SOURCE/venv/bin/autograder" doctor --sandbox LEVEL || true
"""

RUN = """\
#!/usr/bin/env bash
# Run for each submission. It first writes a complete results.json, whatever happens next.
ROOT="${AUTOGRADER_ROOT:-/autograder}"
mkdir -p "$ROOT/results"
cat > "$ROOT/results/results.json" <<'END'
FAULT
END
cd "$ROOT/source/course" && "$ROOT/source/venv/bin/python" -P -m autograder.exports.gradescope \\
    'ASSIGNMENT' 'LEVEL' "$ROOT/submission" "$ROOT/results/results.json" 2>&1
exit 0
"""
DIED = "The grader did not start, or was ended before it was done."
LARGER = (
    "The autograder's output may say why. Where it ends in the middle, choose a container with "
    "more memory, "
    "or a longer time limit, in Gradescope, and run it again."
)


def make_archive(
    assignment: Assignment, to: Path, level: str = "bubblewrap", progress: Progress = quiet
) -> Path:
    """Make the archive; returns its path. It is there whole or not at all.

    level     the sandbox that submissions are run in
    progress  called while missing packs are rendered
    Raises MasterError for a master out of order, CourseError when the archive can't be written.
    """
    archive = to / f"{assignment.name}_gradescope.zip"
    draft = archive.with_suffix(".draft.zip")
    files = archive_files(read_master(assignment), level, progress)
    try:
        to.mkdir(parents=True, exist_ok=True)
        try:
            _pack(files, draft)
            draft.replace(archive)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"{archive} can't be written ({error.strerror}): name a folder with --to."
        ) from error
    return archive


def archive_files(master: Master, level: str, progress: Progress = quiet) -> dict[str, bytes]:
    """Everything in the archive, by path inside it."""
    assignment = master.assignment
    paths = [COURSE / name for name in PROJECT] + _modules()
    packs = [*packs_of(master, progress), *hidden_packs_of(master, progress)]
    died = json.dumps(fault(f"{DIED} (Sandbox: {level}.)", LARGER), indent=1)
    return {
        "setup.sh": _filled(SETUP, LEVEL=level),
        "run_autograder": _filled(RUN, ASSIGNMENT=assignment.name, LEVEL=level, FAULT=died),
        **{f"course/{path.relative_to(COURSE).as_posix()}": path.read_bytes() for path in paths},
        # There it is in the course folder, even if COURSE_ASSIGNMENTS is elsewhere here.
        f"course/assignments/{assignment.name}/assignment.md": assignment.master.read_bytes(),
        **{f"course/data/{pack.name}": pack.read_bytes() for pack in packs},
    }


def _modules() -> list[Path]:
    """The modules of both packages, and the networks that the references have trained."""
    found = [path for package in PACKAGES for path in (COURSE / package).rglob("*")]
    return sorted(
        path for path in found if path.suffix in KINDS and path.is_file() and not _is_hidden(path)
    )


def _is_hidden(path: Path) -> bool:
    """Whether it is what an editor has left, as in .ipynb_checkpoints."""
    return any(part.startswith(".") for part in path.relative_to(COURSE).parts)


def _filled(text: str, **values: str) -> bytes:
    for name, value in values.items():
        text = text.replace(name, value)
    return text.encode()


def _pack(files: dict[str, bytes], to: Path) -> None:
    """A zip whose bytes depend on the content alone; its programs can be run."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, date_time=(2025, 1, 1, 0, 0, 0))
            mode = 0o755 if name in PROGRAMS else 0o644
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, mode << 16
            archive.writestr(info, content)
