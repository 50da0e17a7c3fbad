"""Copy submissions into a course directory, from folders or from an LMS's download.

SOURCE is a folder with one folder or one zip per student, a download from Moodle or Canvas, or a
zip of any of these. Only an assignment's notebook and the files that it requires are taken:

submitted/STUDENT/3_colorization/                     whole, or not there
submitted-before/STUDENT/3_colorization/2026-05-01…   what was there before --update

The time of submission is unknown: neither Moodle's nor Canvas's archive records it reliably. The
times in a zip come from an arbitrary clock, without a time zone, and a timestamp.txt in it is only
its author's claim, so both are ignored. Where lateness costs points, write timestamp.txt beside the
notebook (2026-05-01 23:59:00 UTC), or collect through nbgrader's exchange, which does so.
"""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Literal

from autograder.assignments import Assignment, CourseError, find_assignment
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
from autograder.judge.intake.read_notebook import RefusedError, assignment_of
from autograder.progress import Progress, quiet

if TYPE_CHECKING:
    from autograder.gradebook.course import Course
    from autograder.gradebook.roster import Person

Status = Literal["taken", "updated", "there already", "not taken"]
DRAFTS = ".collecting-"
MAX_LOOKED_INTO = 20  # notebooks, or zips, of one student
OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@dataclass(frozen=True)
class Outcome:
    """The result for one student's submission.

    student     the id, or the name in the source
    assignment  its name; empty if unknown
    says        notes for the instructor; may be empty
    """

    student: str
    assignment: str
    status: Status
    says: str = ""


@dataclass
class _HandIn:
    """All items from one sender."""

    sender: Sender
    items: list[Item] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.items[0].label

    @property
    def is_late(self) -> bool:
        """Whether the LMS marks any of it as late."""
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
    """Copy the submissions in `source` into the course directory; returns an outcome for each.

    assignment  treat everything as this assignment; by default, names and content decide
    roster      gives the ids; by default, the names of folders and files do
    update      replace changed submissions, and keep the old versions in submitted-before/
    Raises CourseError if the source can't be read or the course directory can't be written to.
    Submissions taken before that are complete, and no partial files remain.
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
            f"{course.folder} can't be written to ({error.strerror}): mend that and give the same "
            "command "
            f"again; the {whole} hand-ins taken so far are whole, and of the next nothing was kept."
        ) from error
    return sorted(done + unknown, key=lambda one: (one.student, one.assignment))


def _sweep(submitted: Path) -> None:
    """Remove what a killed run has left; the lock guarantees that no other run is active."""
    for left in submitted.glob(f"{DRAFTS}*"):
        shutil.rmtree(left, ignore_errors=True)


def _items(source: Path, drafts: Path, stack: ExitStack) -> list[Item]:
    """The top-level items of the source, in order. Raises CourseError if it can't be read."""
    try:
        if source.is_dir():
            return on_disk(source)
        if not source.is_file():
            raise CourseError(f"There is no {source}: give a folder or a zip of submissions.")
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
    """An item's files; one that an LMS has renamed gets the student's own name back."""
    sender = item.sender
    entries = item.entries()
    if item.is_folder or not sender or not sender.file:
        return entries
    # Moodle may leave nothing before the extension: file_.zip
    own = f"handed_in{sender.file}" if sender.file.startswith(".") else sender.file
    return [replace(entry, path=(own,)) for entry in entries]


