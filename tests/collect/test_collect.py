"""What an LMS gives is brought in whole or not at all, and what is wrong with one stays that
one's.
"""

import errno
import io
import json
import os
import re
import stat
import struct
import unicodedata
import zipfile
from pathlib import Path

import pytest
from command_line import autograder

from autograder.assignments import CourseError, find_assignment
from autograder.collect import archives
from autograder.collect.collect import collect
from autograder.gradebook.course import CONFIG, CONFIG_TEXT, Course
from autograder.gradebook.roster import read_roster

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
NOTEBOOK, NETWORK = f"{NAME}.ipynb", "colorizer.safetensors"


def notebook(says: str = "1", of: str | None = NAME) -> bytes:
    metadata = {"assignment": {"name": of}} if of else {}
    return json.dumps(
        {"cells": [{"cell_type": "code", "source": says}], "metadata": metadata}
    ).encode()


@pytest.fixture
def course(tmp_path):
    """A course directory, without what nbgrader would make in it."""
    folder = tmp_path / "course"
    (folder / "source" / NAME).mkdir(parents=True)
    (folder / CONFIG).write_text(CONFIG_TEXT.format(course_id="course", level="bubblewrap"))
    return Course(folder)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "handed in"
    folder.mkdir()
    return folder


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def outcome(course: Course, source: Path, student: str, **how: object):
    return {one.student: one for one in collect(course, source, **how)}[student]


def there(course: Course) -> dict[str, bytes]:
    """Every file under submitted/, so that anything half written is seen."""
    root = course.folder / "submitted"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


