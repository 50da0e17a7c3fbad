"""The watcher's steps, with real workers and a real gradebook; the clock is a number."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from judged_class import course_of, entry_of, keep, scores_of, submit

from autograder.assignments import Assignment, CourseError, find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.course_files.lock import only_watcher, only_writer
from autograder.gradebook.course import Course
from autograder.gradebook.grading import GradingProgress
from autograder.judge.verdict import Verdict
from autograder.watch.arrivals import HandIn
from autograder.watch.judges import Judges, is_alive
from autograder.watch.watcher import BUSY, RETRY, Watcher, WatchProgress

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
POINTS = 3  # of l2_loss


class Log(WatchProgress):
    """Keeps what a watcher reports."""

    def __init__(self) -> None:
        self.results: list[tuple[str, str, float, bool]] = []
        self.verdicts: list[Verdict] = []
        self.sentences: list[str] = []

    def resumed(self, assignment: Assignment, graded: int, students: int) -> None:
        self.sentences.append(f"{graded} of {students}")

    def waiting(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def graded(self, hand_in: HandIn, verdict: Verdict, *, is_new: bool) -> None:
        self.results.append((hand_in.student, verdict.status, verdict.earned, is_new))
        self.verdicts.append(verdict)


@pytest.fixture(scope="module")
def empty(master, tmp_path_factory) -> Course:
    return course_of(master, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    """Its pool stays open for all tests that use it."""
    with Judges(jobs=1) as judges:
        yield judges


@pytest.fixture
def course(empty, tmp_path) -> Course:
    shutil.copytree(empty.folder, tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def watcher(course, judges, log) -> Watcher:
    watcher = Watcher(course, log, COLORIZATION, jobs=1)
    watcher.judges = judges
    return watcher


@pytest.fixture
def solved(notebook_with, answers) -> bytes:
    """A notebook with one answer in it."""
    return json.dumps(notebook_with({"l2_loss": answers["l2_loss"]})).encode()


@pytest.fixture
def unsolved(master) -> bytes:
    return json.dumps(student_notebook(master)).encode()


def let_settle(watcher: Watcher, now: float) -> bool:
    """Two looks: the first sees the change, the second that it has settled."""
    assert not watcher.step(now)
    return watcher.step(now + 1)


def test_a_hand_in_is_graded_once_and_again_when_it_changes(watcher, course, log, solved, unsolved):
    assert not watcher.step(0)
    submit(course, COLORIZATION, "ada", unsolved)
    assert let_settle(watcher, 10)
    assert log.results == [("ada", "graded", 0, True)]
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == 0
    page = course.feedback(COLORIZATION, "ada")
    before = page.read_text()
    assert not watcher.step(20)
    submit(course, COLORIZATION, "ada", solved)
    assert let_settle(watcher, 30)
    assert log.results[1:] == [("ada", "graded", POINTS, True)]
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == POINTS
    assert page.read_text() != before
    submit(course, COLORIZATION, "ada", solved)  # the same once more
    assert let_settle(watcher, 40)
    assert log.results[2:] == [("ada", "graded", POINTS, False)]
    with another_process(only_writer(course.folder)):  # between two batches, others may grade
        pass


def test_a_bad_file_costs_only_its_own_student(watcher, course, log, solved):
    watcher.step(0)
    submit(course, COLORIZATION, "ada", solved)
    submit(course, COLORIZATION, "bob", b'{"nbformat": 1}')
    submit(course, COLORIZATION, "cid", b"cut o")
    course.submission(COLORIZATION, "dan").mkdir(parents=True)  # a folder of a notebook's name
    course.submission(COLORIZATION, "eve").parent.mkdir(parents=True)
    course.submission(COLORIZATION, "eve").symlink_to("/dev/zero")
    submit(course, COLORIZATION, "fay", solved).with_name("timestamp.txt").write_text("soon")
    watcher.step(10)
    while watcher.step(11):
        pass
    assert [result[:2] for result in sorted(log.results)] == [
        ("ada", "graded"),
        ("bob", "refused"),
        ("dan", "not graded"),
        ("eve", "refused"),
        ("fay", "graded"),
    ]
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == POINTS
    (fay,) = [verdict for verdict in log.verdicts if any("timestamp" in f for f in verdict.flags)]
    assert "Not recorded in the gradebook" in fay.flags[-1]
    assert not watcher.step(19)
    assert watcher.step(20)  # nothing more of this one has come
    assert log.results[5:] == [("cid", "refused", 0, True)]


class Changing(Judges):
    """Judges during whose work the student hands in again: once it is judged, not yet recorded."""

    def __init__(self, judges: Judges, change: object) -> None:
        super().__init__()
        self.judges, self.changes = judges, [change]

    def grade(
        self,
        course: Course,
        assignment: Assignment,
        students: Sequence[str],
        progress: GradingProgress,
    ) -> list[Verdict]:
        note = progress.judged

        def judged(student: str, verdict: Verdict) -> None:
            note(student, verdict)
            while self.changes:
                self.changes.pop()()

        progress.judged = judged
        return self.judges.grade(course, assignment, students, progress)


def test_what_changes_while_it_is_graded_is_graded_again(
    watcher, course, log, judges, solved, unsolved
):
    watcher.step(0)
    submit(course, COLORIZATION, "ada", unsolved)
    watcher.judges = Changing(judges, lambda: submit(course, COLORIZATION, "ada", solved))
    assert let_settle(watcher, 10)
    assert log.results == [("ada", "graded", 0, True)]
    assert "no verdict on the current submission" in log.verdicts[0].flags[-1]
    assert let_settle(watcher, 20)
    assert log.results[1:] == [("ada", "graded", POINTS, True)]
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == POINTS


def test_at_the_start_only_what_has_no_verdict_is_judged(
    watcher, course, master, log, solved, unsolved
):
    """One student's verdict is there but was not recorded, as `kill -9` leaves it."""
    submit(course, COLORIZATION, "ada", solved)
    keep(course, master, "ada", lambda check: check.task == "l2_loss", student_notebook(master))
    verdict = entry_of(course, COLORIZATION, "ada").stored.home / "verdict.json"
    before = verdict.stat().st_mtime_ns
    submit(course, COLORIZATION, "bob", unsolved)
    assert watcher._try_to_resume()
    assert log.sentences == ["1 of 2"]
    assert log.results == []
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == POINTS
    assert course.feedback(COLORIZATION, "ada").exists()
    assert let_settle(watcher, 0)
    assert log.results == [("bob", "graded", 0, True)]
    assert not watcher.step(100)
    assert verdict.stat().st_mtime_ns == before


