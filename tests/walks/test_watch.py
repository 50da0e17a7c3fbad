"""`autograder watch` as an instructor starts it, while students hand in.

One process serves most tests; each test has students of its own.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from command_line import autograder
from judged_class import course_of, scores_of, submit
from nbgrader.apps import NbGraderAPI
from nbgrader.utils import capture_log, get_username
from traitlets.config import Config
from watching import Watching, watching

from autograder.assignments import find_assignment
from autograder.gradebook.course import Course

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
POINTS = "3/76"  # of l2_loss
WHO = get_username()


@pytest.fixture(scope="module")
def course(master, tmp_path_factory) -> Course:
    """With an exchange, and a student whose work was there before."""
    folder = tmp_path_factory.mktemp("watched")
    made = course_of(master, folder)
    (folder / "exchange").mkdir()
    with (made.folder / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Exchange.root = {str(folder / 'exchange')!r}\n")
    course = Course(made.folder)  # with the configuration as it is now
    assert course.api.release_assignment(NAME)["success"]
    submit(course, COLORIZATION, "before", b'{"nbformat": 1}')
    return course


@pytest.fixture(scope="module")
def watch(course) -> Iterator[Watching]:
    """It waits an hour for the rest of a file."""
    with watching(course.folder, "--jobs", 1, "--patience", 3600) as watch:
        watch.wait_for(f"{NAME}: 0 of 1 submissions are graded already")
        watch.wait_for(f"Watching {NAME}, and nbgrader's exchange in .*inbound. Ctrl-C ends it.")
        watch.wait_for(line("before", "refused: .* has no cells"))
        yield watch


@pytest.fixture(scope="module")
def solved(notebook_with, answers) -> bytes:
    """A notebook with one answer in it."""
    return json.dumps(notebook_with({"l2_loss": answers["l2_loss"]})).encode()


@pytest.fixture(scope="module")
def unsolved(notebook_with) -> bytes:
    return json.dumps(notebook_with({})).encode()


def line(student: str, result: str) -> str:
    """The pattern of a line about a submission."""
    return rf"^\d\d:\d\d:\d\d  {student}  {NAME}  {result}"


def test_a_hand_in_is_graded_with_its_page_and_again_when_it_changes(
    course, watch, solved, unsolved
):
    submit(course, COLORIZATION, "ada", unsolved)
    watch.wait_for(line("ada", "0/76$"))
    page = course.feedback(COLORIZATION, "ada")
    before = page.read_text()
    submit(course, COLORIZATION, "ada", solved)
    watch.wait_for(line("ada", f"{POINTS}$"))
    assert page.read_text() != before
    assert scores_of(course, COLORIZATION, "ada")["l2_loss"] == 3


def test_half_a_file_waits_for_the_rest(course, watch, solved):
    home = course.submission(COLORIZATION, "slow").parent
    home.mkdir(parents=True)
    with (home / f"{NAME}.ipynb").open("wb", buffering=0) as copy:
        copy.write(solved[: len(solved) // 2])
        submit(course, COLORIZATION, "quick", b"{}")
        watch.wait_for(line("quick", "refused"))  # later, and on its way through everything
        copy.write(solved[len(solved) // 2 :])
    watch.wait_for(line("slow", f"{POINTS}$"))
    assert sum("  slow  " in said for said in watch.said) == 1


def submit_through_exchange(folder: Path, student: str, content: bytes) -> None:
    """As `nbgrader submit` does it, from a home of the student's own."""
    home = folder / "homes" / student
    (home / NAME).mkdir(parents=True, exist_ok=True)
    (home / NAME / f"{NAME}.ipynb").write_bytes(content)
    config = Config()
    config.Exchange.root, config.Exchange.cache = str(folder / "exchange"), str(home / "cache")
    config.Exchange.assignment_dir = str(home)
    config.CourseDirectory.course_id, config.CourseDirectory.root = "course", str(home)
    config.CourseDirectory.assignment_id, config.CourseDirectory.student_id = NAME, student
    api = NbGraderAPI(config=config)
    submit = api.exchange.Submit(
        coursedir=api.coursedir, authenticator=api.authenticator, parent=api
    )
    assert capture_log(submit)["success"]


