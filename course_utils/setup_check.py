"""Check that everything the notebook needs is installed, and say how to fix what is not.

course_utils.check_setup()      in a notebook: True or False, and it never raises
python -m course_utils          in a terminal; exit code 1 when something is missing
required()                      the first cell of every notebook: silent, or one sentence

It must be able to report that torch is missing or that Python is too old. So it uses only the
standard library, in syntax that older versions of Python can read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module, metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from course_utils.data.data_folder import data_folder

PYTHON = (3, 11, 4)
GB = 2**30
FREE_MEMORY, ALL_MEMORY = 2 * GB, 4 * GB
DISK, DISK_WITH_TORCH_TO_COME = 1 * GB, 8 * GB
# The folder where the archive was unpacked; the notebook is there.
HOME = Path(__file__).resolve().parent.parent
MODULES = {"scikit-image": "skimage", "scikit-learn": "sklearn", "pillow": "PIL"}  # named otherwise


class Finding(NamedTuple):
    """One thing that was looked at.

    says  a sentence
    mend  what to run; empty when it is as it should be
    """

    ok: bool
    says: str
    mend: str = ""


class SetupError(ImportError):
    """Something is missing; a notebook shows its sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def check_setup() -> bool:
    """Print what is installed, what is missing and how to fix it; return whether all is well."""
    findings = [
        finding
        for look in (_python, _packages, _sliders, _data, _memory, _disk)
        for finding in _of(look)
    ]
    missing = [finding for finding in findings if not finding.ok]
    lines = [_line(finding) for finding in findings]
    lines.append(_summary(len(missing)))
    say("\n".join(lines))
    return not missing


def required() -> None:
    """Do nothing if the notebook can start; print one sentence about outdated packages.

    Raises SetupError with one sentence if the notebook cannot start.
    """
    if sys.version_info < PYTHON:
        found = _python()[0]
        raise SetupError(f"{found.says} {found.mend[0].upper()}{found.mend[1:]}.")
    wanted = _requirements()
    specs = {name: _spec(name) for name, _ in wanted}
    if missing := [name for name, spec in specs.items() if spec is None]:
        raise SetupError(f"{_not_installed(missing)} Run {_pip(_all())}, then restart the kernel.")
    for name, spec in specs.items():
        if spec is not None and (shadow := _shadow(spec.origin)):
            raise SetupError(f"{_shadowed(shadow, name)} Rename {shadow}, then restart the kernel.")
    old = [
        f"{name} {_version(name)} (made for {least})"
        for name, least in wanted
        if _is_old(name, least)
    ]
    if old:
        say(
            f"Older than this notebook asks for: {', '.join(old)}; "
            f"if a cell fails, run {_pip(_all())}, then restart the kernel."
        )


def _of(look: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of one check; a failure of the check itself is a finding too."""
    try:
        return look()
    except Exception as error:  # on an unknown machine, any error is possible
        what = look.__name__.strip("_")
        says = f"The {what} could not be looked at ({type(error).__name__})."
        return [Finding(False, says, "ask for help")]


def _line(finding: Finding) -> str:
    if finding.ok:
        return f"ok       {finding.says}"
    return f"MISSING  {finding.says}\n         -> {finding.mend}"


def _summary(missing: int) -> str:
    if not missing:
        return "Everything is there. Start with the first task."
    things = "One thing is" if missing == 1 else f"{missing} things are"
    todo = "Do what the arrows say, from the top; restart the kernel; then run this again."
    return f"{things} missing. {todo}"


def say(text: str) -> None:
    """Print on any terminal, even if its encoding lacks a character (as on Windows)."""
    try:
        coding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(coding, "replace").decode(coding), flush=True)
    except (OSError, ValueError, AttributeError, LookupError):  # closed, or none at all
        pass


def _is_in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _pip(what: str, options: str = "") -> str:
    """The command that installs into this Python, for where it will be typed."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    start = "%pip" if _is_in_notebook() else f"{python} -m pip"
    return f"{start} install {options}{what}"


def _all() -> str:
    return f'-r "{HOME / "requirements.txt"}"'


def _python() -> list[Finding]:
    has, needs = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, PYTHON))
    if sys.version_info >= PYTHON:
        return [Finding(True, f"Python {has}.")]
    mend = "install a newer Python, and make a new environment with it: python -m venv .venv"
    return [Finding(False, f"Python {has} is too old: {needs} is needed.", mend)]