FOLDERS = {
    f"ada/{NOTEBOOK}": notebook("ada"),
    f"ada/{NETWORK}": b"weights",
    "ada/torch.py": b"import os",
    f"ben/{NAME}/my answers.ipynb": notebook("ben"),
}
TAKEN = {
    f"ada/{NAME}/{NOTEBOOK}": notebook("ada"),
    f"ada/{NAME}/{NETWORK}": b"weights",
    f"ben/{NAME}/{NOTEBOOK}": notebook("ben"),
}
ADA = {
    f"work/{NOTEBOOK}": notebook("ada"),
    f"work/{NETWORK}": b"weights",
    "__MACOSX/._x.ipynb": b"?",
}
BEN = {"answers.ipynb": notebook("ben")}
ZIPS = {"ada.zip": zipped(ADA), "ben.zip": zipped(BEN)}
SHAPES = {
    "folders": FOLDERS,
    "zips": ZIPS,
    "one zip of folders": {"all.zip": zipped(FOLDERS)},
    "one zip of zips": {"all.zip": zipped(ZIPS)},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_class(course, source, shape):
    put(source, SHAPES[shape])
    whole = source / "all.zip"
    assert {one.status for one in collect(course, whole if whole.exists() else source)} == {"taken"}
    assert there(course) == TAKEN
    assert course.students(COLORIZATION) == ["ada", "ben"]


MOODLE = "Ada Lovelace_4711_assignsubmission_file_"
MOODLES = {
    "folders": {f"{MOODLE}/{NOTEBOOK}": notebook("ada"), f"{MOODLE}/{NETWORK}": b"weights"},
    "files": {f"{MOODLE}{NOTEBOOK}": notebook("ada"), f"{MOODLE}{NETWORK}": b"weights"},
    "zips": {f"{MOODLE}.zip": zipped(ADA)},
    "online text too": {
        f"{MOODLE}/{NOTEBOOK}": notebook("ada"),
        f"{MOODLE}/{NETWORK}": b"weights",
        "Ada Lovelace_4711_assignsubmission_onlinetext/onlinetext.html": b"hello",
    },
    "one zip": {"all.zip": zipped({f"{MOODLE}/a.zip": zipped(ADA)})},
    "one zip with a folder around": {
        "all.zip": zipped({f"CS-3/{MOODLE}/{k}": v for k, v in ADA.items()})
    },
}


@pytest.mark.parametrize("shape", MOODLES)
def test_moodle(course, source, shape):
    put(source, MOODLES[shape])
    whole = source / "all.zip"
    (one,) = collect(course, whole if whole.exists() else source)
    assert (one.student, one.status) == ("Ada Lovelace", "taken")
    assert there(course) == {
        f"Ada Lovelace/{NAME}/{NOTEBOOK}": notebook("ada"),
        f"Ada Lovelace/{NAME}/{NETWORK}": b"weights",
    }


def test_canvas_takes_the_last_of_what_was_handed_in_again(course, source):
    put(
        source,
        {
            f"lovelaceada_12_345_{NOTEBOOK}": notebook("first"),
            f"lovelaceada_LATE_12_347_{NAME}-2.ipynb": notebook("third"),
            f"lovelaceada_LATE_12_346_{NAME}-1.ipynb": notebook("second"),
            "lovelaceada_LATE_12_348_colorizer-1.safetensors": b"new",
            "lovelaceada_12_344_colorizer.safetensors": b"old",
            "babbagecharles_13_349_work.zip": zipped({"x.ipynb": notebook("old")}),
            "babbagecharles_13_350_work-1.zip": zipped({"x.ipynb": notebook("new")}),
        },
    )
    ada = outcome(course, source, "lovelaceada")
    assert (ada.status, ada.says) == ("taken", "Late, says the LMS.")
    assert there(course) == {
        f"lovelaceada/{NAME}/{NOTEBOOK}": notebook("third"),
        f"lovelaceada/{NAME}/{NETWORK}": b"new",
        f"babbagecharles/{NAME}/{NOTEBOOK}": notebook("new"),
    }


def test_two_senders_of_one_name_are_both_left(course, source):
    put(source, {f"smithjo_{number}_1_{NOTEBOOK}": notebook(str(number)) for number in (12, 13)})
    assert [one.status for one in collect(course, source)] == ["not taken"] * 2
    assert "both of one student, or of two with one name" in outcome(course, source, "smithjo").says
    assert there(course) == {}


ROSTER = (
    "\ufeffID;Name;LMS user ID\nal1;Lovelace, Ada;\ncb1;Charles Babbage;\n"
    "js1;Jo Smith;12\njs2;Jo Smith;13\n"
)


def test_a_roster_gives_the_ids(course, source, tmp_path):
    put(
        source,
        {
            f"Ada Lovelace_9_assignsubmission_file_/{NOTEBOOK}": notebook("ada"),
            f"babbagecharles_7_8_{NOTEBOOK}": notebook("charles"),
            f"smithjo_12_1_{NOTEBOOK}": notebook("jo"),
            f"Jo Smith/{NOTEBOOK}": notebook("which jo"),
            f"nobody/{NOTEBOOK}": notebook("who"),
        },
    )
    (tmp_path / "roster.csv").write_text(ROSTER)
    roster = read_roster(tmp_path / "roster.csv")
    said = {
        one.student: one.says
        for one in collect(course, source, roster=roster)
        if one.status != "taken"
    }
    assert course.students(COLORIZATION) == ["al1", "cb1", "js1"]
    assert said["Jo Smith"] == "`Jo Smith` fits js1 and js2: rename it to the id of its student."
    assert "not on the roster" in said["nobody"]


def test_nothing_that_is_there_is_touched_without_update(course, source):
    put(source, FOLDERS)
    collect(course, source)
    assert {one.status for one in collect(course, source)} == {"there already"}
    put(source, {f"ada/{NOTEBOOK}": notebook("better")})
    assert "--update" in outcome(course, source, "ada").says
    assert there(course) == TAKEN
    ada = outcome(course, source, "ada", update=True)
    assert ada.status == "updated"
    assert there(course) == TAKEN | {f"ada/{NAME}/{NOTEBOOK}": notebook("better")}
    (kept,) = (course.folder / "submitted-before" / "ada" / NAME).iterdir()
    assert str(kept.relative_to(course.folder)) in ada.says
    assert (kept / NOTEBOOK).read_bytes() == notebook("ada")
    assert (kept / NETWORK).read_bytes() == b"weights"


def test_an_update_that_can_not_be_put_in_place_puts_the_old_one_back(course, source, monkeypatch):
    put(source, FOLDERS)
    collect(course, source)
    put(source, {f"ada/{NOTEBOOK}": notebook("better")})
    rename = Path.rename
    fails = {"draft"}

    def failing(path: Path, to: Path) -> Path:
        if path.name in fails:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(CourseError, match="Input/output error"):
        collect(course, source, update=True)
    assert there(course) == TAKEN


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def with_link() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link(NOTEBOOK), "/etc/passwd")
    return packed.getvalue()


