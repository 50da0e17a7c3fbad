"""Who submitted a file, as far as its name says, by the naming schemes of Moodle and Canvas.

Moodle (mod/assign/classes/downloader.php; before 4.1 `download_submissions` in
mod/assign/locallib.php):

    NAME_NUMBER_assignsubmission_file_/…   or, without folders,
                                           NAME_NUMBER_assignsubmission_file_FILE

- NAME is the full name, or “Participant” in the site's language where marking is anonymous.
  Underscores become spaces; `'`, `&`, `:`, `/` and the like are dropped. So NAME never holds an
  underscore.
- NUMBER is the participant's in this one assignment (`get_uniqueid_for_user`). It is not the
  person's number: another student of the class may well have it as an id.
- In older versions `GROUP-` precedes NAME. In newer ones a team's NAME is the group's, and NUMBER
  the group's or missing. Each submission plugin has its own folder, e.g.
  `…_assignsubmission_onlinetext_`.

Canvas (lib/content_zipper.rb):

    NAME[_LATE]_USER_ATTACHMENT_FILE       or, without names,     [LATE_]anon_ID_ATTACHMENT_FILE

- NAME is the sortable name in lower case, without spaces and punctuation; for a group assignment
  the group's.
- USER is the Canvas user id. ID is made for this one submission. ATTACHMENT is the file's number.
- A text or a link is `NAME[_LATE]_USER_text.html` or `…_link.html`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from autograder.course_files.names import shown
from autograder.judge.intake.read_notebook import RefusedError

# The first mark counts: what follows it is the student's own choice.
MOODLE = re.compile(
    r"(?P<name>[^_]+)(?:_(?P<number>\d+))?_assignsubmission_[a-z][a-z0-9]*(?:_(?P<file>.*))?",
    re.DOTALL,
)
CANVAS = re.compile(
    r"(?P<name>.+?)_(?P<late>LATE_)?(?P<number>\d+)_(?:\d+_(?P<file>.+)|(?:text|link)\.html)",
    re.DOTALL,
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?anon_(?:LATE_)?(?P<number>[^_]+)_(?:\d+_(?P<file>.+)|(?:text|link)\.html)",
    re.DOTALL,
)
# “Participant” of mod/assign in Moodle's languages, as `letters` gives it.
IN_LANGUAGES = """
participant participante teilnehmer teilnehmerin teilnehmende teilnehmender partecipante deelnemer
deltagare deltager deltaker osallistuja uczestnik uczestniczka účastník участник учасник katılımcı
参加者 参与者 參與者 参与人 참여자 참가자 partehartzailea partaidea résztvevő
συμμετέχων συμμετέχοντας משתתף مشارك المشارك peserta
sudionik polaznik udeleženec учесник učesnik osaleja dalībnieks dalyvis þátttakandi
cyfranogwr شرکتکننده
"""
PARTICIPANT = frozenset(IN_LANGUAGES.split())
HIDDEN_WITH_NUMBER = re.compile(r"(?P<name>.*\D)[ _-]?(?P<number>\d+)", re.DOTALL)
# A group's name has one of these, or a digit; a person's has not. No surname and no given name is
# here.
GROUP_WORDS = re.compile(
    r"\d|小组|小組|グループ|그룹|\b(?:lab|labs|labgroups?|groups?|teams?|sections?|class|classes|course|courses|"
    r"cohort|tutorials?|seminars?|workshops?|sessions?|default|gruppen?|standard|übung|übungen|übungsgruppen?|"
    r"tutorium|praktikum|groupes?|équipes?|grupos?|equipos?|sección|seção|turma|gruppo|gruppi|sezione|squadra|"
    r"groep|grupp|ryhmä|grupa|skupina|csoport|группа|команда|група|grup)\b"
)
APOSTROPHES = re.compile("['’‘ʼ`´′]")  # Moodle drops them
LONGEST = 100
NOT_IN_IDS = set('/\\*?[]<>:|"')  # of paths and patterns, on any system
SHARED_BY = 3  # one name of so many participants is nobody's

Lms = Literal["", "Moodle", "Canvas"]


@dataclass(frozen=True)
class Sender:
    """What a file's or a folder's name says of who has handed it in.

    name    the student's name or id, or the group's
    lms     who gave the name; empty for a folder or a zip that a person has named
    number  Moodle's of the participant in the assignment; Canvas's of the user, or the submission
            if `hidden`
    file    the name that the student gave to the file, or empty
    late    whether the LMS calls it late
    hidden  whether the LMS hides the name; then `name` says nothing
    """

    name: str
    lms: Lms = ""
    number: str = ""
    file: str = ""
    late: bool = False
    hidden: bool = False


def sender_of(name: str, *, is_folder: bool, around: str = "") -> Sender | None:
    """The sender that a name tells; None for a file that tells none.

    around  the name of the folder that it is in, if that is no student's
    """
    if told := MOODLE.fullmatch(name):
        return _of_moodle(told, around)
    if not is_folder and (told := CANVAS_ANONYMOUS.fullmatch(name)):
        late = "LATE_" in name[: told.end("number")]
        return Sender("anon", "Canvas", told["number"], told["file"] or "", late, hidden=True)
    if not is_folder and (told := CANVAS.fullmatch(name)):
        return Sender(
            told["name"], "Canvas", told["number"], told["file"] or "", bool(told["late"])
        )
    if is_folder:
        return Sender(name)
    stem, dot, kind = name.rpartition(".")
    return Sender(stem, file=name) if dot and stem and kind.lower() == "zip" else None


def _of_moodle(told: re.Match[str], around: str) -> Sender:
    name, number, file = told["name"], told["number"] or "", told["file"] or ""
    if inner := participant_of(name):
        return Sender("participant", "Moodle", inner, file, hidden=True)
    # In “Teilnehmer/in” the stroke may have become a folder.
    if number and (_is_participant(name) or (around and letters(around + name) in PARTICIPANT)):
        return Sender("participant", "Moodle", number, file, hidden=True)
    return Sender(name, "Moodle", number, file)


def participant_of(name: str) -> str:
    """The number in a name like “Participant 12”, as Moodle's pages have it; or empty."""
    told = HIDDEN_WITH_NUMBER.fullmatch(name)
    return told["number"] if told and letters(told["name"]) in PARTICIPANT else ""


