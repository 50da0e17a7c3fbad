"""Bring what students handed in into a course directory: from folders, or as an LMS gives it.

SOURCE is a folder of one folder or one zip per student, what Moodle or Canvas lets one download, or
one zip of all that. Taken are an assignment's notebook and the files that it wants beside it,
nothing else:

submitted/STUDENT/3_colorization/                     whole, or not there
submitted-before/STUDENT/3_colorization/2026-05-01…   what was there before --update

When it was handed in is not known: neither Moodle's nor Canvas's archive says so reliably. The
times in a zip are those of somebody's clock, without a time zone; a timestamp.txt in it would be
its author's claim. Neither is taken. Where lateness costs points, write timestamp.txt beside the
notebook (2026-05-01 23:59:00 UTC), or collect through nbgrader's exchange, which does so.
"""

import filecmp
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from autograder.assignments import Assignment, CourseError, find_assignment
from autograder.authoring.master import read_master
from autograder.collect import archives
from autograder.collect.archives import Entry
from autograder.collect.file_owner import (
    Sender,
    folded,
    hidden_in_another_language,
    sender_of,
    shared_groups,
)
from autograder.collect.identity import Identity, Roll, without_roster
from autograder.collect.notebook_names import as_notebooks, numbered
from autograder.collect.source import Item, in_zip, is_part, is_section, on_disk
from autograder.collect.source import hand_ins as find_hand_ins
from autograder.course_files.lock import only_writer
from autograder.course_files.names import shown
from autograder.gradebook.course import Course
from autograder.gradebook.roster import Person
from autograder.judge.intake.read_notebook import RefusedError, assignment_of
from autograder.progress import Progress, quiet

Status = Literal["taken", "updated", "there already", "not taken"]
DRAFTS = ".collecting-"
MAX_LOOKED_INTO = 20  # notebooks, or zips, of one student
OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@dataclass(frozen=True)
class Outcome:
    """What came of one student's hand-in.

    student     the id, or what the source calls whoever it is
    assignment  its name; empty where it is not known
    says        a sentence; empty when there is nothing to say
    """

    student: str
    assignment: str
    status: Status
    says: str = ""


@dataclass
class _HandIn:
    """The items of one sender."""

    sender: Sender
    items: list[Item] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.items[0].label

    @property
    def is_late(self) -> bool:
        """Whether the LMS calls any of it late."""
        return any(item.sender.late for item in self.items if item.sender)

    def entries(self) -> list[Entry]:
        """Its files, under the names that the student gave them. Raises RefusedError."""
        return [entry for item in self.items for entry in _as_named(item)]


def collect(
    course: Course,
    source: Path,
    assignment: Assignment | None = None,
    roster: list[Person] | None = None,
    *,
    update: bool = False,
    progress: Progress = quiet,
) -> list[Outcome]:
    """Take what is in `source` into the course directory, and say what came of each student's.

    assignment  of which all of it is; without it, names and content tell
    roster      gives the ids; without it, names of folders and files do
    update      take what differs from what is there, and keep that in submitted-before/
    Raises CourseError for a source that can't be read, and when the course directory can't be
    written to: then what was taken before stays whole, and nothing is there by halves.
    """
    done: list[Outcome] = []
    submitted = course.folder / "submitted"
    try:
        with only_writer(course.folder), ExitStack() as stack:
            submitted.mkdir(exist_ok=True)
            _sweep(submitted)
            drafts = Path(stack.enter_context(TemporaryDirectory(prefix=DRAFTS, dir=submitted)))
            hand_ins, unknown = _hand_ins(_items(source, drafts, stack), roster)
            senders = [hand_in.sender for hand_in in hand_ins]
            roll = Roll(roster, shared_groups(senders)) if roster else None
            collector = _Collector(course, assignment, roll, drafts, update)
            total = len(hand_ins)
            for number, found in enumerate(collector.take_all(hand_ins), 1):
                done += found
                progress("collecting", number, total)
    except OSError as error:
        whole = sum(one.status != "not taken" for one in done)
        raise CourseError(
            f"{course.folder} can't be written to ({error.strerror}): mend that and give the same command "
            f"again; the {whole} hand-ins taken so far are whole, and of the next nothing was kept."
        ) from error
    return sorted(done + unknown, key=lambda one: (one.student, one.assignment))


