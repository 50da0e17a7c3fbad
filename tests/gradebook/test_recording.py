"""Verdicts into nbgrader's gradebook: whole, once, by one writer, and killed at any moment."""

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import nbformat
import pytest
from judged_class import (
    course_of,
    entry_of,
    gradebook_rows,
    hand_in,
    keep,
    record,
    rows_of,
    scores_of,
    submit,
)
from nbgrader.api import SubmittedNotebook
from nbgrader.plugins import LateSubmissionPlugin

from autograder.assignments import CourseError, find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.course_files import folder as folder_module
from autograder.course_files.lock import only_writer
from autograder.feedback.wording import task_comment
from autograder.gradebook import plugin, session
from autograder.gradebook.course import Course
from autograder.gradebook.store import StoredVerdict
from autograder.judge.exam import Exam
from autograder.judge.verdict import Verdict

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
PROCESSES = get_context("forkserver")  # imports once, and forks
PROCESSES.set_forkserver_preload(["pytest", "autograder.gradebook.recorder"])


@pytest.fixture(scope="module")
def empty(master, tmp_path_factory) -> Course:
    return course_of(master, tmp_path_factory.mktemp("empty"))


@pytest.fixture
def course(empty, tmp_path) -> Course:
    shutil.copytree(empty.folder, tmp_path / "course")
    return Course(tmp_path / "course")


def scores(verdict) -> dict[str, float]:
    return {task.name: task.earned for task in verdict.tasks}


def test_a_class_is_in_the_gradebook_with_notebooks_and_pages(course, master):
    verdicts = {
        student: hand_in(course, master, student, seed)
        for seed, student in enumerate(("ann", "bob"))
    }
    recorded, written = [], []
    problems = record(
        course, COLORIZATION, verdicts, on_recorded=recorded.append, on_page=written.append
    )
    assert problems == {}
    assert recorded == written == ["ann", "bob"]
    for student, verdict in verdicts.items():
        assert scores_of(course, COLORIZATION, student) == scores(verdict)
        notebook = nbformat.read(course.autograded(COLORIZATION, student), as_version=4)
        nbformat.validate(notebook)
        assert sum(cell.source.startswith(f"{student} was here") for cell in notebook.cells) == 1
        page = course.feedback(COLORIZATION, student).read_text()
        assert f"{student} was here" in page
        assert 'alt="a dot"' in page
    comments = {row[1]: row[2] for row in rows_of(course, "bob") if len(row) == 4}
    assert all(
        f"{task.earned:g}/{task.points:g}." in comments[f"task-{task.name}"]
        for task in verdict.tasks
    )
    assert sorted(
        path.name for path in course.autograded(COLORIZATION, "ann").parent.iterdir()
    ) == [f"{NAME}.ipynb"]


def test_it_is_what_nbgrader_itself_records(course, master, tmp_path):
    """Its own commands, with the same verdicts, and the class at once: the same rows, notebooks and
    pages.
    """
    shutil.copytree(course.folder, tmp_path / "other")
    other = Course(tmp_path / "other")
    for seed, student in enumerate(("ann", "bob", "cid")):
        for one in (course, other):
            hand_in(one, master, student, seed)
    for one in (course, other):
        (one.submission(COLORIZATION, "bob").with_name("timestamp.txt")).write_text(
            "2031-02-03 04:05:06 UTC"
        )
    assert record(course, COLORIZATION, ["ann", "bob", "cid"]) == {}
    for student in ("ann", "bob", "cid"):
        assert other.api.autograde(NAME, student)["success"]
        assert other.api.generate_feedback(NAME, student)["success"]
        for path in (Course.autograded, Course.feedback):
            assert (
                path(course, COLORIZATION, student).read_text()
                == path(other, COLORIZATION, student).read_text()
            )
    assert gradebook_rows(course) == gradebook_rows(other)
    assert gradebook_rows(course) != []