def encrypted() -> bytes:
    """A zip whose flags say that it needs a password."""
    data = bytearray(zipped({NOTEBOOK: notebook()}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    return bytes(data)


def lying() -> bytes:
    """A zip that says of its megabytes that they are a hundred bytes."""
    data = bytearray(zipped({NOTEBOOK: b" " * 2_000_000}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + place, 100)
    return bytes(data)


GOOD = zipped({NOTEBOOK: notebook()})
HOSTILE = {
    "climbs": (
        zipped({NOTEBOOK: notebook(), "../../evil.ipynb": b"{}"}),
        "lies outside of its folder",
    ),
    "climbs by backslash": (zipped({"..\\evil.ipynb": notebook()}), "lies outside of its folder"),
    "absolute": (zipped({"/tmp/evil.ipynb": notebook()}), "lies outside of its folder"),
    "drive": (zipped({"C:\\evil.ipynb": notebook()}), "lies outside of its folder"),
    "link": (with_link(), "is a link or a device"),
    "bomb": (zipped({NOTEBOOK: b" " * 30_000_000}), "more than 200 times its size"),
    "bomb beside": (
        zipped({NOTEBOOK: notebook(), "x": b" " * 30_000_000}),
        "more than 200 times its size",
    ),
    "lies on its size": (lying(), "is broken in the archive"),
    "nested deeper": (zipped({"a.zip": zipped({"b.zip": GOOD})}), "zip in a zip in a zip"),
    "encrypted": (encrypted(), "without a password"),
    "cut off": (GOOD[:-30], "is no zip, or a broken one"),
    "damaged": (GOOD.replace(b"PK\x03\x04", b"PKxx"), "is broken in the archive"),
    "no zip": (b"<html>Please log in</html>", "is no zip, or a broken one"),
    "empty": (b"", "is no zip, or a broken one"),
    "nothing in it": (zipped({}), "There is nothing in it"),
    "no notebook": (zipped({"thesis.pdf": b"%PDF"}), "There is no notebook"),
    "another archive": (
        zipped({"work.rar": b"Rar!"}),
        "`work.rar` is an archive that is not read here",
    ),
    "LZMA": (
        zipped({NOTEBOOK: notebook()}, zipfile.ZIP_LZMA),
        "packed in a way that is not read here",
    ),
    "many files": (zipped({f"{n}": b"" for n in range(10_001)}, 0), "more than 10000 files"),
    "many notebooks": (
        zipped({f"{n}.ipynb": notebook(of=None) for n in range(50)}),
        "does not tell",
    ),
    "the same twice": (
        zipped({f"a/{NOTEBOOK}": b"1", f"b/{NOTEBOOK}": b"2"}),
        "can't be told which",
    ),
    "many zips": (zipped({f"{n}.zip": GOOD for n in range(50)}), "There are 50 zips"),
    "of another assignment": (
        zipped({"x.ipynb": notebook(of="1_cnn_classifier")}),
        "is of 1_cnn_classifier",
    ),
}


@pytest.mark.parametrize("around", ["folder", "zip"])
@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_hostile_or_broken_is_a_sentence_and_the_others_are_taken(
    course, source, case, around
):
    content, says = HOSTILE[case]
    put(source, {"eve.zip": content, "zoe.zip": GOOD, "ada.zip": GOOD})
    if around == "zip":
        files = {path.name: path.read_bytes() for path in source.iterdir()}
        source = source / "all.zip"
        source.write_bytes(zipped(files))
    eve = outcome(course, source, "eve")
    assert (eve.status, says in eve.says) == ("not taken", True), eve.says
    assert "\n" not in eve.says
    assert set(there(course)) == {f"{name}/{NAME}/{NOTEBOOK}" for name in ("ada", "zoe")}
    assert not list(course.folder.glob("submitted/.*"))
    assert not list(source.parent.parent.rglob("evil*"))


def test_a_zip_in_a_zip_is_opened(course, source):
    put(source, {"ada.zip": zipped({"work/inner.zip": GOOD})})
    assert outcome(course, source, "ada").status == "taken"


def test_ten_thousand_files_beside_the_notebook_are_not_taken(course, source):
    put(
        source,
        {"ada.zip": zipped({NOTEBOOK: notebook()} | {f"data/{n}": b"" for n in range(9_999)}, 0)},
    )
    assert outcome(course, source, "ada").status == "taken"
    assert set(there(course)) == {f"ada/{NAME}/{NOTEBOOK}"}


def test_a_stream_is_cut_at_the_limit_whatever_the_archive_says(course, source, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    put(source, {f"ada/{NOTEBOOK}": b" " * 1001, f"ben/{NOTEBOOK}": notebook()})
    assert "unpacks to more than" in outcome(course, source, "ada").says
    assert set(there(course)) == {f"ben/{NAME}/{NOTEBOOK}"}


def test_links_in_folders_are_not_followed(course, source, tmp_path):
    (tmp_path / NOTEBOOK).write_bytes(notebook("somebody else's"))
    put(source, {f"ben/{NOTEBOOK}": notebook()})
    (source / "ada").mkdir()
    (source / "ada" / NOTEBOOK).symlink_to(tmp_path / NOTEBOOK)
    (source / "eve").symlink_to(tmp_path, target_is_directory=True)
    assert "is a link" in outcome(course, source, "ada").says
    assert set(there(course)) == {f"ben/{NAME}/{NOTEBOOK}"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(course, source):
    put(source, {f"ada/{NOTEBOOK}": notebook(), f"ben/{NOTEBOOK}": notebook()})
    (source / "ada").chmod(0)
    assert "Permission denied" in outcome(course, source, "ada").says
    assert set(there(course)) == {f"ben/{NAME}/{NOTEBOOK}"}


def test_a_file_that_is_gone_meanwhile_is_told(course, source, monkeypatch):
    put(source, {"ada.zip": GOOD, "ben.zip": GOOD})
    lstat = Path.lstat

    def gone(path: Path) -> os.stat_result:
        if path.name == "ada.zip":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", gone)
    assert "No such file" in outcome(course, source, "ada").says
    assert set(there(course)) == {f"ben/{NAME}/{NOTEBOOK}"}


GOOD_NAMES = ["Miles O'Brien", "Zoë 🦊", "محمد", "a+b@example.org", "名無し"]
BAD_NAMES = {
    "two\nlines": "can't be seen",
    "\u202egnp.ann": "can't be seen",
    "an\u200bn": "can't be seen",
    '<img src="x">': "which no id can",
    "a*": "which no id can",
    "x" * 150: "too long",
    "\udcff": "can't be seen",
}


def test_names_of_all_kinds(course, source):
    for name in [*GOOD_NAMES, *BAD_NAMES]:
        path = source / name
        path.mkdir()
        (path / NOTEBOOK).write_bytes(notebook())
    outcomes = collect(course, source)
    said = [one.says for one in outcomes if one.status == "not taken"]
    assert course.students(COLORIZATION) == sorted(
        unicodedata.normalize("NFC", name) for name in GOOD_NAMES
    )
    assert all(any(reason in says for says in said) for reason in BAD_NAMES.values())
    assert len(said) == len(BAD_NAMES)
    assert all(text.isprintable() for one in outcomes for text in (one.student, one.says))


@pytest.mark.parametrize(("one", "other"), [("ann", "Ann"), ("Zo\u00eb", "Zoe\u0308")])
def test_names_that_differ_by_case_or_normal_form_only(course, source, one, other):
    put(
        source,
        {f"{one}.zip": GOOD, "ben.zip": GOOD, "all.zip": zipped({f"{other}/{NOTEBOOK}": b"{}"})},
    )
    (source / f"{other}.zip").write_bytes(GOOD)
    (source / "all.zip").unlink()
    outcomes = [o for o in collect(course, source) if o.student != "ben"]
    assert [(o.status, f"{one}.zip" in o.says, f"{other}.zip" in o.says) for o in outcomes] == [
        ("not taken", True, True)
    ] * 2
    assert course.students(COLORIZATION) == ["ben"]


def test_a_name_that_differs_by_case_from_one_that_is_there(course, source):
    put(course.folder / "submitted", {f"Ann/{NAME}/{NOTEBOOK}": notebook("before")})
    put(source, {"ann.zip": GOOD})
    assert "`submitted/Ann` differ" in outcome(course, source, "ann").says
    assert there(course) == {f"Ann/{NAME}/{NOTEBOOK}": notebook("before")}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_the_disk(monkeypatch, after: int) -> None:
    """The disk is full after so many files, in the middle of the next one."""
    write, left = archives.write, [after]

    def content_until_full(content):
        yield next(iter(content))[:7]
        raise FULL

    def writing(path, content):
        left[0] -= 1
        write(path, content if left[0] >= 0 else content_until_full(content))

    monkeypatch.setattr(archives, "write", writing)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_full_disk_leaves_whole_hand_ins_only(course, source, monkeypatch, after):
    put(source, FOLDERS)
    with monkeypatch.context() as patch:
        fill_the_disk(patch, after)
        with pytest.raises(
            CourseError, match=r"No space left on device.*the same command|No space left"
        ):
            collect(course, source)
    whole = {
        path: content for path, content in TAKEN.items() if path.startswith("ada") and after == 2
    }
    assert there(course) == whole
    assert not list(course.folder.glob("submitted/.*"))
    assert {one.status for one in collect(course, source)} <= {"taken", "there already"}
    assert there(course) == TAKEN


def test_a_full_disk_while_a_zip_in_a_zip_is_read(course, source, monkeypatch):
    put(source, {"ada.zip": zipped({"inner.zip": GOOD})})
    fill_the_disk(monkeypatch, 0)
    with pytest.raises(CourseError, match="No space left"):
        collect(course, source)
    assert there(course) == {}


def test_drafts_of_a_killed_run_are_swept(course, source):
    put(course.folder / "submitted", {".collecting-x/draft/half.ipynb": b"{"})
    put(source, {"ada.zip": GOOD})
    collect(course, source)
    assert set(there(course)) == {f"ada/{NAME}/{NOTEBOOK}"}


def test_several_assignments_are_told_apart_by_name_and_by_content(course, source):
    (course.folder / "source" / "1_cnn_classifier").mkdir()
    put(
        source,
        {
            f"ada/{NOTEBOOK}": notebook(of=None),
            "ada/1_cnn_classifier.ipynb": notebook(of=None),
            "ben/homework.ipynb": notebook(of="1_cnn_classifier"),
            "eve/homework.ipynb": notebook(of=None),
        },
    )
    outcomes = collect(course, source)
    assert [(o.student, o.assignment, o.status) for o in outcomes] == [
        ("ada", "1_cnn_classifier", "taken"),
        ("ada", NAME, "taken"),
        ("ben", "1_cnn_classifier", "taken"),
        ("eve", "", "not taken"),
    ]
    assert "--assignment" in outcomes[-1].says
    assert outcome(course, source, "eve", assignment=COLORIZATION).status == "taken"


def test_the_command_prints_one_line_each_and_a_sentence_for_bad_input(course, source):
    put(source, {"ada.zip": GOOD, "eve.zip": b"no", "grades.csv": b"1,2"})
    ran = autograder("collect", course.folder, source, cwd=source)
    said = " ".join(ran.stdout.split())
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"ada +3_colorization +taken +Without colorizer\.safetensors", ran.stdout)
    assert "grades.csv not taken The name does not tell whose it is" in said
    assert "1 taken, 2 not taken" in said
    nowhere = autograder("collect", course.folder, source / "nowhere", cwd=source)
    assert nowhere.returncode == 2
    assert "give a folder or a zip" in nowhere.stderr
