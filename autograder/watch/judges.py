"""Pools of workers that stay open between batches: starting one takes seconds."""

from collections.abc import Sequence

from autograder.assignments import Assignment
from autograder.gradebook.course import Course
from autograder.gradebook.grading import GradingProgress, grade_class
from autograder.judge.exam import Exam
from autograder.judge.parallel.pool import Pool
from autograder.judge.verdict import Verdict

MOST_OPEN = 2  # pools; each one takes about half a gigabyte of memory


class Judges:
    """Grades students of any assignment; a context manager.

    jobs   how many submissions to judge in parallel; by default one per core
    pools  the open pools by assignment, the one used last at the end
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs
        self.pools: dict[str, Pool] = {}

    def __enter__(self) -> "Judges":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.pools):
            self.close(name)

    def grade(
        self,
        course: Course,
        assignment: Assignment,
        students: Sequence[str],
        progress: GradingProgress,
    ) -> list[Verdict]:
        """Grade students with `grade_class`, in a pool that stays open; their verdicts, in order.

        Submissions that have a verdict are not judged again. Raises the same errors.
        """
        try:
            verdicts = grade_class(course, assignment, students, progress, open_pool=self.pool)
        except BaseException:
            # Its slots may still send verdicts of this batch, which the next one must not get.
            self.close(assignment.name)
            raise
        return list(verdicts.values())

    def pool(self, exam: Exam) -> Pool:
        """An open pool for an exam: a new one if the exam has changed, or if the pool has died."""
        name = exam.assignment.name
        pool = self.pools.get(name)
        if pool is None or pool.exam.key != exam.key or not is_alive(pool):
            self.close(name)
            while len(self.pools) >= MOST_OPEN:
                self.close(next(iter(self.pools)))
            pool = Pool(exam, self.jobs)
        self.pools.pop(name, None)
        self.pools[name] = pool
        return pool

    def close(self, name: str) -> None:
        """Close the pool of an assignment, if it is open."""
        if pool := self.pools.pop(name, None):
            pool.close()


def is_alive(pool: Pool) -> bool:
    """Whether all processes of an idle pool are running."""
    if pool.zygote and pool.zygote.process.poll() is not None:
        return False
    return all(slot.process.is_alive() for slot in pool.slots)