def _sweep(submitted: Path) -> None:
    """What a killed run has left; the lock says that no other is at work."""
    for left in submitted.glob(f"{DRAFTS}*"):
        shutil.rmtree(left, ignore_errors=True)


def _items(source: Path, drafts: Path, stack: ExitStack) -> list[Item]:
    """What is at the top of the source, in order. Raises CourseError when it can't be read."""
    try:
        if source.is_dir():
            return on_disk(source)
        if not source.is_file():
            raise CourseError(
                f"There is no {source}: name a folder or a zip of what was handed in."
            )
    except OSError as error:
        raise CourseError(
            f"{source} can't be read ({error.strerror}): ask whoever owns it."
        ) from None
    try:
        entry = archives.file_entry(source.resolve())
        return in_zip(archives.opened(entry, drafts, stack, archives.MAX_CLASS_FILES))
    except RefusedError as error:
        raise CourseError(f"{source} is neither a folder nor a zip of a class: {error}") from None


def _as_named(item: Item) -> list[Entry]:
    """An item's files; a file that an LMS has renamed, under the name that its student gave it."""
    sender = item.sender
    entries = item.entries()
    if item.is_folder or not sender or not sender.file:
        return entries
    own = (
        f"handed_in{sender.file}" if sender.file.startswith(".") else sender.file
    )  # Moodle: file_.zip
    return [replace(entry, path=(own,)) for entry in entries]


def _hand_ins(
    items: list[Item], roster: list[Person] | None
) -> tuple[list[_HandIn], list[Outcome]]:
    """The items by sender, and what comes of those that tell none."""
    roll = Roll(roster) if roster else None
    told, refused = find_hand_ins(items, roll.knows if roll else None)
    unknown = [Outcome(item.label, "", "not taken", says) for item, says in refused.items()]
    hidden = hidden_in_another_language(item.sender for item in told if item.sender)
    found: dict[tuple, _HandIn] = {}
    for item in told:
        sender = item.sender
        if sender is None:
            says = (
                "The name does not tell whose it is: put it into a folder named after its student."
            )
            unknown.append(Outcome(item.label, "", "not taken", says))
            continue
        if hidden and sender.name == hidden and not (roll and roll.knows(hidden)):
            sender = replace(sender, hidden=True)
        # One number is one sender's, wherever it is; one name may be of two, in two sections.
        key: tuple[object, ...] = (sender.lms, sender.name, item.where)
        if sender.number:
            key = (sender.lms, unicodedata.normalize("NFC", sender.name), sender.number)
        found.setdefault(key, _HandIn(sender)).items.append(item)
    return list(found.values()), unknown