def test_what_is_recorded_is_not_recorded_again(course, master, monkeypatch):
    hand_in(course, master, "ann", 1)
    hand_in(course, master, "bob", 2)
    record(course, COLORIZATION, ["ann", "bob"])
    done = []
    real = session.ClassGradebook.transaction
    monkeypatch.setattr(
        session.ClassGradebook, "transaction", lambda self: done.append(1) or real(self)
    )

    def records() -> int:
        done.clear()
        assert record(course, COLORIZATION, ["ann", "bob"]) == {}
        return len(done)

    assert records() == 0
    verdict = hand_in(course, master, "bob", 3)  # another verdict
    assert records() == 1
    assert scores_of(course, COLORIZATION, "bob") == scores(verdict)
    course.autograded(COLORIZATION, "ann").unlink()  # the notebook is gone
    assert records() == 1
    with course.gradebook() as gradebook:  # somebody has been at the gradebook
        gradebook.find_grade("grade-l2_loss", NAME, NAME, "ann").auto_score = 2.75
        gradebook.db.commit()
    assert records() == 1
    course.submission(COLORIZATION, "ann").with_name("timestamp.txt").write_text(
        "2031-02-03 04:05:06 UTC"
    )
    assert records() == 1
    course.api.autograde(NAME, "ann")  # nbgrader's own command: what it did is not known
    assert records() == 1
    assert records() == 0
    record(course, COLORIZATION, ["ann"], again=True)
    assert len(done) == 1


def test_a_page_is_written_again_when_a_person_has_graded(course, master):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    page = course.feedback(COLORIZATION, "ann")
    first = page.stat().st_mtime_ns
    record(course, COLORIZATION, ["ann"])
    assert page.stat().st_mtime_ns == first
    with course.gradebook() as gradebook:
        gradebook.find_comment("task-l2_loss", NAME, NAME, "ann").manual_comment = "Well explained!"
        gradebook.db.commit()
    record(course, COLORIZATION, ["ann"])
    assert "Well explained!" in page.read_text()


def test_a_page_waits_for_no_server(course, master):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    page = course.feedback(COLORIZATION, "ann").read_text()
    assert "<script" not in page
    assert "<math" in page
    assert "<img" in page
    assert len(page) < 500_000


def test_a_person_s_score_and_comment_are_kept(course, master):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    with course.gradebook() as gradebook:
        gradebook.find_grade("grade-l2_loss", NAME, NAME, "ann").manual_score = 1.25
        gradebook.db.commit()
    verdict = hand_in(course, master, "ann", 2)
    record(course, COLORIZATION, ["ann"])
    row = next(row for row in rows_of(course, "ann") if row[1] == "grade-l2_loss")
    assert row[2:5] == (scores(verdict)["l2_loss"], 1.25, True)