def test_a_hand_in_through_the_exchange(course, watch, solved, unsolved):
    folder = course.folder.parent
    submit_through_exchange(folder, WHO, unsolved)
    watch.wait_for(line(WHO, "0/76$"))
    home = course.submission(COLORIZATION, WHO).parent
    first = (home / "timestamp.txt").read_text()
    submit_through_exchange(folder, WHO, solved)
    watch.wait_for(line(WHO, f"{POINTS}$"))
    assert (home / "timestamp.txt").read_text() > first
    assert not any("cheating" in said for said in watch.said)


def test_odd_things_in_the_exchange_cost_only_their_students(course, watch, solved):
    inbound = course.folder.parent / "exchange" / "course" / "inbound"
    time = "2031-02-03 04:05:06.000000 UTC"
    (inbound / f"link+{NAME}+{time}+a").mkdir()
    (inbound / f"link+{NAME}+{time}+a" / f"{NAME}.ipynb").write_bytes(solved)
    (inbound / f"link+{NAME}+{time}+a" / "secret").symlink_to("/etc/passwd")
    (inbound / f"..+{NAME}+{time}+a").mkdir()
    (inbound / f"..+{NAME}+{time}+a" / f"{NAME}.ipynb").write_bytes(solved)
    (inbound / "nonsense").mkdir()
    watch.wait_for(line("link", "not collected: `secret` is neither a file nor a folder"))
    assert not (course.folder / "submitted" / "link").exists()
    (inbound / f"when+{NAME}+never+a").mkdir()
    (inbound / f"when+{NAME}+never+a" / f"{NAME}.ipynb").write_bytes(solved)
    watch.wait_for(line("when", "not collected: nbgrader failed at collecting"))
    submit_through_exchange(course.folder.parent, "eve", b"{}")
    watch.wait_for(line("eve", "collected, but .* claims to be submitted by eve but is owned by"))
    watch.wait_for(line("eve", "refused"))
    assert not (course.folder / NAME).exists()


def test_a_second_watch_ends_with_a_sentence(course, watch):
    ran = autograder("watch", course.folder, cwd=course.folder)
    assert ran.returncode == 2
    assert f"is already being watched by process {watch.pid}" in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr


def test_grade_beside_it_judges_nothing_again(course, watch, solved):
    submit(course, COLORIZATION, "gus", solved)
    watch.wait_for(line("gus", f"{POINTS}$"))
    verdict = course.folder / "verdicts" / NAME / "gus" / "verdict.json"
    before = verdict.stat().st_mtime_ns
    ran = autograder("grade", course.folder, "--only", "gus", cwd=course.folder)
    assert ran.returncode == 0, ran.stderr
    assert verdict.stat().st_mtime_ns == before


def test_ctrl_c_ends_it_with_a_sentence_and_the_next_one_goes_on(course, watch, solved):
    """The last of this process: nothing that it started is left, and no traceback is printed."""
    family = psutil.Process(watch.pid).children(recursive=True)
    assert len(family) > 1
    assert watch.interrupt() == 130
    said = "\n".join(watch.said)
    assert "submissions were graded. The same command goes on from there." in said
    assert "Traceback" not in said
    psutil.wait_procs(family)
    submit(course, COLORIZATION, "later", solved)
    known = len(list((course.folder / "submitted").iterdir()))
    with watching(course.folder, "--assignment", "3", "--jobs", 1) as again:
        again.wait_for(f"{NAME}: {known - 1} of {known} submissions are graded already")
        again.wait_for(line("later", f"{POINTS}$"))
        assert sum("/76" in said for said in again.said) == 1
        assert again.interrupt() == 130
        assert "Stopped; 1 submission was graded." in again.said[-1]


def test_it_says_what_is_missing(tmp_path):
    ran = autograder("watch", tmp_path, cwd=tmp_path)
    assert ran.returncode == 2
    assert "is not a course directory" in " ".join(ran.stderr.split())
    assert list(tmp_path.iterdir()) == []
