"""Whose a hand-in is, by the roster: no key counts that another one contradicts.

The keys are the name, an id of the roster, and the number that an LMS has put into the name.
Canvas's number is the user's. Moodle's is the assignment's: it names a person only where the
roster's column `participant` has it. A hand-in whose keys fit two people is refused, with both
named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.collect.file_owner import (
    Sender,
    as_id,
    folded,
    is_group,
    letters,
    participant_of,
    pseudonym,
    without_group,
    words,
)
from autograder.course_files.names import shown
from autograder.judge.intake.read_notebook import RefusedError

if TYPE_CHECKING:  # nbgrader takes seconds to import
    from autograder.gradebook.roster import Person

KEYS = ("id", "email", "sis_user_id", "sis_login_id")
SEPARATORS = re.compile(r"[\s()\[\]<>,;_]+")
PARTICIPANT_PREFIX = re.compile(r"(?:anon|participant)[_-]", re.IGNORECASE)
SHORTEST = 3  # letters of a name that say something when they begin or end another one
RENAME = "put it into a folder named after the id of its student"


@dataclass(frozen=True)
class Identity:
    """The ids of the students who submitted, several for a group, and a note for the table."""

    ids: tuple[str, ...]
    note: str = ""


def without_roster(sender: Sender) -> Identity:
    """The id that a name gives by itself. Raises RefusedError if it cannot be an id."""
    if sender.hidden:
        return Identity((pseudonym(sender),), _hidden_note(sender, "use --roster, with"))
    if sender.lms == "Moodle":
        for group, rest in without_group(sender.name):
            if is_group(group) and not is_group(rest):
                return Identity((as_id(rest),), f"Of Moodle's group `{shown(group)}`.")
    return Identity((as_id(sender.name),))


def _hidden_note(sender: Sender, how: str) -> str:
    return (
        f"{sender.lms} hid the names: this id stands for one student, in this assignment only. "
        f"To map it, {how} a column participant: {shown(sender.number)} in the student's line."
    )


class Roll:
    """A roster, by every key."""

    def __init__(self, people: Iterable[Person], groups: Iterable[str] = ()) -> None:
        """A roster to be asked.

        groups  what precedes a hyphen in several of Moodle's names, so may be a group
        """
        self.by_id: dict[str, Person] = {}
        self.by_key: dict[str, set[Person]] = {}
        self.by_words: dict[tuple[str, ...], set[Person]] = {}
        self.by_letters: dict[str, set[Person]] = {}
        self.by_number: dict[str, set[Person]] = {}
        self.by_participant: dict[str, set[Person]] = {}
        self.by_group: dict[str, set[Person]] = {}
        for person in people:
            self._add(person)
        in_names = {word for name in self.by_words for word in name}
        self.groups = {group for group in groups if not in_names & set(words(group))}

    def _add(self, person: Person) -> None:
        self.by_id[person.id] = person
        for key in filter(None, (getattr(person, key) for key in KEYS)):
            self.by_key.setdefault(folded(key), set()).add(person)
        for order in _orders(person):
            self.by_words.setdefault(order, set()).add(person)
            self.by_letters.setdefault("".join(order), set()).add(person)
        if person.lms_user_id:
            self.by_number.setdefault(person.lms_user_id, set()).add(person)
        for number in filter(None, re.split(r"[\s,;]+", person.participant)):
            self.by_participant.setdefault(PARTICIPANT_PREFIX.sub("", number), set()).add(person)
        if letters(person.group):
            self.by_group.setdefault(letters(person.group), set()).add(person)

    def knows(self, name: str) -> bool:
        """Whether a folder's name is that of a person or a group."""
        return bool(self._named(Sender(name)) or self.by_group.get(letters(name)))

    def whose(self, sender: Sender) -> Identity:
        """Whose submission it is. Raises RefusedError if nobody fits, or if two do, naming both."""
        if sender.hidden:
            return self._hidden(sender, pseudonym(sender))
        found, note = self._named(sender), ""
        if sender.lms == "Moodle" and not found:
            found, note = self._behind_a_group(sender.name)
        members = self.by_group.get(letters(sender.name), set())
        if members and found:
            raise RefusedError(
                f"{_label(sender)} is the group of {_both(members)}, and fits {_both(found)}: "
                f"{RENAME}."
            )
        if members:
            return self._group(sender, members)
        if not sender.lms and not found and (number := participant_of(sender.name)):
            return self._hidden(
                replace(sender, lms="Moodle", number=number, hidden=True), as_id(sender.name)
            )
        ways = {"Moodle": self._of_moodle, "Canvas": self._of_canvas, "": self._of_a_folder}
        person, said = ways[sender.lms](sender, found)
        return Identity((person.id,), note or said)

    def _hidden(self, sender: Sender, student: str) -> Identity:
        found = self.by_participant.get(sender.number, set())
        if not found and (named := self.by_id.get(student)):
            found = {named}
        if len(found) > 1:
            raise RefusedError(
                f"{_label(sender)}: {_both(found)} have this participant in the roster: correct "
                "one of them."
            )
        if found:
            return Identity((next(iter(found)).id,))
        return Identity((student,), _hidden_note(sender, "give the roster"))

    def _named(self, sender: Sender) -> set[Person]:
        """Those whose name or id it is, in every order and spelling that an LMS may write it."""
        if not sender.lms and (same := self.by_id.get(sender.name)):
            return {same}
        name = words(sender.name)
        found = self.by_key.get(folded(sender.name), set()) | self._by_id_and_name(sender)
        if sender.lms == "Canvas":
            return found | self.by_letters.get("".join(name), set())
        # Upper case equals lower case in scripts that may be written without spaces.
        if len(name) == 1 and (not sender.lms or name[0].upper() == name[0].lower()):
            return found | self.by_letters.get(name[0], set())
        return found | self.by_words.get(name, set())

    def _by_id_and_name(self, sender: Sender) -> set[Person]:
        """Those whose name it is with an id beside it: `Jo Smith (js2@example.org)`."""
        parts = [part for part in SEPARATORS.split(folded(sender.name)) if part]
        found = set()
        for at, part in enumerate(parts):
            rest = words(" ".join(parts[:at] + parts[at + 1 :]))
            keyed = self.by_key.get(part, set())
            if not sender.lms:
                keyed = keyed | self.by_number.get(part, set())
            found |= keyed & self.by_words.get(rest, set())
        return found

    def _behind_a_group(self, name: str) -> tuple[set[Person], str]:
        """Those whose name follows a group's, and a sentence on the group."""
        found, groups = set(), set()
        for group, rest in without_group(name):
            for person in self._named(Sender(rest, "Moodle")):
                own = letters(group) in filter(
                    None, (letters(person.group), letters(person.section))
                )
                if own or is_group(group) or group in self.groups:
                    found.add(person)
                    groups.add(group)
        return found, "".join(
            f"Of Moodle's group `{shown(group)}`." for group in sorted(groups)[:1]
        )

    def _group(self, sender: Sender, members: set[Person]) -> Identity:
        numbered = self.by_number.get(sender.number, set()) if sender.lms == "Canvas" else set()
        if numbered and not numbered <= members:
            raise RefusedError(_contradiction(sender, members, numbered))
        ids = tuple(sorted(person.id for person in members))
        return Identity(ids, f"Of the group `{shown(sender.name)}`: {_listed(ids)}.")

    def _of_moodle(self, sender: Sender, found: set[Person]) -> tuple[Person, str]:
        mapped = self.by_participant.get(sender.number, set())
        if not found:
            raise RefusedError(self._not_on_roster(sender, mapped))
        if mapped:
            if not mapped & found:
                raise RefusedError(_contradiction(sender, found, mapped))
            return _only(found & mapped, sender), ""
        person = _only(found, sender)
        if others := self.by_number.get(sender.number, set()) - {person}:
            raise RefusedError(_contradiction(sender, found, others))
        return person, ""

    def _of_canvas(self, sender: Sender, found: set[Person]) -> tuple[Person, str]:
        numbered = self.by_number.get(sender.number, set())
        if numbered and found:
            if not numbered & found:
                raise RefusedError(_contradiction(sender, found, numbered))
            return _only(numbered & found, sender), ""
        if numbered:
            person = _only(numbered, sender)
            if _contradicts(sender.name, person):
                raise RefusedError(
                    f"{_label(sender)}: {sender.number} is {_who(person)} in the roster, with "
                    "another name: "
                    f"correct the name or the lms_user_id there, or {RENAME}."
                )
            return person, f"By Canvas's number {sender.number}: {_who(person)}."
        if not found:
            raise RefusedError(self._not_on_roster(sender, set()))
        person = _only(found, sender)
        if person.lms_user_id:
            raise RefusedError(
                f"{_label(sender)} fits {_who(person)}, whose lms_user_id in the roster is "
                f"{shown(person.lms_user_id)} and not {sender.number}: correct it there, or "
                f"{RENAME}."
            )
        return person, ""

    def _of_a_folder(self, sender: Sender, found: set[Person]) -> tuple[Person, str]:
        if sender.name in self.by_id:
            return self.by_id[sender.name], ""
        numbered = self.by_number.get(sender.name.strip(), set())
        if numbered and (numbered != found):
            raise RefusedError(
                f"{_label(sender)} is the lms_user_id of {_both(numbered)}"
                + (f" and fits {_both(found)}" if found else ", and a number alone names nobody")
                + f": {RENAME}."
            )
        if not found:
            raise RefusedError(self._not_on_roster(sender, set()))
        return _only(found, sender), ""

    def _not_on_roster(self, sender: Sender, numbered: set[Person]) -> str:
        says = f"{_label(sender)} is not on the roster: add a line, or mend the name there"
        if numbered:
            participant = f"the number {sender.number} is the participant {_both(numbered)}"
            says += f"; {participant}, whose name differs"
        if sender.lms == "Moodle":
            behind = [
                (group, person)
                for group, rest in without_group(sender.name)
                for person in self._named(Sender(rest, "Moodle"))
            ]
            if behind:
                group, person = behind[0]
                says += (
                    f". If `{shown(group)}` is a group of {_who(person)}, "
                    "say so in a column group of the roster"
                )
        if sender.lms and is_group(sender.name):
            says += ". If it is a group's, give the roster a column group: then each member gets it"
        return says + "."


