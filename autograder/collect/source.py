"""Find the submissions in a source: a folder or file each, inside sections and wrapper folders.

A folder is one student's, or it holds several: a section of the class, or the folder around a
download. Students choose what is in their folders, so a folder is looked into only where its own
name, its neighbours or the roster speak for that. Where they do not decide, it is refused, with the
remedy.
"""

import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path

from autograder.assignments import assignments
from autograder.collect import archives
from autograder.collect.archives import Entry
from autograder.collect.file_owner import GROUP_WORDS, Sender, sender_of, words
from autograder.collect.notebook_names import is_notebook
from autograder.course_files.names import is_junk, shown
from autograder.judge.intake.read_notebook import RefusedError

DEEPEST_SECTION = 8  # sections in sections; what is deeper counts as a student's
# Names of folders that hold those of several. None is a given name or a surname.
SECTION_WORDS = re.compile(
    r"\b(?:submissions?|downloads?|uploads?|hand(?:ed)? ?ins?|students|everybody|everyone|all|"
    r"weeks?|"
    r"abgaben|alle|woche|rendus|devoirs|semaine|entregas|semana|consegne|inleveringen)\b"
)
OF_WORK = """
draft drafts final version v attempt try old older new newer backup backups copy work working
homework hw assignment exercise exercises submission submitted notebook notebooks nb code src source
data dataset datasets image images img figure figures plots output outputs results model models
weights checkpoint checkpoints report docs project task tasks part parts solution solutions answer
answers question questions lab week test tests tmp temp archive untitled folder first second last my
the of for and stuff files entwurf endgültig alt neu kopie abgabe hausaufgabe übung aufgabe lösung
ordner neuer mein meine brouillon ancien nouveau copie devoir dossier mon borrador viejo nuevo copia
tarea entrega carpeta mi
"""
# Names of folders that a student makes, for a part or a version of the work, are of these words
# only.
PART_WORDS = frozenset(OF_WORK.split())


@dataclass(frozen=True)
class Item:
    """A folder or a file of the source that may be a hand-in.

    where    the names of the folders around it, from the top
    entries  lists its files; raises RefusedError
    inside   lists what is directly in it
    """

    name: str
    is_folder: bool
    entries: Callable[[], list[Entry]]
    inside: Callable[[], list["Item"]]
    where: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its path in the source, for a sentence."""
        return shown("/".join((*self.where, self.name)))

    @cached_property
    def sender(self) -> Sender | None:
        """Who has handed it in, as far as its name says."""
        return sender_of(
            self.name, is_folder=self.is_folder, around=self.where[-1] if self.where else ""
        )

    @property
    def of_lms(self) -> bool:
        """Whether an LMS has named it."""
        return bool(self.sender and self.sender.lms)

    @cached_property
    def held(self) -> list["Item"]:
        """What is directly in it and looks like a hand-in."""
        return [inner for inner in self.inside() if _is_hand_in(inner)]

    @cached_property
    def has_notebook(self) -> bool:
        """Whether a notebook is directly in it that no LMS has named after its student."""
        return any(
            not one.is_folder and not one.of_lms and is_notebook(one.name) for one in self.inside()
        )


def on_disk(folder: Path) -> list[Item]:
    """What is in a folder, in order. Raises OSError."""
    return [_of_path(path) for path in sorted(folder.iterdir()) if not is_junk(path.name)]


def _of_path(path: Path) -> Item:
    if path.is_dir() and not path.is_symlink():
        return Item(
            path.name, True, partial(archives.folder_entries, path), cache(partial(_readable, path))
        )
    return Item(path.name, False, lambda: [archives.file_entry(path)], list)


def _readable(folder: Path) -> list[Item]:
    """What is in a folder; nothing, if it can't be read: then it is refused as a student's."""
    with suppress(OSError):
        return on_disk(folder)
    return []


def in_zip(entries: list[Entry]) -> list[Item]:
    """The same of a zip's entries."""
    tops: dict[tuple[str, bool], list[Entry]] = {}
    for entry in entries:
        tops.setdefault((entry.path[0], len(entry.path) > 1), []).append(entry)
    return [
        _of_entries(name, is_folder, found) for (name, is_folder), found in sorted(tops.items())
    ]


def _of_entries(name: str, is_folder: bool, found: list[Entry]) -> Item:
    if not is_folder:
        return Item(name, False, lambda: found, list)
    below = [replace(entry, path=entry.path[1:]) for entry in found]
    return Item(name, True, lambda: below, cache(partial(in_zip, below)))


def hand_ins(
    items: list[Item], knows: Callable[[str], bool] | None
) -> tuple[list[Item], dict[Item, str]]:
    """The hand-ins among the items and in their sections; and what is refused, with the reason.

    knows  whether the roster has a name; None without a roster
    """
    found: list[Item] = []
    refused: dict[Item, str] = {}
    levels = deque([items])
    while levels:
        level = levels.popleft()
        sorting = _Level(level, knows)
        for item in level:
            if sorting.holds_several(item):
                around = (*item.where, item.name)
                levels.append([replace(inner, where=around) for inner in item.inside()])
            elif sorting.is_unclear(item):
                refused[item] = _unclear(item)
            else:
                found.append(item)
    return found, refused