def _is_participant(name: str) -> bool:
    return letters(name) in PARTICIPANT or any(
        letters(rest) in PARTICIPANT for _, rest in without_group(name)
    )


def hidden_in_another_language(senders: Iterable[Sender]) -> str:
    """The one word that many participants have for a name, and no participant another; or empty.

    Two might be of one name; three or more with one word, and nobody else, are Moodle's
    “Participant”.
    """
    numbers: dict[str, set[str]] = {}
    for sender in senders:
        if sender.lms == "Moodle" and sender.number:
            numbers.setdefault(sender.name, set()).add(sender.number)
    if len(numbers) != 1:
        return ""
    ((name, ofs),) = numbers.items()
    return name if len(ofs) >= SHARED_BY and len(name.split()) == 1 else ""


def pseudonym(sender: Sender) -> str:
    """A student id for a name that the LMS hides; the same at every download of the assignment."""
    return as_id(f"{'anon' if sender.lms == 'Canvas' else 'participant'}-{sender.number}")


def without_group(name: str) -> Iterator[tuple[str, str]]:
    """The ways to read a name as a group's, a hyphen, and a student's: group and student."""
    for hyphen in re.finditer("-", name):
        if (group := name[: hyphen.start()].strip()) and (rest := name[hyphen.end() :].strip()):
            yield group, rest


def is_group(name: str) -> bool:
    """Whether a name is of a group and can't be of a person."""
    return bool(GROUP_WORDS.search(folded(name)))


def shared_groups(senders: Iterable[Sender]) -> frozenset[str]:
    """What precedes a hyphen in more than one of Moodle's names."""
    names = {sender.name for sender in senders if sender.lms == "Moodle" and not sender.hidden}
    groups = [group for name in names for group, _ in without_group(name)]
    return frozenset(group for group in groups if groups.count(group) > 1)


def as_id(name: str) -> str:
    """A student's id as nbgrader can use it. Raises RefusedError with what is in the way."""
    found = unicodedata.normalize("NFC", name).strip()
    if not found.isprintable():
        raise RefusedError(
            f"`{shown(name)}` holds a line break or signs that can't be seen: rename it, or use "
            "--roster."
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


def words(name: str) -> tuple[str, ...]:
    """The words of a name, case-folded, without apostrophes, split at everything but letters.

    Marks are kept: in many scripts the vowels are marks.
    """
    text = APOSTROPHES.sub("", folded(name))
    return tuple(
        "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text).split()
    )


def letters(name: str) -> str:
    """The words of a name in one."""
    return "".join(words(name))