def _requirements() -> list[tuple[str, str]]:
    """What requirements.txt asks for: each name, and the least version or nothing."""
    try:
        lines = (HOME / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    found = [re.match(r"([\w.-]+)(?:>=([\d.]+))?", line.strip()) for line in lines]
    wanted = [(match[1], match[2] or "") for match in found if match]
    return [
        (name, least) for name, least in wanted if not (name == "jupyterlab" and _is_in_notebook())
    ]


def _packages() -> list[Finding]:
    wanted = _requirements()
    if not wanted:
        says = f"requirements.txt is not in {HOME}, so the packages can't be looked at."
        return [
            Finding(
                False, says, "unpack the archive again, into a new folder, and copy it from there"
            )
        ]
    gone = [name for name, _ in wanted if _spec(name) is None]
    together = gone if len(gone) > 1 else []  # one line and one command for all of them
    findings = [_package(name, least) for name, least in wanted if name not in together]
    there = ", ".join(finding.says for finding in findings if finding.ok)
    report = [Finding(True, f"Packages: {there}.")] if there else []
    report += [finding for finding in findings if not finding.ok]
    if together:
        report.append(Finding(False, _not_installed(gone), _pip(_all())))
    return report


def _package(name: str, least: str) -> Finding:
    """Whether a package is there, new enough, and can be imported."""
    spec, asked = _spec(name), f'"{name}>={least}"' if least else name
    if spec is None:
        return Finding(False, _not_installed([name]), _pip(asked))
    if shadow := _shadow(spec.origin):
        return Finding(False, _shadowed(shadow, name), f"rename {shadow}")
    version = _version(name)
    if _is_old(name, least):
        return Finding(
            False, f"{name} {version} is too old: {least} is needed.", _pip(asked, "--upgrade ")
        )
    if why := _import_trouble(name):
        says = f"{name} is installed and can't be imported ({why})."
        return Finding(False, says, _pip(asked, "--force-reinstall "))
    return Finding(True, f"{name} {version}".strip())


def _not_installed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not installed."


def _shadowed(shadow: str, name: str) -> str:
    return f"{shadow} is imported in the place of {name}."


def _module(name: str) -> str:
    return MODULES.get(name, name.replace("-", "_"))


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(_module(name))
    except (ImportError, ValueError, AttributeError):
        return None


def _shadow(origin: str | None) -> str:
    """The name of a file beside the notebook that hides a package; or nothing."""
    file = Path(origin or "nowhere")
    beside = {HOME, Path.cwd()}
    if file.parent in beside:
        return file.name
    return file.parent.name if file.parent.parent in beside else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except (metadata.PackageNotFoundError, KeyError, ValueError, OSError):
        return ""  # not installed, or only partly removed


def _is_old(name: str, least: str) -> bool:
    version = _version(name)
    return bool(least and version) and _numbers(version) < _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _import_trouble(name: str) -> str:
    if name == "jupyterlab":  # nothing imports it
        return ""
    try:
        import_module(_module(name))
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:100]}"
    return ""


def _sliders() -> list[Finding]:
    """Whether sliders can be drawn: ipywidgets needs a second package for that."""
    if _spec("ipywidgets") is None:
        return []  # reported with the packages
    if _version("jupyterlab_widgets"):
        return [Finding(True, "Sliders can be drawn.")]
    return [
        Finding(
            False, "Sliders can't be drawn.", _pip("jupyterlab_widgets") + ", then reload the page"
        )
    ]


def _data() -> list[Finding]:
    """The packs of pictures that the notebooks in this folder need."""
    folder, findings = data_folder(), []
    for archive, name in _packs():
        pack = folder / f"{name}.npz"
        if zipfile.is_zipfile(pack):
            findings.append(Finding(True, f"Pictures: {pack.name}."))
            continue
        unpack = f"python -m zipfile -e {archive}.zip fresh"
        mend = f"{unpack}   (then copy fresh/{archive}/data/{pack.name} there)"
        state = "is broken" if pack.exists() else "is missing"
        findings.append(Finding(False, f"{pack.name} {state} in {folder}.", mend))
    return findings


def _packs() -> list[tuple[str, str]]:
    """The assignment and the name of each pack, from the notebooks in this folder."""
    found = []
    for path in sorted(HOME.glob("*.ipynb")):
        try:
            about = json.loads(path.read_text(encoding="utf-8"))["metadata"]["assignment"]
            found += [(str(about["name"]), str(pack)) for pack in about["data"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # not a notebook of the course
    return found


def _memory() -> list[Finding]:
    size, where, needed = _memory_there()
    if not size:
        return [Finding(True, "Memory: this system does not say how much there is.")]
    if size >= needed:
        return [Finding(True, f"Memory: {size / GB:.1f} GB {where}.")]
    says = f"Memory: {size / GB:.1f} GB {where}, and {needed / GB:.0f} GB are needed."
    return [
        Finding(False, says, "close other programs, and shut down the kernels of other notebooks")
    ]


def _memory_there() -> tuple[int, str, int]:
    """Bytes of memory, whether free or in all, and bytes needed; 0 if unknown."""
    try:
        about = Path("/proc/meminfo").read_text()
        free = re.search(r"^MemAvailable:\s*(\d+) kB", about, re.MULTILINE)
    except OSError:  # not on Linux
        free = None
    if free:
        return int(free[1]) * 1024, "free", FREE_MEMORY
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "in all", ALL_MEMORY
    except (AttributeError, ValueError, OSError):  # on Windows
        return 0, "", 0


def _disk() -> list[Finding]:
    needed = DISK_WITH_TORCH_TO_COME if _requirements() and _spec("torch") is None else DISK
    free = shutil.disk_usage(Path.cwd()).free
    says = f"Disk: {free / GB:.1f} GB free"
    if free >= needed:
        return [Finding(True, f"{says}.")]
    mend = _pip("").split(" install")[0] + " cache purge"
    return [Finding(False, f"{says}, and {needed / GB:.0f} GB are needed.", mend)]
