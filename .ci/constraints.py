"""Print exact versions of the project's packages: `python .ci/constraints.py > constraints.txt`.

They are those of the environment that runs this script. Listed is every installed package that
pyproject.toml asks for, directly or through another package, with the extra `dev`. Left out is what
only one platform has: CUDA's packages, and the part of a version that names a build (`+cpu`).
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
PLATFORM_BOUND = re.compile(r"(nvidia|cuda)-.*|triton")
HEAD = """\
# Exact versions of the packages, as last tested: `make` installs with `-c constraints.txt`.
# Generated from a tested environment; do not edit by hand:
#
#     python .ci/constraints.py > constraints.txt
#
# CUDA's packages are left out, so that it serves Linux, macOS and Windows, Python 3.11 to 3.13.
"""


def main() -> None:
    """Print the constraints."""
    print(HEAD, end="")
    versions = installed_versions()
    for name in sorted(versions):
        if not PLATFORM_BOUND.fullmatch(name):
            print(f"{name}=={versions[name].public}")


def installed_versions() -> dict[str, Version]:
    """The version of each installed package that the project needs, by normalized name."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    asked = [*project["dependencies"], *optional["dev"]]
    # The project's other extras, as `dev` names them.
    asked += [*optional["render"], *optional["cluster"], *optional["postgres"]]
    versions: dict[str, Version] = {}
    waiting = [Requirement(line) for line in asked]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen or name == project["name"]:
            continue
        seen.add((name, extras))
        try:
            package = distribution(name)
        except PackageNotFoundError:  # another platform's, or an extra's
            continue
        versions[name] = Version(package.version)
        requirements = [Requirement(line) for line in package.requires or ()]
        waiting += [one for one in requirements if _applies(one, extras)]
    return versions


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether a package needs the requirement here, with these extras of its own."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


if __name__ == "__main__":
    main()
