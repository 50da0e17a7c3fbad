"""A course with a class of twenty: half with bad intentions, others who hand in what is no
notebook.

    python cluster_class.py FOLDER

Run by test_cluster_class.py, in a process that has the small course's package first on its path.
"""

import os
import sys
from pathlib import Path

from judged_class import build_unexecuted
from large_class import HOSTILE
from small_class import NAME, SMALL, answers_of_the_class, hand_in

from autograder.authoring.master import read_master
from autograder.authoring.notebooks import student_notebook
from autograder.gradebook.course import init_course
from autograder.judge.intake.read_notebook import MAX_BYTES

COUNT = 2 * len(HOSTILE)


def main(folder: Path) -> None:
    master = read_master(SMALL)
    build = build_unexecuted(master, folder.with_name(f"{folder.name}-build"))
    course = init_course(folder, [build])
    classroom = answers_of_the_class(master, COUNT)
    right, students = classroom["student-00"], list(classroom)
    for student, body in zip(students[::2], HOSTILE.values(), strict=True):
        classroom[student] = right | {"softmax": f"def softmax(logits):\n    {body}"}
    hand_in(student_notebook(master), classroom, course.folder, NAME)
    cut, link, large, module, *_ = (course.submission(SMALL, student) for student in students[1::2])
    os.truncate(cut, 5000)
    link.unlink()
    link.symlink_to(course.submission(SMALL, students[-1]))
    os.truncate(large, MAX_BYTES + 1)
    module.with_name("torch.py").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