@dataclass
class _Collector:
    course: Course
    assignment: Assignment | None
    roll: Roll | None
    drafts: Path
    update: bool

    def take_all(self, hand_ins: list[_HandIn]) -> Iterator[list[Outcome]]:
        """The outcomes of each hand-in, one after the other. Raises OSError when nothing can be
        written.
        """
        named = [(hand_in, *self.named(hand_in.sender)) for hand_in in hand_ins]
        ids: dict[str, list[tuple[str, str]]] = {}  # by what they have in common: id and label
        for hand_in, identity, _ in named:
            for student in identity.ids:
                ids.setdefault(folded(student), []).append((student, hand_in.label))
        for there in (path.name for path in (self.course.folder / "submitted").iterdir()):
            if folded(there) in ids and not any(
                there == student for student, _ in ids[folded(there)]
            ):
                ids[folded(there)].append((there, f"submitted/{shown(there)}"))
        for hand_in, identity, trouble in named:
            if trouble:
                yield [Outcome(hand_in.label, "", "not taken", trouble)]
                continue
            same = {student: ids[folded(student)] for student in identity.ids}
            twins = [
                Outcome(shown(student), "", "not taken", _twins(both, rostered=bool(self.roll)))
                for student, both in same.items()
                if len(both) > 1
            ]
            alone = [student for student, both in same.items() if len(both) == 1]
            yield twins + (
                self.take(hand_in, Identity(tuple(alone), identity.note)) if alone else []
            )

    def named(self, sender: Sender) -> tuple[Identity, str]:
        """Whose it is, and what is the trouble with it; one of the two is empty."""
        try:
            return (self.roll.whose(sender) if self.roll else without_roster(sender)), ""
        except RefusedError as error:
            return Identity(()), str(error)

    def take(self, hand_in: _HandIn, identity: Identity) -> list[Outcome]:
        """Take a student's notebooks, and say what came of each; whatever is wrong stays this
        student's.
        """
        spool = self.drafts / "spool"
        spool.mkdir()
        name = self.assignment.name if self.assignment else ""
        try:
            with ExitStack() as stack:
                entries = _with_notebook(archives.checked(hand_in.entries()), spool, stack)
                _refuse_download(hand_in, entries)
                notebooks = self.by_assignment(entries, spool)
                return [
                    self.place(hand_in, student, *each, entries, identity.note)
                    for student in identity.ids
                    for each in notebooks.items()
                ]
        except RefusedError as error:
            return [Outcome(student, name, "not taken", str(error)) for student in identity.ids]
        finally:
            shutil.rmtree(spool, ignore_errors=True)

    def by_assignment(self, entries: list[Entry], spool: Path) -> dict[Assignment, list[Entry]]:
        """The notebooks of each assignment that is looked for. Raises RefusedError when there is
        none.
        """
        notebooks = [entry for entry in entries if _kind(entry) == ".ipynb"]
        wanted = [self.assignment] if self.assignment else self.course.released()
        told = _told(notebooks, wanted, spool)
        found = {one: mine for one in wanted if (mine := [e for e, a in told if a == one])}
        if found:
            return found
        if len(notebooks) == 1 and told[0][1] is None and len(wanted) == 1:
            return {wanted[0]: notebooks}
        raise RefusedError(_why_none(told, self.assignment))

    def place(
        self,
        hand_in: _HandIn,
        student: str,
        assignment: Assignment,
        notebooks: list[Entry],
        entries: list[Entry],
        note: str,
    ) -> Outcome:
        """Write one assignment's files where nbgrader looks for them. Raises OSError."""
        try:
            files = _files(assignment, notebooks, entries)
            draft = self.draft(files)
            wanted = _wanted(assignment)
            missing = [name for name in wanted if name not in files]
            notes = [f"Without {name}, which was to be handed in too." for name in missing]
            notes += ["Late, says the LMS."] if hand_in.is_late else []
            if was := files[f"{assignment.name}.ipynb"].was:
                notes.append(
                    f"`{shown(was)}` is taken as the notebook, whose name should end in .ipynb."
                )
            notes += [note] if note else []
            notebook = self.course.submission(assignment, student)
            status, says = self.settle(draft, notebook.parent, {notebook.name, *wanted})
            return Outcome(student, assignment.name, status, " ".join([*says, *notes]))
        except RefusedError as error:
            return Outcome(student, assignment.name, "not taken", str(error))

    def draft(self, files: dict[str, Entry]) -> Path:
        """The files, in a folder of their own. Raises RefusedError, and OSError when the disk is
        full.
        """
        draft = self.drafts / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for name, entry in files.items():
            archives.write(draft / name, archives.chunks(entry))
        return draft

    def settle(self, draft: Path, home: Path, wanted: set[str]) -> tuple[Status, list[str]]:
        """Move a draft to its place, by renaming: it is there whole, or not at all. Raises
        OSError.
        """
        if not home.is_dir() or not any(home.iterdir()):
            home.parent.mkdir(parents=True, exist_ok=True)
            draft.rename(home)
            return "taken", []
        if _same(draft, home, wanted):
            return "there already", []
        if not self.update:
            return "not taken", [
                "Another one is there already: --update takes this one, and keeps that one."
            ]
        kept = self.kept(home)
        home.rename(kept)
        try:
            draft.rename(home)
        except OSError:
            kept.rename(home)
            raise
        return "updated", [f"What was there is in {kept.relative_to(self.course.folder)}."]

    def kept(self, home: Path) -> Path:
        """A new name for what was handed in before; its folder is made. Raises OSError."""
        before = self.course.folder / "submitted-before" / home.parent.name / home.name
        before.mkdir(parents=True, exist_ok=True)
        return before / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"


