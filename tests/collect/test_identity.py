"""Nobody's hand-in is lost, or given to another: what Moodle, Canvas and people call files and
folders.
"""

import io
import json
import os
import struct
import subprocess
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest

from autograder.assignments import find_assignment
from autograder.collect import archives
from autograder.collect.collect import Outcome, collect
from autograder.gradebook.course import CONFIG, CONFIG_TEXT, Course
from autograder.gradebook.roster import read_roster

ASSIGNMENT = find_assignment("data_driven_graphics")
NAME = ASSIGNMENT.name
NOTEBOOK = f"{NAME}.ipynb"
FILE, TEXT = "_assignsubmission_file_", "_assignsubmission_onlinetext_"
ROSTER = (
    "id,first_name,last_name,email,section,lms_user_id,sis_user_id,sis_login_id,group,participant\n"
    "al1,Ada,Lovelace,ada@uni.edu,,4711,S1,ada,Red,\n"
    "cb1,Charles,Babbage,charles@uni.edu,,4712,S2,charles,Red,\n"
    "js1,Jo,Smith,jo1@uni.edu,,12,S3,,Blue,\n"
    "js2,Jo,Smith,jo2@uni.edu,,13,S4,,Blue,\n"
    "mo1,Miles,O'Brien,,,,,,,\n"
    "jm1,Jürgen,Müller,,,,,,,\n"
    "gg1,Gabriel José,García Márquez,,,,,,,\n"
    "am1,Anne-Marie,Smith-Jones,,,,,,,\n"
    "ms1,Marie,Curie,,,,,,,\n"
    "xw1,明,王,,,,,,,\n"
)


def notebook(says: str = "1") -> bytes:
    metadata = {"assignment": {"name": NAME}}
    return json.dumps(
        {"cells": [{"cell_type": "code", "source": says}], "metadata": metadata}
    ).encode()


class Class:
    """A course directory and what is handed in to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "course" / "source" / NAME).mkdir(parents=True)
        (folder / "course" / CONFIG).write_text(
            CONFIG_TEXT.format(course_id="course", level="bubblewrap")
        )
        self.course = Course(folder / "course")

    def collect(self, *paths: str, roster: str = "", zipped: bool = False) -> dict[str, Outcome]:
        """What comes of files, each of which says its own path, by student."""
        files = {path: notebook(path) for path in paths}
        source = self.folder / "handed in"
        if zipped:
            source = self.folder / "all.zip"
            source.write_bytes(packed(files))
        for path, content in {} if zipped else files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(
                packed({NOTEBOOK: content}) if path.endswith(".zip") else content
            )
        return self.collect_from(source, roster)

    def collect_from(self, source: Path, roster: str = "") -> dict[str, Outcome]:
        people = None
        if roster:
            (self.folder / "roster.csv").write_text(roster)
            people = read_roster(self.folder / "roster.csv")
        return {one.student: one for one in collect(self.course, source, roster=people)}

    def taken(self) -> dict[str, str]:
        """The path that each student's notebook says, by id."""
        found = (self.course.folder / "submitted").glob(f"*/{NAME}/{NOTEBOOK}")
        return {
            path.parent.parent.name: json.loads(path.read_bytes())["cells"][0]["source"]
            for path in found
        }


