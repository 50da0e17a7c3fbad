"""Whose a file is: by the names that Moodle and Canvas give to what is handed in, and by the roster."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.gradebook.archives import shown
from autograder.gradebook.roster import Person
from autograder.judge.read import RefusedError

# Firstname Lastname_12345_assignsubmission_file_3_colorization.ipynb
MOODLE = re.compile(
    r"(?P<name>.+)_(?P<lms_id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?", re.DOTALL
)
# lastnamefirstname_LATE_12345_67890_3_colorization.ipynb
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<lms_id>\d+)_\d+_(?P<file>.+)", re.DOTALL)
LONGEST = 100
NOT_IN_IDS = set('/\\*?[]<>:|"')  # of paths and patterns, on any system


@dataclass(frozen=True)
class Sender:
    """What a file's or a folder's name says of who has handed it in.

    name    the student's name or id
    lms_id  the number that the LMS gives, or empty
    file    the name that the student gave to the file, or empty
    late    whether the LMS calls it late
    """

    name: str
    lms_id: str = ""
    file: str = ""
    late: bool = False


def sender_of(name: str, *, is_folder: bool) -> Sender | None:
    """The sender that a name tells; None for a file that tells none."""
    if told := MOODLE.fullmatch(name):
        return Sender(told["name"], told["lms_id"], told["file"] or "")
    if not is_folder and (told := CANVAS.fullmatch(name)):
        return Sender(told["name"], told["lms_id"], told["file"], bool(told["late"]))
    if is_folder:
        return Sender(name)
    stem, dot, kind = name.rpartition(".")
    return Sender(stem, file=name) if dot and stem and kind.lower() == "zip" else None


def as_id(name: str) -> str:
    """A student's id as nbgrader can use it. Raises RefusedError with what is in the way."""
    found = unicodedata.normalize("NFC", name).strip()
    if not found.isprintable():
        raise RefusedError(
            f"`{shown(name)}` holds a line break or signs that can't be seen: rename it, or use --roster."
        )
    if wrong := sorted(NOT_IN_IDS & set(found)):
        raise RefusedError(
            f"`{shown(name)}` holds {' '.join(wrong)}, which no id can: rename it, or use --roster."
        )
    if not found or found.startswith(".") or len(found.encode()) > LONGEST:
        raise RefusedError(
            f"`{shown(name)}` is empty, too long or starts with a dot: rename it, or use --roster."
        )
    return found


def folded(name: str) -> str:
    """What two names have in common that differ by case or unicode normal form only."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def id_of(sender: Sender, people: Iterable[Person]) -> str:
    """The id of a sender. Raises RefusedError if nobody on the roster fits, and if two do, naming both."""
    name = "".join(re.findall(r"\w+", folded(sender.name)))
    ways = (
        lambda one: one.lms_user_id and one.lms_user_id == sender.lms_id,
        lambda one: folded(sender.name) in (folded(one.id), folded(one.email)),
        lambda one: name in _written(one),
    )
    for way in ways:
        if found := [person for person in people if way(person)]:
            return _only(found, sender)
    raise RefusedError(f"`{shown(sender.name)}` is not on the roster: add a line, or mend the name there.")


def _written(person: Person) -> set[str]:
    """The name in every order that an LMS may write it: Ada Lovelace, Lovelace Ada; without spaces."""
    words = re.findall(r"\w+", folded(f"{person.first_name} {person.last_name}"))
    return {"".join(words[first:] + words[:first]) for first in range(len(words))}


def _only(found: list[Person], sender: Sender) -> str:
    if len(found) > 1:
        who = " and ".join(shown(person.id) for person in found)
        raise RefusedError(f"`{shown(sender.name)}` fits {who}: give their lms_user_id in the roster.")
    return found[0].id
