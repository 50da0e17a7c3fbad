"""Files are written whole or not at all, and errors of the disk explain how to continue.

That one process at a time holds a course directory's lock is tested in test_recording.py.
"""

import errno
import fcntl
import os
import time

import pytest

from autograder.assignments import CourseError
from autograder.course_files.files import (
    HOUR,
    copy_exchange_files,
    remove_stale_drafts,
    write_whole,
    writing,
)
from autograder.course_files.lock import only_writer

LONE_SURROGATE = "\ud800"  # can't be encoded


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("alone", [True, False])
def test_a_file_is_replaced_and_no_draft_is_left(tmp_path, alone):
    path = tmp_path / "grades.csv"
    for text in ("first", "second é"):
        write_whole(path, text, alone=alone)
        assert path.read_text(encoding="utf-8") == text
    assert names(tmp_path) == ["grades.csv"]


def test_a_file_has_the_encoding_that_was_asked_for(tmp_path):
    write_whole(tmp_path / "grades.csv", "é", encoding="utf-8-sig")
    assert (tmp_path / "grades.csv").read_bytes() == b"\xef\xbb\xbf\xc3\xa9"


@pytest.mark.parametrize("alone", [True, False])
def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path, alone):
    path = tmp_path / "grades.csv"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, f"new {LONE_SURROGATE}", alone=alone)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["grades.csv"]


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path):
    (tmp_path / "grades.csv").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "grades.csv", "new")
    assert names(tmp_path) == ["grades.csv"]


def test_a_lone_writer_replaces_the_draft_of_a_killed_run(tmp_path):
    (tmp_path / ".page.html").write_text("a much longer text that a killed process has left")
    write_whole(tmp_path / "page.html", "new", alone=True)
    assert (tmp_path / "page.html").read_text() == "new"
    assert names(tmp_path) == ["page.html"]


def test_an_error_of_the_disk_is_a_sentence_with_the_remedy(tmp_path):
    with pytest.raises(CourseError) as raised, writing(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(raised.value) == (
        f"{tmp_path} is not writable (No space left on device). Fix this, and run the same "
        "command again: it continues where it stopped."
    )
    with pytest.raises(CourseError, match=r"\(no reason\)"), writing(tmp_path):
        raise OSError("no reason")


def test_other_errors_pass(tmp_path):
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        raise ZeroDivisionError


def test_only_old_drafts_are_removed(tmp_path):
    old = time.time() - HOUR - 60
    for name in (".old", "verdict.json", ".folder", ".new"):
        path = tmp_path / name
        path.mkdir() if name == ".folder" else path.write_text("")
        if name != ".new":
            os.utime(path, (old, old))
    remove_stale_drafts(tmp_path)
    assert names(tmp_path) == [".folder", ".new", "verdict.json"]


def test_exchange_files_are_copied_and_links_are_not_followed(tmp_path):
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    to.mkdir()
    (source / "timestamp.txt").write_text("2027-03-02 08:15:00 UTC")
    (tmp_path / "passwords.txt").write_text("secret")
    (source / "submission_secret.txt").symlink_to(tmp_path / "passwords.txt")
    (source / "notes.txt").write_text("not of nbgrader's exchange")
    copy_exchange_files(source, to)
    assert names(to) == ["timestamp.txt"]
    assert (to / "timestamp.txt").read_text() == "2027-03-02 08:15:00 UTC"


def test_a_link_in_the_place_of_a_copy_is_replaced(tmp_path):
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    to.mkdir()
    (source / "timestamp.txt").write_text("new")
    (tmp_path / "elsewhere.txt").write_text("untouched")
    (to / "timestamp.txt").symlink_to(tmp_path / "elsewhere.txt")
    copy_exchange_files(source, to)
    assert (tmp_path / "elsewhere.txt").read_text() == "untouched"
    assert (to / "timestamp.txt").read_text() == "new"


# ----------------------------------------------------------------------------------------- the lock


def test_a_lock_is_freed_when_its_body_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), only_writer(tmp_path):
        raise ZeroDivisionError
    with only_writer(tmp_path):
        assert (tmp_path / "grading.lock").read_text().startswith(f"process {os.getpid()} on ")


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    with pytest.raises(CourseError, match="is not writable"), only_writer(tmp_path / "none"):
        pass


def test_a_file_system_without_locks_is_a_sentence(tmp_path, monkeypatch):
    def lockf(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with pytest.raises(CourseError, match=r"without locks \(No locks.*Move"), only_writer(tmp_path):
        pass