def packed(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def classroom(tmp_path):
    return Class(tmp_path)


def moodle(who: str, number: int | str = "") -> str:
    return f"{who}_{number}{FILE}/{NOTEBOOK}" if number else f"{who}{FILE}/{NOTEBOOK}"


def canvas(who: str, number: int, late: str = "") -> str:
    return f"{who}_{late}{number}_99_{NOTEBOOK}"


# What is handed in, and whose it is by the roster.
WHOSE = {
    "Moodle's number is nobody's": (moodle("Ada Lovelace", 9), "al1"),
    "Moodle, surname first": (moodle("Lovelace Ada", 9), "al1"),
    "Moodle, a double surname": (moodle("García Márquez Gabriel José", 9), "gg1"),
    "Moodle, decomposed accents": (moodle(unicodedata.normalize("NFD", "Jürgen Müller"), 9), "jm1"),
    "Moodle drops apostrophes": (moodle("Miles OBrien", 9), "mo1"),
    "a curly apostrophe": (f"Miles O’Brien/{NOTEBOOK}", "mo1"),
    "Moodle, hyphens": (moodle("Anne-Marie Smith-Jones", 9), "am1"),
    "Moodle, a group and hyphens": (moodle("Lab group 2-Anne-Marie Smith-Jones", 9), "am1"),
    "Moodle, a group": (moodle("Lab group 2-Ada Lovelace", 9), "al1"),
    "Moodle, the roster's group": (moodle("Red-Ada Lovelace", 9), "al1"),
    "Moodle, a script without spaces": (moodle("王明", 9), "xw1"),
    "Moodle's file, not folder": (f"Ada Lovelace_9{FILE}{NOTEBOOK}", "al1"),
    "Moodle's file with a name like Moodle's": (
        f"Ada Lovelace_9{FILE}Jo Smith_12{FILE}{NOTEBOOK}",
        "al1",
    ),
    "Canvas's file with a name like Moodle's": (
        canvas("lovelaceada", 4711) + f"_Jo_1{FILE}{NOTEBOOK}",
        "al1",
    ),
    "Canvas": (canvas("lovelaceada", 4711), "al1"),
    "Canvas, late": (canvas("lovelaceada", 4711, "LATE_"), "al1"),
    "Canvas, two of one name": (canvas("smithjo", 13), "js2"),
    "Canvas, no number in the roster": (canvas("obrienmiles", 99), "mo1"),
    "Canvas, a third name": (canvas("lovelaceadaaugusta", 4711), "al1"),
    "an id": (f"js2/{NOTEBOOK}", "js2"),
    "an e-mail": (f"JO2@uni.edu/{NOTEBOOK}", "js2"),
    "a number of the university": (f"S4/{NOTEBOOK}", "js2"),
    "a name and an e-mail": (f"Jo Smith (jo2@uni.edu)/{NOTEBOOK}", "js2"),
    "a login and a name, in Moodle": (moodle("charles Charles Babbage", 9), "cb1"),
    "a name and the LMS's number": (f"Jo Smith 13/{NOTEBOOK}", "js2"),
    "a zip": ("Lovelace, Ada.zip", "al1"),
}


@pytest.mark.parametrize("case", WHOSE)
def test_whose_it_is(classroom, case):
    path, student = WHOSE[case]
    classroom.collect(path, roster=ROSTER)
    assert list(classroom.taken()) == [student]


# What is handed in, and what is said when nobody gets it.
NOBODYS = {
    "Moodle's number is another's": (
        moodle("Charles Babbage", 4711),
        "Charles Babbage (cb1)",
        "Lovelace (al1)",
    ),
    "Moodle's number alone": (moodle("Some Body", 4711), "`Some Body` is not on the roster"),
    "Moodle's number with two of one name": (
        moodle("Jo Smith", 12),
        "js1 and js2",
        "column participant",
    ),
    "a group's name is half a name": (
        moodle("Anne-Marie Curie", 9),
        "not on the roster",
        "Marie Curie (ms1)",
    ),
    "a name that is another's without spaces": (moodle("Ad Alovelace", 9), "not on the roster"),
    "Canvas's number is another's": (
        canvas("babbagecharles", 4711),
        "Babbage (cb1)",
        "Lovelace (al1)",
    ),
    "Canvas's number, and another name": (
        canvas("kingaugusta", 4711),
        "kingaugusta",
        "Ada Lovelace (al1)",
    ),
    "Canvas's name, and another number": (canvas("lovelaceada", 4713), "4711 and not 4713"),
    "Canvas, two of one name": (canvas("smithjo", 14), "js1 and js2"),
    "two of one name": (f"Jo Smith/{NOTEBOOK}", "js1 and js2", "rename it to the id"),
    "a number alone": (f"4711/{NOTEBOOK}", "Ada Lovelace (al1)", "a number alone names nobody"),
    "a name and another's id": (f"Ada Lovelace cb1/{NOTEBOOK}", "not on the roster"),
    "Moodle's default group": (moodle("Default group"), "Default group", "column group"),
}


@pytest.mark.parametrize("case", NOBODYS)
def test_what_is_not_decided_is_refused_with_those_it_might_be(classroom, case):
    path, *said = NOBODYS[case]
    outcomes = classroom.collect(path, f"mo1/{NOTEBOOK}", roster=ROSTER)
    (refused,) = [one for one in outcomes.values() if one.status == "not taken"]
    assert [text for text in said if text not in refused.says] == [], refused.says
    assert list(classroom.taken()) == ["mo1"]


def test_a_column_participant_decides_whom_moodle_means(classroom):
    roster = ROSTER.replace("S3,,Blue,", "S3,,Blue,500 501").replace(
        "S4,,Blue,", "S4,,Blue,Participant 502"
    )
    paths = [moodle("Jo Smith", 501), moodle("Jo Smith", 502), moodle("Ada Lovelace", 9)]
    classroom.collect(*paths, roster=roster)
    assert classroom.taken() == {"js1": paths[0], "js2": paths[1], "al1": paths[2]}


def test_a_participant_with_another_name_is_refused(classroom):
    roster = ROSTER.replace("S3,,Blue,", "S3,,Blue,501")
    (one,) = classroom.collect(moodle("Ada Lovelace", 501), roster=roster).values()
    assert one.status == "not taken"
    assert "Ada Lovelace (al1)" in one.says
    assert "Jo Smith (js1)" in one.says


def test_a_script_s_vowel_marks_tell_names_apart(classroom):
    outcomes = classroom.collect(moodle("रमा", 5), roster="id,name\nr1,राम\n")
    assert [one.status for one in outcomes.values()] == ["not taken"]


HIDDEN = {
    "English": ("Participant_{}", "participant-{}"),
    "German": ("Teilnehmerin_{}", "participant-{}"),
    "German, by hand": ("Teilnehmer-in_{}", "participant-{}"),
    "Spanish": ("Participante {}", "participant-{}"),
    "Chinese": ("参与者_{}", "participant-{}"),
    "of a group": ("Lab group 2-Participant_{}", "participant-{}"),
    "a language that nobody knows": ("Qatnashuvchi_{}", "participant-{}"),
}


@pytest.mark.parametrize("roster", ["", ROSTER], ids=["alone", "roster"])
@pytest.mark.parametrize("case", HIDDEN)
def test_moodle_hides_the_names(classroom, case, roster):
    name, student = HIDDEN[case]
    paths = {
        student.format(number): f"{name.format(number)}{FILE}/{NOTEBOOK}"
        for number in (101, 102, 4711)
    }
    outcomes = classroom.collect(*paths.values(), roster=roster)
    assert classroom.taken() == paths
    assert all(
        "Moodle hid the names" in one.says and "participant" in one.says
        for one in outcomes.values()
    )


def test_a_stroke_in_moodle_s_word_is_a_folder_in_a_zip(classroom):
    paths = [moodle("Teilnehmer/in", number) for number in (12, 13)]
    classroom.collect(*paths, zipped=True)
    assert classroom.taken() == dict(zip(["participant-12", "participant-13"], paths, strict=True))


@pytest.mark.parametrize("roster", ["", ROSTER], ids=["alone", "roster"])
def test_canvas_hides_the_names(classroom, roster):
    paths = [
        f"anon_12345_98_{NOTEBOOK}",
        f"LATE_anon_aB3dE_97_{NOTEBOOK}",
        f"anon_x7KfR_96_{NOTEBOOK}",
    ]
    outcomes = classroom.collect(*paths, "anon_x7KfR_text.html", roster=roster)
    assert classroom.taken() == dict(
        zip(["anon-12345", "anon-aB3dE", "anon-x7KfR"], paths, strict=True)
    )
    assert outcomes["anon-aB3dE"].says.startswith("Late")
    assert all("Canvas hid the names" in one.says for one in outcomes.values())


def test_hidden_names_are_mapped_by_the_roster(classroom):
    roster = ROSTER.replace("ada,Red,", "ada,Red,101").replace(
        "charles,Red,", "charles,Red,anon_x7KfR"
    )
    paths = [moodle("Participant", 101), f"anon_x7KfR_96_{NOTEBOOK}", moodle("Participant", 4711)]
    classroom.collect(*paths, roster=roster)
    assert classroom.taken() == dict(zip(["al1", "cb1", "participant-4711"], paths, strict=True))


def test_two_of_one_name_are_not_taken_for_hidden(classroom):
    outcomes = classroom.collect(moodle("Plato", 1), moodle("Plato", 2))
    assert [one.status for one in outcomes.values()] == ["not taken"]
    assert classroom.taken() == {}


def test_groups_without_a_roster(classroom):
    paths = [moodle("Lab group 2-Ada Lovelace", 31), moodle("Anne-Marie Curie", 32)]
    outcomes = classroom.collect(*paths)
    assert classroom.taken() == {"Ada Lovelace": paths[0], "Anne-Marie Curie": paths[1]}
    assert "`Lab group 2`" in outcomes["Ada Lovelace"].says


def test_a_group_before_several_names_needs_no_column(classroom):
    paths = [moodle("Alpha-Ada Lovelace", 31), moodle("Alpha-Charles Babbage", 32)]
    classroom.collect(*paths, roster=ROSTER)
    assert classroom.taken() == {"al1": paths[0], "cb1": paths[1]}


@pytest.mark.parametrize("path", [moodle("Red", 77), canvas("red", 4711), f"red/{NOTEBOOK}"])
def test_what_a_group_hands_in_is_each_member_s(classroom, path):
    outcomes = classroom.collect(path, roster=ROSTER)
    assert classroom.taken() == {"al1": path, "cb1": path}
    assert all("Of the group" in one.says for one in outcomes.values())


def test_a_group_of_canvas_with_a_stranger_s_number_is_refused(classroom):
    (one,) = classroom.collect(canvas("red", 12), roster=ROSTER).values()
    assert one.status == "not taken"
    assert "Jo Smith (js1)" in one.says


def test_a_member_s_own_and_the_group_s_are_both_left_for_the_member(classroom):
    paths = [moodle("Red", 77), moodle("Ada Lovelace", 9)]
    outcomes = classroom.collect(*paths, roster=ROSTER)
    assert classroom.taken() == {"cb1": paths[0]}
    assert outcomes["al1"].status == "not taken"


def test_text_beside_the_file_is_the_same_hand_in(classroom):
    html = [f"Ada Lovelace_9{TEXT}/onlinetext.html", "babbagecharles_4712_text.html"]
    outcomes = classroom.collect(moodle("Ada Lovelace", 9), *html, roster=ROSTER)
    assert (outcomes["al1"].status, outcomes["cb1"].status) == ("taken", "not taken")
    assert "There is no notebook" in outcomes["cb1"].says


def without_flag(name: bytes, extra: bytes = b"") -> bytes:
    """A zip with one notebook, whose name is these bytes, and which does not say that they are
    UTF-8.
    """
    info = zipfile.ZipInfo("?" * len(name))
    info.extra = extra
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(info, notebook())
    return data.getvalue().replace(b"?" * len(name), name)


UMLAUTS = moodle("Jürgen Müller", 1)
IN_437 = UMLAUTS.encode("cp437")
UNICODE = struct.pack("<BI", 1, zlib.crc32(IN_437)) + UMLAUTS.encode()
STALE = struct.pack("<BI", 1, 0) + moodle("Eve", 1).encode()
NAMES_IN_ZIPS = {
    "UTF-8 without the flag": without_flag(UMLAUTS.encode()),
    "code page 437": without_flag(IN_437),
    "a name in UTF-8 beside": without_flag(
        IN_437, struct.pack("<HH", 0x7075, len(UNICODE)) + UNICODE
    ),
    "a name beside, of another": without_flag(
        IN_437, struct.pack("<HH", 0x7075, len(STALE)) + STALE
    ),
    "a broken field": without_flag(IN_437, struct.pack("<HH", 0x7075, 2) + b"\1\0"),
    "with the flag": packed({UMLAUTS: notebook()}),
}


@pytest.mark.parametrize("case", NAMES_IN_ZIPS)
def test_names_in_zips(classroom, case):
    (classroom.folder / "all.zip").write_bytes(NAMES_IN_ZIPS[case])
    classroom.collect_from(classroom.folder / "all.zip")
    assert list(classroom.taken()) == ["Jürgen Müller"]


def folders(*names: str) -> list[str]:
    return [f"{name}/{NOTEBOOK}" for name in names]


# Folders with a notebook each, and the students.
SECTIONS = {
    "sections": (folders("Section A/ada", "Section A/ben", "Section B/cy"), "ada ben cy"),
    "a wrapper": (folders("submissions/ada", "submissions/ben"), "ada ben"),
    "a wrapper with a name of its own": (folders("CS-3/ada", "CS-3/ben"), "ada ben"),
    "a wrapper of one": (folders("submissions/ada"), "ada"),
    "sections in a wrapper": (
        folders("CS/A 1/ada", "CS/A 1/ben", "CS/B/cy", "CS/B/di"),
        "ada ben cy di",
    ),
    "sections in sections": (
        folders("Lab 1/Team 2/ada", "Lab 1/Team 3/ben", "Lab 2/cy"),
        "ada ben cy",
    ),
    "wrappers in wrappers": (folders("a/b/c/ada", "a/b/c/ben"), "ada ben"),
    "rubbish beside": (
        [*folders("CS-3/ada", "CS-3/ben", "__MACOSX/CS-3/ada"), "CS-3/.DS_Store"],
        "ada ben",
    ),
    "sections and students": (
        folders("Section A/ada", "Section A/ben", "cy", "di/work"),
        "ada ben cy di",
    ),
    "Moodle's in sections": ([moodle("Lab 1/Ada B", 1), moodle("Lab 2/Cy D", 2)], "Ada B|Cy D"),
    "Moodle's in a wrapper, and beside": (
        [moodle("CS-3/Ada B", 1), moodle("Cy D", 2)],
        "Ada B|Cy D",
    ),
    "Canvas's in a wrapper": ([f"x/{canvas('ada', 1)}", f"x/{canvas('ben', 2)}"], "ada ben"),
    "zips in sections": (["Section A/ada.zip", "Section B/ben.zip"], "ada ben"),
    "a subfolder": (folders("ada/my stuff", "ben/Untitled Folder 2"), "ada ben"),
    "a subfolder with a name": (folders("ada/ben"), "ada"),
    "the assignment's folder": (folders(f"ada/{NAME}", f"ben/{NAME}"), "ada ben"),
    "subfolders beside the notebook": (folders("ada", "ada/old", "ada/older", "ben"), "ada ben"),
    "a group's folder": (folders("Group 2", "Group 2/old"), "Group 2|"),
}  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True], ids=["folders", "zip"])
@pytest.mark.parametrize("case", SECTIONS)
def test_sections_and_wrappers(classroom, case, zipped):
    paths, students = SECTIONS[case]
    if zipped and any(path.endswith(".zip") for path in paths):
        pytest.skip("the zips here are made on disk")
    outcomes = classroom.collect(*paths, zipped=zipped)
    assert sorted(classroom.taken()) == students.strip("|").split("|" if "|" in students else None)
    assert {one.status for one in outcomes.values()} == {"taken"}


