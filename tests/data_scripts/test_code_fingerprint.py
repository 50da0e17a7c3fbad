"""The fingerprint of code: what leaves it unchanged, and what changes it."""

from pathlib import Path

import pytest

from data_scripts.code_fingerprint import code_fingerprint

SOURCE = '''"""A leg."""

from typing import NamedTuple

HEIGHTS: dict[str, float] = {"low": 0.4, "high": 0.7}


class Leg(NamedTuple):
    """One leg."""

    width: float
    height: float = 0.4  # metres


def volume(leg: Leg, hollow: bool = False) -> float:
    """Its volume."""
    area: float = leg.width**2
    return area * leg.height
'''


def fingerprint(source: str, folder: Path, name: str = "leg.py") -> str:
    module = folder / name
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(source)
    return code_fingerprint([module], folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# metres", "# in metres, measured from the floor"),
        ("  # metres", ""),
        ('"""A leg."""', '"""A leg of a table.\\n\\nIt stands on the floor.\\n"""'),
        ('    """One leg."""\n\n', ""),
        ('    """Its volume."""\n', ""),
        ("leg: Leg, hollow: bool = False", "leg, hollow=False"),
        (") -> float:", ") -> float | None:"),
        ("    width: float", "    width: int"),
        ("    area: float = ", "    area = "),
        ("    area: float = ", "    area: float\n    area = "),
        ("HEIGHTS: dict[str, float] = ", "HEIGHTS = "),
        ('{"low": 0.4, "high": 0.7}', "{\n    'low': 0.4,\n    'high': 0.70,\n}"),
        ("area * leg.height", "(area * leg.height)"),
    ],
)
def test_what_the_code_does_not_do_leaves_it(tmp_path, old, new):
    assert old in SOURCE
    assert fingerprint(SOURCE.replace(old, new), tmp_path) == fingerprint(SOURCE, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.7", "0.71"),
        ("height: float = 0.4", "height: float = 0.5"),
        ("hollow: bool = False", "hollow: bool = True"),
        ("    width: float\n", ""),
        ("    width: float\n", "    breadth: float\n"),
        ("    width: float\n", "    width: float\n    depth: float\n"),
        ("leg.width**2", "leg.width**3"),
        ("area * leg.height", "area + leg.height"),
        ('"high"', '"tall"'),
        ("from typing import NamedTuple\n", "from typing import NamedTuple\nimport math\n"),
    ],
)
def test_what_the_code_does_changes_it(tmp_path, old, new):
    assert old in SOURCE
    assert fingerprint(SOURCE.replace(old, new), tmp_path) != fingerprint(SOURCE, tmp_path)


def test_the_order_of_two_fields_counts(tmp_path):
    ab, ba = "class A:\n    a: int\n    b: int\n", "class A:\n    b: int\n    a: int\n"
    assert fingerprint(ab, tmp_path) != fingerprint(ba, tmp_path)


def test_a_modules_place_counts_and_the_roots_place_does_not(tmp_path):
    here = fingerprint(SOURCE, tmp_path / "one")
    assert fingerprint(SOURCE, tmp_path / "two") == here
    assert fingerprint(SOURCE, tmp_path / "three", "table/leg.py") != here
    assert fingerprint(SOURCE, tmp_path / "four", "foot.py") != here


def test_modules_are_taken_in_a_fixed_order(tmp_path):
    modules = [tmp_path / name for name in ("a.py", "b.py", "c.py")]
    for number, module in enumerate(modules):
        module.write_text(f"x = {number}\n")
    assert code_fingerprint(modules[::-1], tmp_path) == code_fingerprint(modules, tmp_path)
    assert code_fingerprint(modules[:2], tmp_path) != code_fingerprint(modules, tmp_path)


def test_it_does_not_depend_on_the_version_of_python(tmp_path):
    """A known value: packs made under one version of Python stay fresh under another."""
    assert fingerprint(SOURCE, tmp_path) == "1e5b5ce0828c5053"
