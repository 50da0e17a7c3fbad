"""What a submission may use. The defaults are generous; an assignment's front matter changes single
ones.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

MB, GB = 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """Times are the submission's own: used or slept, not waited for a core (see own_time.py).

    In brackets: the reason given to whoever exceeds a limit.

    cell        s    one cell [time]
    call        s    one call of a task [time]
    submission  s    all cells and calls of one worker, its start-up not counted [time]
    cpu         s    processor time of each process, counted from the end of start-up [time]
    start_up    s    until the worker answers; longer is the machine's fault (SandboxError), not the
                student's
    memory      B    what each process may grow by, beyond its size after the imports [MemoryError,
                or memory]
    tree        B    resident memory of all processes together, the imports among it [memory]
    processes        processes and threads together
    files            open files of each process
    file_size   B    one file
    tmp         B    /tmp, which holds the home and the working directory
    shm         B    /dev/shm
    output      B    what one cell may put out: text and pictures; the rest is cut
    header      B    the JSON part of a message [output]
    reply       B    a whole message [output]
    """

    cell: float = 10.0
    call: float = 5.0
    submission: float = 100.0
    cpu: float = 20.0
    start_up: float = 60.0
    memory: int = 2 * GB
    tree: int = 3 * GB
    processes: int = 64
    files: int = 256
    file_size: int = 64 * MB
    tmp: int = 128 * MB
    shm: int = 64 * MB
    output: int = 8 * MB
    header: int = 4 * MB
    reply: int = 64 * MB

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, float]) -> "Limits":
        """The defaults, with those changed that `mapping` names.

        Raises ValueError, naming the limit, for one there is not and for one that is no positive
        number.
        """
        defaults = asdict(cls())
        for name, value in mapping.items():
            if name not in defaults:
                raise ValueError(f"There is no limit {name!r}. There is: {', '.join(defaults)}.")
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not 0 < value < 2**53
            ):
                raise ValueError(f"The limit {name!r} must be a positive number, not {value!r}.")
        given = {name: type(defaults[name])(value) for name, value in mapping.items()}
        return replace(cls(), **given)