def test_a_roster_tells_sections_from_students(classroom):
    paths = folders("Monday/al1", "Tuesday/cb1", "mo1/js1", "mo1/js2", "stuff/more/jm1")
    outcomes = classroom.collect(*paths, roster=ROSTER)
    assert sorted(classroom.taken()) == ["al1", "cb1", "jm1"]
    assert "Leave one of them" in outcomes["mo1"].says


UNCLEAR = {
    "a student who writes as others": (
        moodle("eve/Ada Lovelace", 9),
        f"eve/Cy D_3{FILE}/{NOTEBOOK}",
    ),
    "two folders, beside students": folders("eve/al1", "eve/cb1"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_student_s_folder_does_not_hand_in_for_others(classroom, case):
    outcomes = classroom.collect(*UNCLEAR[case], f"zoe/{NOTEBOOK}")
    assert list(classroom.taken()) == ["zoe"]
    assert outcomes["eve"].status == "not taken"
    assert "collect by itself" in outcomes["eve"].says


def test_two_drafts_of_a_student_are_no_students(classroom):
    outcomes = classroom.collect(*folders("ada/draft", "ada/final", "ben"))
    assert list(classroom.taken()) == ["ben"]
    assert "Leave one of them" in outcomes["ada"].says


def test_one_name_in_two_sections_may_be_two_students(classroom):
    outcomes = classroom.collect(*folders("Section A/ada", "Section B/ada", "Section B/ben"))
    assert list(classroom.taken()) == ["ben"]
    assert "`Section A/ada` and `Section B/ada`" in outcomes["ada"].says


@pytest.mark.parametrize(
    ("name", "inside"), [("CS-3", moodle("Ada Lovelace", 9)), ("Section A", f"ada/{NOTEBOOK}")]
)
def test_a_zip_of_a_class_is_no_student(classroom, name, inside):
    source = classroom.folder / "handed in"
    source.mkdir()
    (source / f"{name}.zip").write_bytes(packed({inside: notebook()}))
    (source / "Group 2.zip").write_bytes(packed({f"work/{NOTEBOOK}": notebook("of a group")}))
    outcomes = classroom.collect_from(source)
    assert classroom.taken() == {"Group 2": "of a group"}
    assert "give it to collect by itself" in outcomes[name].says


RENAMED = {
    f"{NOTEBOOK}.txt": True,
    f"{NOTEBOOK}.json": True,
    f"{NOTEBOOK} (1)": True,
    f"{NOTEBOOK}(2).txt": True,
    f"{NOTEBOOK}.ipynb": True,
    f"{NOTEBOOK}.download": True,
    f"{NAME} (1).ipynb.txt": True,
    "my answers.ipynb.TXT": True,
    f"{NAME}.json": True,
    f"{NAME} (3).txt": True,
    f"{NAME}.IPYNB": False,
    f"{NAME} (1).ipynb": False,
}


@pytest.mark.parametrize("name", RENAMED)
def test_a_notebook_that_a_browser_has_renamed(classroom, name):
    ada = classroom.collect(f"ada/{name}")["ada"]
    assert ada.status == "taken"
    assert (f"`{name}` is taken as the notebook" in ada.says) is RENAMED[name]


def test_renamed_notebooks_of_an_lms(classroom):
    paths = [f"lovelaceada_4711_99_{NOTEBOOK}.txt", f"Charles Babbage_9{FILE}{NOTEBOOK}.json"]
    classroom.collect(*paths)
    assert classroom.taken() == {"lovelaceada": paths[0], "Charles Babbage": paths[1]}


def test_which_of_several_is_the_notebook(classroom):
    outcomes = classroom.collect(
        *(f"right/{name}" for name in (NOTEBOOK, f"{NOTEBOOK}.txt")),
        *(f"newest/{name}" for name in (NOTEBOOK, f"{NOTEBOOK} (1)")),
        *(f"neither/{name}" for name in (f"{NOTEBOOK}.txt", f"{NOTEBOOK}.json")),
        *(f"other/{name}" for name in ("notes.txt", "data.json")),
    )
    assert classroom.taken() == {"right": f"right/{NOTEBOOK}", "newest": f"newest/{NOTEBOOK} (1)"}
    assert f"{NOTEBOOK}.json" in outcomes["neither"].says
    assert "There is no notebook" in outcomes["other"].says


@pytest.fixture
def nest(tmp_path):
    """Makes folders in folders, deeper than a path can be long; Python's own tools could not delete
    them.
    """

    def nest(folder: Path, depth: int) -> None:
        folder.mkdir(parents=True)
        here = os.open(folder, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d" * 9, dir_fd=here)
            below = os.open("d" * 9, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)

    yield nest
    subprocess.run(["rm", "-rf", tmp_path / "handed in"], check=True)


@pytest.mark.parametrize("around", ["eve", "Section A/eve"])
def test_thousands_of_folders_in_folders_cost_nobody_else(classroom, nest, around):
    nest(classroom.folder / "handed in" / around, 1400)
    outcomes = classroom.collect(*folders("ada", "Section A/ben"), f"{around}/{NOTEBOOK}")
    assert sorted(classroom.taken()) == ["ada", "ben"]
    assert "hand in the notebook by itself" in outcomes["eve"].says


def test_thousands_of_folders_in_a_zip_cost_nobody_else(classroom):
    deep = "eve/" + "d/" * 1400 + NOTEBOOK
    outcomes = classroom.collect(*folders("ada", "ben"), deep, zipped=True)
    assert sorted(classroom.taken()) == ["ada", "ben"]
    assert "folders in folders" in outcomes["eve"].says


def test_too_many_folders_are_refused(classroom, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FOLDERS", 10)
    for number in range(11):
        (classroom.folder / "handed in" / "eve" / f"{number}").mkdir(parents=True)
    outcomes = classroom.collect(*folders("ada"), f"eve/0/{NOTEBOOK}")
    assert list(classroom.taken()) == ["ada"]
    assert "folders in folders" in outcomes["eve"].says


def test_a_named_pipe_is_no_file(classroom):
    (classroom.folder / "handed in" / "eve").mkdir(parents=True)
    os.mkfifo(classroom.folder / "handed in" / "eve" / NOTEBOOK)
    outcomes = classroom.collect(*folders("ada"))
    assert list(classroom.taken()) == ["ada"]
    assert "is not a file" in outcomes["eve"].says