def test_recording_a_student_looks_at_everything_once(course, master, monkeypatch):
    hand_in(course, master, "ann", 1)
    counted = Counter()

    def count(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def counting(*args: object, **how: object) -> object:
            counted[name] += 1
            return real(*args, **how)

        monkeypatch.setattr(owner, name, counting)

    count(Exam, "key_of")
    count(Verdict, "from_json")
    count(folder_module, "notebook_in")
    count(plugin, "read_submission")
    assert record(course, COLORIZATION, ["ann"]) == {}
    assert counted == {"key_of": 1, "from_json": 1, "notebook_in": 1, "read_submission": 1}


def test_a_fault_of_ours_waits_for_a_person_and_is_no_zero(course, master):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    notebook = student_notebook(master)
    keep(
        course,
        master,
        "ann",
        lambda check: False,
        notebook,
        status="not graded",
        reason="The power went.",
    )
    assert not entry_of(course, COLORIZATION, "ann").is_judged
    assert record(course, COLORIZATION, ["ann"]) == {}
    assert set(scores_of(course, COLORIZATION, "ann").values()) == {None}
    grades = [row for row in rows_of(course, "ann") if row[1].startswith("grade-")]
    assert all(needs_a_person for *_, needs_a_person, _ in grades)
    verdict = keep(
        course, master, "ann", lambda check: True, notebook
    )  # judged again: the key is the same
    assert record(course, COLORIZATION, ["ann"]) == {}
    assert scores_of(course, COLORIZATION, "ann") == scores(verdict)


def test_one_students_failure_stays_that_students(course, master, monkeypatch):
    for seed, student in enumerate(("ann", "bob", "cid", "dan")):
        hand_in(course, master, student, seed)
    submit(course, COLORIZATION, "eve", student_notebook(master))  # not judged
    submit(course, COLORIZATION, "cid", b"something else, since")
    course.submission(COLORIZATION, "bob").with_name("timestamp.txt").write_text("soon")

    def unlucky(self, notebook: SubmittedNotebook) -> None:
        assert notebook.assignment.student_id != "dan", "the plugin failed\nand said more"

    monkeypatch.setattr(session.LatePenalties, "penalty", unlucky)
    problems = record(course, COLORIZATION, ["ann", "bob", "cid", "dan", "eve"])
    assert list(problems) == ["bob", "cid", "dan", "eve"]
    assert "timestamp.txt contains no ISO 8601 date" in problems["bob"][0]
    assert "no verdict on the current submission" in problems["cid"][0]
    assert problems["dan"] == ["Not recorded in the gradebook: the plugin failed"]
    assert rows_of(course, "ann") != []
    assert {row[0] for row in gradebook_rows(course)} == {
        "ann"
    }  # nothing of the others, not even a part
    assert not course.feedback(COLORIZATION, "dan").exists()
    monkeypatch.undo()
    assert list(record(course, COLORIZATION, ["ann", "dan"])) == []


def test_a_failed_regrade_leaves_the_old_record_whole(course, master, monkeypatch):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    before = rows_of(course, "ann")
    verdict = hand_in(course, master, "ann", 2)
    monkeypatch.setattr(session.LatePenalties, "preprocess", lambda self, *_: 1 / 0)
    assert record(course, COLORIZATION, ["ann"]) == {
        "ann": ["Not recorded in the gradebook: division by zero"]
    }
    assert rows_of(course, "ann") == before
    monkeypatch.undo()
    assert record(course, COLORIZATION, ["ann"]) == {}
    assert scores_of(course, COLORIZATION, "ann") == scores(verdict)


def test_a_verdict_that_comes_back_is_recorded_again(course, master, monkeypatch):
    """Stopped between the gradebook and the note of it: the older note must not be believed."""
    notebook = student_notebook(master)
    submit(course, COLORIZATION, "ann", notebook)
    keep(course, master, "ann", lambda check: True, notebook, reason="one")
    record(course, COLORIZATION, ["ann"])
    first = rows_of(course, "ann")
    keep(course, master, "ann", lambda check: True, notebook, reason="two")

    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StoredVerdict, "write_recorded", stopped)
        with pytest.raises(KeyboardInterrupt):
            record(course, COLORIZATION, ["ann"])
    assert rows_of(course, "ann") != first
    keep(course, master, "ann", lambda check: True, notebook, reason="one")
    record(course, COLORIZATION, ["ann"])
    assert rows_of(course, "ann") == first


def test_nothing_handed_in_is_zero_and_leaves_no_page(course, master):
    hand_in(course, master, "ann", 1)
    record(course, COLORIZATION, ["ann"])
    course.submission(COLORIZATION, "ann").unlink()
    keep(
        course,
        master,
        "ann",
        lambda check: False,
        student_notebook(master),
        status="refused",
        reason="no",
    )
    assert record(course, COLORIZATION, ["ann"]) == {}
    assert {row[2:5] for row in rows_of(course, "ann") if len(row) == 6} == {(0, None, False)}
    assert not course.autograded(COLORIZATION, "ann").exists()
    assert not course.feedback(COLORIZATION, "ann").exists()


def test_a_score_that_the_gradebook_has_no_cell_for_is_named(course, master):
    verdict = hand_in(course, master, "ann", 1)
    verdict.tasks[0].name = "unheard_of"
    notebook = student_notebook(master)
    key = entry_of(course, COLORIZATION, "ann").verdict.key
    keep(course, master, "ann", lambda check: True, notebook, tasks=verdict.tasks, key=key)
    (problem,) = record(course, COLORIZATION, ["ann"])["ann"]
    assert problem == "The score of unheard_of in the gradebook differs from the verdict's."
    unjudged = {row[1]: row[2:5] for row in rows_of(course, "ann")}[f"grade-{master.tasks[0]}"]
    assert unjudged == (
        None,
        None,
        True,
    )  # a cell without a verdict: nbgrader's own rule is full marks