def _orders(person: Person) -> set[tuple[str, ...]]:
    """The name as an LMS may write it: Ada Lovelace, Lovelace Ada."""
    name = words(f"{person.first_name} {person.last_name}")
    return {name[first:] + name[:first] for first in range(len(name))}


def _contradicts(name: str, person: Person) -> bool:
    """Whether Canvas's name has neither the first nor the last name of a person who has a name."""
    known = [letters(part) for part in (person.first_name, person.last_name) if part]
    said = letters(name)
    return bool(known) and not any(
        len(part) >= SHORTEST and (said.startswith(part) or said.endswith(part)) for part in known
    )


def _label(sender: Sender) -> str:
    return f"`{shown(pseudonym(sender) if sender.hidden else sender.name)}`"


def _who(person: Person) -> str:
    name = f"{person.first_name} {person.last_name}".strip()
    return f"{shown(name)} ({shown(person.id)})" if name else shown(person.id)


def _listed(names: Iterable[str]) -> str:
    *first, last = map(shown, names)
    return f"{', '.join(first)} and {last}" if first else last


def _both(people: set[Person]) -> str:
    return " and ".join(sorted(map(_who, people)))


def _contradiction(sender: Sender, named: set[Person], numbered: set[Person]) -> str:
    says = (
        f"{_label(sender)}: the name fits {_both(named)}, and the number {shown(sender.number)} "
        f"{_both(numbered)} in the roster"
    )
    if sender.lms == "Moodle":
        return (
            f"{says}. Moodle's number is not a person's: look whose it is, and {RENAME}, "
            f"or give the roster a column participant, with {shown(sender.number)} in the "
            "student's line."
        )
    return f"{says}: correct the lms_user_id there, or {RENAME}."


def _only(found: set[Person], sender: Sender) -> Person:
    if len(found) == 1:
        return next(iter(found))
    ids = " and ".join(sorted(shown(person.id) for person in found))
    remedy = {
        "Canvas": "give their lms_user_id in the roster",
        "Moodle": f"{RENAME}, or give the roster a column participant with Moodle's number "
        f"{sender.number}",
        "": "rename it to the id of its student",
    }[sender.lms]
    raise RefusedError(f"{_label(sender)} fits {ids}: {remedy}.")