def test_a_batch_is_small_so_that_pages_come_soon(watcher, course, log):
    """And those who come later come first: the others have waited since before the start."""
    watcher.batch = 2
    old = ["ada", "bob", "cid"]
    for student in old:
        submit(course, COLORIZATION, student, b'{"nbformat": 1}')
    watcher.step(0)
    submit(course, COLORIZATION, "zoe", b'{"nbformat": 1}')
    watcher.step(0.1)
    assert watcher.step(5)
    assert [student for student, *_ in log.results] == ["zoe", "ada"]
    assert watcher.step(5)
    assert not watcher.step(5)
    assert [student for student, *_ in log.results[2:]] == ["bob", "cid"]


# ---------------------------------------------------------------------------------- beside others


@contextmanager
def another_process(lock: AbstractContextManager[None]) -> Iterator[int]:
    """Another process that holds a lock; its number."""
    ready, tells = os.pipe()
    waits, release = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        with lock:
            os.write(tells, b"held")
            os.read(waits, 1)
        os._exit(0)
    os.close(waits)
    assert os.read(ready, 4) == b"held"
    yield pid
    os.close(release)
    os.waitpid(pid, 0)
    for end in (ready, tells):
        os.close(end)


def test_it_waits_for_another_grader_and_says_so_once(watcher, course, log, solved):
    watcher.step(0)
    submit(course, COLORIZATION, "ada", solved)
    watcher.step(10)
    with another_process(only_writer(course.folder)) as pid:
        assert not watcher.step(11)
        assert not watcher.step(11 + BUSY / 2)  # it does not even look
        assert not watcher.step(11 + 5 * BUSY)
        assert not watcher._try_to_resume()
    (sentence,) = log.sentences
    assert f"is being graded by process {pid} on" in sentence
    assert sentence.endswith("Then `watch` continues by itself.")
    assert watcher.step(100)
    assert log.results == [("ada", "graded", POINTS, True)]


def test_one_watcher_is_enough(course, watcher):
    busy = pytest.raises(CourseError, match="being watched by process [0-9]+ on")
    with another_process(only_watcher(course.folder)), busy:
        watcher.run()


def test_an_error_that_a_person_must_fix_is_reported_once_and_tried_again(
    watcher, course, log, solved
):
    watcher.step(0)
    submit(course, COLORIZATION, "ada", solved)
    watcher.step(10)
    (course.folder / "gradebook.db").rename(course.folder / "away")
    (course.folder / "gradebook.db").mkdir()
    assert not watcher.step(11)
    # Its slot could answer the next question with the verdict of this batch.
    assert watcher.judges.pools == {}
    assert not watcher.step(11 + RETRY / 2)
    (sentence,) = log.sentences
    assert "gradebook" in sentence
    assert f"Trying again every {RETRY:.0f} seconds." in sentence
    (course.folder / "gradebook.db").rmdir()
    (course.folder / "away").rename(course.folder / "gradebook.db")
    assert watcher.step(11 + RETRY)
    assert log.results[0][:3] == ("ada", "graded", POINTS)


# --------------------------------------------------------------------------------- pools of workers


@pytest.fixture
def edited(tmp_path) -> Assignment:
    """The same assignment, with a master that can be edited."""
    copy = Assignment(NAME, tmp_path / "masters")
    copy.master.parent.mkdir(parents=True)
    shutil.copy(COLORIZATION.master, copy.master)
    return copy


def test_a_pool_stays_open_until_its_exam_changes_or_it_dies(course, judges, edited):
    pool = judges.pool(course.exam(COLORIZATION))
    assert judges.pool(course.exam(COLORIZATION)) is pool
    with edited.master.open("a") as master:
        master.write("\nOne more sentence.\n")
    exam = course.exam(edited)
    second = judges.pool(exam)
    assert second is not pool
    assert pool.zygote.process.poll() is not None  # it was closed
    second.zygote.process.kill()
    second.zygote.process.wait()
    third = judges.pool(exam)
    assert third is not second
    third.slots[0].process.kill()
    third.slots[0].process.join()
    assert not is_alive(third)