class HalfOff(LateSubmissionPlugin):
    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float:
        return score / 2 if student_id == "bob" else 1000


def test_late_submissions_are_penalised_as_the_course_has_it(course, master):
    for seed, student in enumerate(("ann", "bob", "cid")):
        hand_in(course, master, student, seed)
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2031-01-01 00:00:00 UTC")
    for student, month in (("ann", "2030-12"), ("bob", "2031-02"), ("cid", "2031-02")):
        path = course.submission(COLORIZATION, student).with_name("timestamp.txt")
        path.write_text(f"{month}-03 04:05:06 UTC")
        path.with_name("submission_secret.txt").write_text("secret")
    course.config.LatePenalties.plugin_class = HalfOff
    assert record(course, COLORIZATION, ["ann", "bob", "cid"]) == {}
    with course.gradebook() as gradebook:
        found = {
            student: gradebook.find_submission_notebook(NAME, NAME, student)
            for student in ("ann", "bob")
        }
        assert found["ann"].late_submission_penalty is None
        assert found["bob"].late_submission_penalty == found["bob"].score / 2 > 0
        whole = gradebook.find_submission_notebook(NAME, NAME, "cid")
        assert whole.late_submission_penalty == whole.score > 0  # and no more than that
    for folder in (course.autograded, course.feedback):  # nbgrader's exchange looks for them there
        assert (
            folder(COLORIZATION, "bob")
            .with_name("timestamp.txt")
            .read_text()
            .startswith("2031-02-03")
        )
        assert folder(COLORIZATION, "bob").with_name("submission_secret.txt").exists()


def test_verdicts_are_recorded_as_they_come(course, master):
    def judged():
        hand_in(course, master, "ann", 1)
        yield "ann"
        assert rows_of(course, "ann") != []
        assert not course.feedback(COLORIZATION, "ann").exists()  # pages when all scores are in
        hand_in(course, master, "bob", 2)
        yield "bob"

    assert record(course, COLORIZATION, judged()) == {}
    assert {row[0] for row in gradebook_rows(course)} == {"ann", "bob"}
    assert course.feedback(COLORIZATION, "ann").exists()


# --------------------------------------------------------------------------------------- one writer


def hold(folder: Path, teller: Connection, seconds: float) -> None:
    """The body of a process that takes the lock, or says that it can't."""
    try:
        with only_writer(folder):
            teller.send("held")
            time.sleep(seconds)
    except CourseError as error:
        teller.send(str(error))


def holder(course: Course, seconds: float = 0) -> tuple[BaseProcess, str]:
    hears, tells = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=hold, args=(course.folder, tells, seconds))
    process.start()
    return process, hears.recv()


def test_one_writer_at_a_time(course, master):
    hand_in(course, master, "ann", 1)
    process, said = holder(course, seconds=60)
    assert said == "held"
    with pytest.raises(
        CourseError, match=f"is being graded by process {process.pid} on .*Wait for it"
    ):
        record(course, COLORIZATION, ["ann"])
    process.kill()
    process.join()
    assert record(course, COLORIZATION, ["ann"]) == {}  # its lock went with it; the file stays
    assert (course.folder / "grading.lock").exists()


def test_the_holder_of_the_lock_may_take_it_again(course):
    with only_writer(course.folder):
        with only_writer(course.folder):
            pass
        assert f"is being graded by process {os.getpid()} on" in holder(course)[1]
    assert holder(course)[1] == "held"


