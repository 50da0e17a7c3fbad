"""Separate the locked parts of a submitted cell from what the student has added to it.

Locked cells are restored as they were given out. If a locked cell was joined with an answer, edited
or split, everything else in it belongs to the student and is kept.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from nbformat import NotebookNode

from course_utils.notebook.cell_parts import (
    MAX_CODE,
    PYTHON_MAGICS,
    Part,
    inner_parts,
    parts_of,
    text_of,
)

Piece = tuple[Part, str]  # a part of a cell, and the locked cell that it comes from, or ""

OURS = "visible_checks."  # a statement of a check or a grade cell, of an older release perhaps
NAMING = ("definition", "import", "assignment")


@lru_cache(maxsize=512)
def released_parts(source: str) -> tuple[Part, ...]:
    """The parts of a released cell, cached: they are the same for every submission."""
    return tuple(parts_of(source) or ())


class LockedCells:
    """The locked cells of code, the checks, pictures, grade cells and trainings; by id.

    left  for each cell: how many of each of its parts are missing from the submitted cell
    """

    def __init__(self, cells: list[NotebookNode]) -> None:
        self.trainings = {cell.id for cell in cells if is_training(cell)}
        whole = {cell.id: released_parts(cell.source) for cell in cells}
        self.blocks = {name: {part.block for part in parts} - {""} for name, parts in whole.items()}
        self.parts = {
            name: list(_leaves(parts, self.blocks[name])) for name, parts in whole.items()
        }
        self.left = {
            name: Counter(part.key for part in parts) for name, parts in self.parts.items()
        }
        self._blocks = {block for blocks in self.blocks.values() for block in blocks}
        self._with_key: dict[str, list[str]] = {}
        for name, parts in self.parts.items():
            for key in {part.key for part in parts}:
                self._with_key.setdefault(key, []).append(name)

    def take_off(self, name: str, parts: list[Part] | None) -> None:
        """These parts, or None for all, were handed in in the cell `name` itself."""
        if parts is None:
            self.left.pop(name, None)
        elif name in self.left:
            self._set_left(name, self.left[name] - _keys(_leaves(parts, self.blocks[name])))

    def pieces(self, parts: list[Part], name: str = "") -> list[Piece]:
        """A submitted cell's parts with the locked cells that they come from."""
        pools = {name: _keys(self.parts[name])} if name else {}
        pools |= {one: Counter(self.left[one]) for one in self._joined(parts) if one != name}
        blocks = {block for one in pools for block in self.blocks[one]}
        found = []
        for part in _leaves(parts, blocks):
            owner = next((one for one, pool in pools.items() if pool[part.key] > 0), "")
            if owner:
                pools[owner][part.key] -= 1
            found.append((part, owner))
        for one in pools.keys() - {name}:
            self._set_left(one, pools[one])
        return found

    def _joined(self, parts: list[Part]) -> list[str]:
        """The locked cells of which at least half of what is left is among these parts."""
        leaves = list(_leaves(parts, self._blocks))
        keys, acting = (
            _keys(leaves),
            {part.key for part in leaves if part.kind in ("other", "block")},
        )
        found = []
        for name in dict.fromkeys(name for key in keys for name in self._with_key.get(key, [])):
            left = self.left.get(name, Counter())
            code = Counter({key: left[key] for key in self._code_keys(name) if left[key] > 0})
            shared = code & keys
            # An assignment or an import of the same text may be anybody's.
            tells = shared.keys() & acting or (name in self.trainings and shared)
            if tells and 2 * shared.total() >= code.total():
                found.append(name)
        return found

    def _code_keys(self, name: str) -> set[str]:
        return {part.key for part in self.parts[name] if part.kind not in ("comment", "nothing")}

    def _set_left(self, name: str, left: Counter[str]) -> None:
        if any(left[key] > 0 for key in self._code_keys(name)):
            self.left[name] = +left
        else:
            self.left.pop(name, None)


class StudentCode:
    """The code of one submission, parsed up to a safe size.

    binds  by name, the student's cells that bind it, by Python's id of them
    """

    def __init__(self, tasks: set[str]) -> None:
        self.tasks = tasks
        self.left = MAX_CODE  # characters
        self.binds: dict[str, set[int]] = {}
        self._parts: dict[str, list[Part] | None] = {}

    def parts(self, source: str) -> list[Part] | None:
        """The parts of a cell. None if it is not Python, or there was too much code before."""
        if source not in self._parts:
            if len(source) > self.left:
                return None
            self.left -= len(source)
            self._parts[source] = parts_of(source)
        return self._parts[source]

    def kept(
        self, pieces: list[Piece], mine: list[bool], cell: int, *, cautious: bool
    ) -> list[str]:
        """The sources of cells that keep the student's part of these pieces.

        Names of the locked cell that the pieces need are included. Statements without definitions
        get a separate cell: if they fail, they must not prevent a definition.

        mine      for each piece, whether it is kept
        cell      Python's id of the cell that the pieces come from
        cautious  keep only what is fast: training must not run in grading
        """
        chosen = [
            own and self._is_worth_keeping(part, cautious=cautious)
            for (part, _), own in zip(pieces, mine, strict=True)
        ]
        needed = {
            name
            for (part, _), kept in zip(pieces, chosen, strict=True)
            if kept
            for name in part.uses
        }
        for at in reversed(range(len(pieces))):
            part, owner = pieces[at]
            lost = {
                name
                for name in part.binds & needed
                if not (owner and self.binds.get(name, set()) - {cell})
            }
            if not chosen[at] and part.kind in NAMING and lost and (owner or mine[at]):
                chosen[at] = True
                needed |= part.uses
        return _cells([part for (part, _), kept in zip(pieces, chosen, strict=True) if kept])

    def _is_worth_keeping(self, part: Part, *, cautious: bool) -> bool:
        if part.kind in ("nothing", "block") or part.text.startswith((*PYTHON_MAGICS, OURS)):
            return False
        if not cautious or part.kind in ("definition", "import", "magic"):
            return True
        return part.kind == "assignment" and (not part.calls or bool(part.makes & self.tasks))


def is_training(cell: NotebookNode) -> bool:
    """Whether a released cell trains: it is not run for a grade."""
    return "training" in cell.metadata.get("tags", [])


def _cells(parts: list[Part]) -> list[str]:
    """Compare two sources cell by cell: statements that bind names apart from all others."""
    groups: list[list[Part]] = []
    acts = None
    waiting: list[Part] = []  # comments, which belong to what comes next
    for part in parts:
        waiting.append(part)
        if part.kind == "comment":
            continue
        if acts != (part.kind == "other"):
            groups.append([])
            acts = part.kind == "other"
        groups[-1] += waiting
        waiting = []
    if waiting:
        groups = [*groups[:-1], [*groups[-1], *waiting]] if groups else [waiting]
    return [text_of(group) for group in groups]


def _keys(parts: Iterator[Part] | list[Part]) -> Counter[str]:
    return Counter(part.key for part in parts)


def _leaves(parts: list[Part] | tuple[Part, ...], blocks: set[str]) -> Iterator[Part]:
    """The parts, with those inside of these blocks in the blocks' places."""
    for part in parts:
        if part.block not in blocks:
            yield part
        else:
            yield Part("block", part.block, "", part.first, part.last)
            yield from inner_parts(part)