def _hand_ins(
    items: list[Item], roster: list[Person] | None
) -> tuple[list[_HandIn], list[Outcome]]:
    """The items by sender, and outcomes for those whose sender is unknown."""
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
        # A number identifies a sender everywhere; a name may occur in two sections.
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
        """The outcomes of each submission, in order. Raises OSError when nothing can be written."""
        named = [(hand_in, *self.named(hand_in.sender)) for hand_in in hand_ins]
        ids: dict[str, list[tuple[str, str]]] = {}  # by what they have in common: id and label
        for hand_in, identity, _ in named:
            for student in identity.ids:
                ids.setdefault(folded(student), []).append((student, hand_in.label))
        for there in (path.name for path in (self.course.folder / "submitted").iterdir()):
            same_name = ids.get(folded(there), [])
            if same_name and there not in [student for student, _ in same_name]:
                same_name.append((there, f"submitted/{shown(there)}"))
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
            alone = tuple(student for student, both in same.items() if len(both) == 1)
            taken = self.take(hand_in, Identity(alone, identity.note)) if alone else []
            yield twins + taken

    def named(self, sender: Sender) -> tuple[Identity, str]:
        """Whose it is, and why that is unclear; one of the two is empty."""
        try:
            return (self.roll.whose(sender) if self.roll else without_roster(sender)), ""
        except RefusedError as error:
            return Identity(()), str(error)

    def take(self, hand_in: _HandIn, identity: Identity) -> list[Outcome]:
        """Take a student's notebooks; returns an outcome each. Errors affect only this student."""
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
        """The notebooks of each wanted assignment. Raises RefusedError when there is none."""
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
        """Write the files into a new folder. Raises RefusedError, or OSError (disk full)."""
        draft = self.drafts / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for name, entry in files.items():
            archives.write(draft / name, archives.chunks(entry))
        return draft

    def settle(self, draft: Path, home: Path, wanted: set[str]) -> tuple[Status, list[str]]:
        """Move a draft to its place by renaming, so never in part. Raises OSError."""
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
        """A new path for the earlier submission, in a folder that exists. Raises OSError."""
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
    """Whether the same wanted files are there already, byte for byte."""
    names = {path.name for path in draft.iterdir()}
    there = {path.name for path in home.iterdir()} & wanted
    if there != names:
        return False
    equal, _, _ = filecmp.cmpfiles(draft, home, names, shallow=False)
    return len(equal) == len(names)


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
            f"`{hand_in.label}` holds the work of a class or a section: give it to collect by "
            "itself."
        )


def _with_notebook(entries: list[Entry], spool: Path, stack: ExitStack) -> list[Entry]:
    """The entries, or those in their zips if there is no notebook. Raises RefusedError."""
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
        return (
            f"`{shown(other[0].name)}` is an archive that is not read here: hand in the notebook, "
            "or a zip."
        )
    if not entries:
        return "There is nothing in it."
    return "There is no notebook: its name would end in .ipynb."


def _newest_of_each(entries: list[Entry]) -> list[Entry]:
    """The last of each group of files that differ only by their number."""
    by_name: dict[tuple, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault((*entry.path[:-1], numbered(entry.name)[0]), []).append(entry)
    return [max(same, key=lambda entry: numbered(entry.name)[1]) for same in by_name.values()]


def _told(
    notebooks: list[Entry], wanted: list[Assignment], spool: Path
) -> list[tuple[Entry, Assignment | None]]:
    """Each notebook with its assignment, by its name, or by its content if no name decides."""
    told = [(entry, _by_name(entry)) for entry in notebooks]
    if any(one in wanted for _, one in told) or len(notebooks) > MAX_LOOKED_INTO:
        return told
    return [(entry, one or _by_content(entry, spool)) for entry, one in told]


def _by_name(entry: Entry) -> Assignment | None:
    stem = Path(numbered(entry.name)[0]).stem
    with suppress(CourseError):
        found = find_assignment(stem)
        # Not by its number: 3.ipynb may be a third attempt.
        return found if stem in (found.name, found.topic) else None
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
        return (
            f"{names}: more than one notebook, and none tells that it is the one to grade: leave "
            "one."
        )
    return f"{names} does not tell which assignment it is: name one with --assignment."


@cache
def _wanted(assignment: Assignment) -> list[str]:
    """The files to hand in with the notebook; cached, as reading a master takes a second."""
    from autograder.authoring.master import read_master  # imports torch

    return read_master(assignment).files


def _files(
    assignment: Assignment, notebooks: list[Entry], entries: list[Entry]
) -> dict[str, Entry]:
    """The files to take, by the names that the judge expects. Raises RefusedError if ambiguous."""
    name = f"{assignment.name}.ipynb"
    notebook = _the_one(name, notebooks, ())
    files = {name: notebook}
    for file in _wanted(assignment):
        if found := [entry for entry in entries if folded(numbered(entry.name)[0]) == folded(file)]:
            files[file] = _the_one(file, found, notebook.path[:-1])
    return files


def _the_one(name: str, found: list[Entry], folder: tuple[str, ...]) -> Entry:
    """The file to take among several candidates.

    Preferred, in this order: in that folder, nearest to the top, with that name. Of numbered
    copies, the last.

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