def test_a_file_system_without_locks_is_named(course, monkeypatch):
    def unsupported(*args: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", unsupported)
    with pytest.raises(CourseError, match="without locks .No locks available.*local disk"):
        record(course, COLORIZATION, [])


WRITES = 100  # of each of four


def test_verdicts_are_read_whole_while_they_are_written(course, master):
    """Four processes' worth of writing, all of the same student."""
    hand_in(course, master, "ann", 1)
    judgement = entry_of(course, COLORIZATION, "ann").judgement()

    def write() -> None:
        for _ in range(WRITES):
            StoredVerdict(course.verdict(COLORIZATION, "ann")).write(judgement)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        found = entry_of(course, COLORIZATION, "ann").judgement()
        assert found is None or found.verdict == judgement.verdict
        seen += found is not None
    for writer in writers:
        writer.join()
    assert seen > 0
    assert entry_of(course, COLORIZATION, "ann").judgement().notebook == judgement.notebook
    assert sorted(path.name for path in course.verdict(COLORIZATION, "ann").iterdir()) == [
        "executed.ipynb",
        "verdict.json",
    ]


# ------------------------------------------------------------------------------------------- killed


def record_and_tell(folder: Path, students: list[str], teller: Connection) -> None:
    """The body of a process that is going to be killed; it tells of each score and page."""
    teller.send_bytes(b"ready")
    tell = teller.send_bytes
    record(
        Course(folder),
        find_assignment(NAME),
        students,
        on_recorded=lambda student: tell(student.encode()),
        on_page=lambda student: tell(student.encode()),
    )


def killed_while_recording(course: Course, students: list[str], draw: random.Random) -> bool:
    """Let a process record until it has told of a few students, and some moments more; was it still
    at it?
    """
    hears, tells = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=record_and_tell, args=(course.folder, students, tells))
    child.start()
    tells.close()
    with suppress(EOFError):
        for _ in range(1 + draw.randrange(4)):
            hears.recv_bytes()
    time.sleep(draw.uniform(0, 0.08))
    child.kill()
    child.join()
    return child.exitcode == -signal.SIGKILL


def says(verdict) -> set[tuple]:
    """What the gradebook has to say of a verdict: a score and a comment for each task."""
    found = {(f"grade-{task.name}", task.earned) for task in verdict.tasks}
    return found | {(f"task-{task.name}", task_comment(task)) for task in verdict.tasks}


def is_recorded_whole(course: Course, student: str, rows: list[tuple]) -> bool:
    verdict = entry_of(course, COLORIZATION, student).verdict
    return says(verdict) <= {row[1:3] for row in rows}


def rows_by_student(course: Course, students: list[str]) -> dict[str, list[tuple]]:
    rows = gradebook_rows(course)
    return {student: [row for row in rows if row[0] == student] for student in students}


@pytest.mark.slow
def test_killed_at_twenty_moments_the_gradebook_is_that_of_an_undisturbed_run(
    course, master, tmp_path
):
    shutil.copytree(course.folder, tmp_path / "undisturbed")
    draw = random.Random(4)
    students = [f"student-{number:02}" for number in range(24)]
    for seed, student in enumerate(students):
        hand_in(course, master, student, seed)
    killed = []
    for seed in range(1000, 1000 + 20 * 5, 5):
        before = rows_by_student(course, students)
        killed.append(killed_while_recording(course, students, draw))
        for student, rows in rows_by_student(course, students).items():
            assert rows == before[student] or is_recorded_whole(course, student, rows)
        for more, student in enumerate(draw.sample(students, 5)):  # handed in again, and judged
            hand_in(course, master, student, seed + more)
    assert sum(killed) >= 15
    assert record(course, COLORIZATION, students) == {}

    undisturbed = Course(tmp_path / "undisturbed")
    for folder in ("submitted", "verdicts"):
        leave = shutil.ignore_patterns("recorded.json", ".*")
        shutil.copytree(
            course.folder / folder, undisturbed.folder / folder, ignore=leave, dirs_exist_ok=True
        )
    assert record(undisturbed, COLORIZATION, students) == {}
    assert gradebook_rows(course) == gradebook_rows(undisturbed)
    assert len(gradebook_rows(course)) == 24 * len(rows_of(course, students[0])) > 0
    assert [
        path for name in ("autograded", "feedback") for path in (course.folder / name).rglob(".*")
    ] == []
    for student in students:
        for path in (Course.autograded, Course.feedback):
            one, other = (
                path(each, COLORIZATION, student).read_text() for each in (course, undisturbed)
            )
            assert one == other
