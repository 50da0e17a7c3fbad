"""A clean submission, judged in the other slot at the same time: `pytest --beside`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from autograder.judge.judge import Judgement

CONTEXT = get_context("fork")


class Neighbor:
    """A process of its own, forked from here with what is patched here.

    judge   judges the clean submission in the other slot
    earns   the points that it must get, each time
    """

    def __init__(self, judge: Callable[[], Judgement], earns: tuple[float, ...]) -> None:
        self.earns = earns
        self.pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_judge_until_told, args=(theirs, judge), daemon=True)
        self.process.start()
        theirs.close()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Judge it until the block ends, at least once.

        Raises AssertionError if it was graded wrongly.
        """
        self.pipe.send("begin")
        try:
            yield
        finally:
            self.pipe.send("end")
            judged = self.pipe.recv()
        wrong = [one for one in judged if one != ("graded", "", self.earns)]
        assert judged, "the clean submission was not judged"
        assert not wrong, f"the clean submission in the other slot: {wrong}"

    def close(self) -> None:
        """End it."""
        self.process.terminate()  # it holds both ends of the pipe: to close ours would not tell it
        self.process.join()
        self.pipe.close()


def _judge_until_told(pipe: object, judge: Callable[[], Judgement]) -> None:
    """Judge again and again between the signals to begin and to end, and send the results."""
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        judged = []
        while not judged or not pipe.poll():
            verdict = judge().verdict
            earned = tuple(task.earned for task in verdict.tasks if task.earned)
            judged.append((verdict.status, verdict.reason, earned))
        pipe.recv()
        pipe.send(judged)