def _unclear(item: Item) -> str:
    held = [f"`{shown(inner.name)}`" for inner in item.held]
    more = ", …" if len(held) > 3 else ""
    return (
        "It can't be told whether it is one student's, or a section with "
        f"{', '.join(held[:3])}{more} in it. "
        "Use --roster; or, for a section, give its folder to collect by itself; or, for a "
        "student, leave one "
        "notebook, at the top."
    )


class _Level:
    """Items beside each other, and which of them are sections."""

    def __init__(
        self, items: list[Item], knows: Callable[[str], bool] | None, depth: int = 0
    ) -> None:
        self.knows = knows
        self.depth = depth
        self.has_students = any(self._is_students(item) for item in items)
        self.alone = len(items) == 1
        plain = [item for item in items if item.is_folder and not item.of_lms]
        self.verdicts: dict[int, bool | None] = {id(item): self._verdict(item) for item in plain}
        if any(self.holds_several(item) and not is_section(item.name) for item in plain):
            # Beside sections of any name, a folder in a folder may be a small section.
            for item in plain:
                if self._is_folder_in_folder(item) and not self.holds_several(item):
                    self.verdicts[id(item)] = None

    def holds_several(self, item: Item) -> bool:
        """Whether it is a section or a wrapper, to be looked into."""
        return self.verdicts.get(id(item), False) is True

    def is_unclear(self, item: Item) -> bool:
        """Whether nothing decides what it is."""
        return self.verdicts.get(id(item), False) is None

    def _is_known(self, name: str) -> bool:
        return self.knows is not None and self.knows(name)

    def _is_students(self, item: Item) -> bool:
        """Whether it is surely one student's, and not named by an LMS."""
        if item.of_lms or not item.is_folder:
            return not item.of_lms and item.sender is not None
        if item.has_notebook or self._is_known(item.name):
            return True
        return bool(item.held) and not is_section(item.name) and all(map(_is_part, item.held))

    def _is_folder_in_folder(self, item: Item) -> bool:
        return not self._is_students(item) and len(item.held) == 1 and item.held[0].is_folder

    def _verdict(self, item: Item) -> bool | None:
        """Whether it holds several; None if nothing decides."""
        too_deep = len(item.where) + self.depth >= DEEPEST_SECTION
        if too_deep or item.has_notebook or self._is_known(item.name) or not item.held:
            return False
        if self.knows and _leads_to(item, self.knows):
            return True
        parts = [inner for inner in item.held if _is_part(inner)]
        if is_section(item.name):
            return len(parts) < len(item.held)
        return False if parts else self._by_structure(item.held)

    def _by_structure(self, held: list[Item]) -> bool | None:
        of_lms = all(inner.of_lms for inner in held)
        folders = [inner for inner in held if inner.is_folder]
        if not of_lms and len(held) == 1:
            below = _Level(held, self.knows, self.depth + 1)
            return bool(folders) and below.holds_several(held[0])
        if not of_lms and not folders:
            return self.alone  # a student may hand in several zips
        return None if self.has_students else True


def is_section(name: str) -> bool:
    """Whether a folder's name says that it holds the work of several."""
    in_words = re.sub(r"\d", " ", " ".join(words(name)))
    return bool(SECTION_WORDS.search(in_words) or GROUP_WORDS.search(in_words))


def _is_hand_in(item: Item) -> bool:
    """Whether it looks like a submission.

    That is: named by an LMS, a zip, or a folder with a zip or a notebook in it.
    """
    if not item.is_folder:
        if item.sender is None:
            return False
        return item.sender.lms != "Canvas" or is_notebook(item.name) or _is_zip(item.name)
    if item.of_lms:
        return True
    try:
        entries = item.entries()
    except RefusedError:
        return True  # of somebody, who is told why it is refused
    return any(is_notebook(entry.name) or _is_zip(entry.name) for entry in entries)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _leads_to(item: Item, knows: Callable[[str], bool]) -> bool:
    """Whether the name of anything below, a section or more down, is on the roster."""
    level, depth = item.inside(), 0
    while level and len(level) <= archives.MAX_FOLDERS and depth < DEEPEST_SECTION:
        senders = [
            inner.sender for inner in level if inner.is_folder or not is_notebook(inner.name)
        ]
        if any(sender and not sender.lms and knows(sender.name) for sender in senders):
            return True
        level = [
            deeper
            for inner in level
            if inner.is_folder and not inner.of_lms
            for deeper in inner.inside()
        ]
        depth += 1
    return False


def _is_part(item: Item) -> bool:
    """Whether a folder's name is of a part of somebody's work, not of somebody."""
    return not item.of_lms and is_part(item.name[:-4] if _is_zip(item.name) else item.name)


def is_part(text: str) -> bool:
    """Whether a name without an extension is of a part, or a version, of the work."""
    name = words(text)
    in_words = {re.sub(r"\d+", "", word) for word in name} - {""}
    if not in_words:
        return len("".join(name)) <= 3  # a version; longer ones may be students' numbers
    return in_words <= PART_WORDS | _of_tasks()


@cache
def _of_tasks() -> set[str]:
    """The words in the assignments' names."""
    return {word for one in assignments() for word in words(one.name) if not word.isdigit()}