def _twins(same: list[tuple[str, str]], *, rostered: bool) -> str:
    first, last = same[:-1], same[-1]
    labels = f"{', '.join(f'`{label}`' for _, label in first)} and `{last[1]}`"
    tell = "tell them apart by lms_user_id in the roster" if rostered else "use --roster"
    if len({student for student, _ in same}) > 1:
        return f"The names of {labels} differ by case or accents' code only: rename one, or {tell}."
    count = "both" if len(same) == 2 else "all"
    return f"{labels} are {count} of one student, or of two with one name: leave one, or {tell}."


def _same(draft: Path, home: Path, wanted: set[str]) -> bool:
    """Whether of the files that are wanted the same are there already, byte for byte."""
    names = {path.name for path in draft.iterdir()}
    there = {path.name for path in home.iterdir()} & wanted
    return there == names and len(filecmp.cmpfiles(draft, home, names, shallow=False)[0]) == len(
        names
    )


def _kind(entry: Entry) -> str:
    return Path(entry.name).suffix.lower()


def _refuse_download(hand_in: _HandIn, entries: list[Entry]) -> None:
    """Raises RefusedError for a zip that is not one student's, but of a class or a section."""
    if hand_in.sender.lms:
        return
    tops = {(entry.path[0], len(entry.path) > 1) for entry in entries}
    senders = [sender_of(name, is_folder=is_folder) for name, is_folder in tops]
    of_lms = {(sender.lms, sender.name) for sender in senders if sender and sender.lms}
    every = all(sender and sender.lms for sender in senders)
    of_class = every and (len(of_lms) > 1 or {lms for lms, _ in of_lms} == {"Moodle"})
    around = [
        entry.path[0] for entry in entries if _kind(entry) == ".ipynb" and len(entry.path) > 1
    ]
    of_section = is_section(hand_in.sender.name) and around and not all(map(is_part, around))
    if of_class or (of_section and not hand_in.items[0].is_folder):
        raise RefusedError(
            f"`{hand_in.label}` holds the work of a class or a section: give it to collect by itself."
        )


def _with_notebook(entries: list[Entry], spool: Path, stack: ExitStack) -> list[Entry]:
    """The entries; where there is no notebook among them, those in their zips. Raises
    RefusedError.
    """
    entries = as_notebooks(entries)
    while not any(_kind(entry) == ".ipynb" for entry in entries):
        zips = _newest_of_each([entry for entry in entries if _kind(entry) == ".zip"])
        if not zips:
            raise RefusedError(_no_notebook(entries))
        if len(zips) > MAX_LOOKED_INTO:
            raise RefusedError(
                f"There are {len(zips)} zips, and no notebook: hand in the notebook by itself."
            )
        inner = [inner for one in zips for inner in archives.opened(one, spool, stack)]
        entries = as_notebooks(archives.checked(inner))
    return entries


def _no_notebook(entries: list[Entry]) -> str:
    if other := [entry for entry in entries if _kind(entry) in OTHER_ARCHIVES]:
        return f"`{shown(other[0].name)}` is an archive that is not read here: hand in the notebook, or a zip."
    return (
        "There is no notebook: its name would end in .ipynb."
        if entries
        else "There is nothing in it."
    )


def _newest_of_each(entries: list[Entry]) -> list[Entry]:
    """Of files that differ by their number only, the last."""
    by_name: dict[tuple, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault((*entry.path[:-1], numbered(entry.name)[0]), []).append(entry)
    return [max(same, key=lambda entry: numbered(entry.name)[1]) for same in by_name.values()]


def _told(
    notebooks: list[Entry], wanted: list[Assignment], spool: Path
) -> list[tuple[Entry, Assignment | None]]:
    """Each notebook with the assignment that its name tells; where none is told so, its content."""
    told = [(entry, _by_name(entry)) for entry in notebooks]
    if any(one in wanted for _, one in told) or len(notebooks) > MAX_LOOKED_INTO:
        return told
    return [(entry, one or _by_content(entry, spool)) for entry, one in told]


def _by_name(entry: Entry) -> Assignment | None:
    stem = Path(numbered(entry.name)[0]).stem
    with suppress(CourseError):
        found = find_assignment(stem)
        return (
            found if stem in (found.name, found.topic) else None
        )  # 3.ipynb may be a third attempt
    return None


def _by_content(entry: Entry, spool: Path) -> Assignment | None:
    copy = spool / "look into.ipynb"
    try:
        archives.write(copy, archives.chunks(entry))
        return assignment_of(copy)
    except CourseError:
        return None
    finally:
        copy.unlink(missing_ok=True)


def _why_none(told: list[tuple[Entry, Assignment | None]], wanted: Assignment | None) -> str:
    names = ", ".join(f"`{shown(entry.name)}`" for entry, _ in told[:3])
    others = sorted({one.name for _, one in told if one})
    if others:
        where = f"not of {wanted.name}" if wanted else "which is not in the course directory"
        return f"{names} is of {', '.join(others)}, {where}."
    if wanted:
        return f"{names}: more than one notebook, and none tells that it is the one to grade: leave one."
    return f"{names} does not tell which assignment it is: name one with --assignment."


@cache
def _wanted(assignment: Assignment) -> list[str]:
    """What is to be handed in with the notebook; a master takes a second to read."""
    return read_master(assignment).files


def _files(
    assignment: Assignment, notebooks: list[Entry], entries: list[Entry]
) -> dict[str, Entry]:
    """What is taken, under the names that the judge looks for. Raises RefusedError where two could
    be it.
    """
    name = f"{assignment.name}.ipynb"
    notebook = _the_one(name, notebooks, ())
    files = {name: notebook}
    for file in _wanted(assignment):
        if found := [entry for entry in entries if folded(numbered(entry.name)[0]) == folded(file)]:
            files[file] = _the_one(file, found, notebook.path[:-1])
    return files


def _the_one(name: str, found: list[Entry], folder: tuple[str, ...]) -> Entry:
    """The file to take: in that folder, or nearest to the top; of that name, or the only one; the
    last of it.

    Raises RefusedError, naming those between which nothing decides.
    """

    def rank(entry: Entry) -> tuple:
        return entry.path[:-1] == folder, -len(entry.path), numbered(entry.name)[0] == name

    first = [entry for entry in found if rank(entry) == max(map(rank, found))]
    last = max(numbered(entry.name)[1] for entry in first)
    newest = [entry for entry in first if numbered(entry.name)[1] == last]
    if len(newest) > 1 or len({numbered(entry.name)[0] for entry in first}) > 1:
        names = ", ".join(
            f"`{shown('/'.join((*entry.path[:-1], entry.was or entry.name)))}`"
            for entry in first[:3]
        )
        raise RefusedError(
            f"It can't be told which is the one to grade: {names}. Leave one of them."
        )
    return newest[0]
