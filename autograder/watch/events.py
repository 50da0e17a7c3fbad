"""Wake up when a file changes in one of some folders, through the operating system's events.

Each folder is watched by itself, not recursively: recursion follows links, and a link to `/` would
watch the whole disk.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

POLL = 1.0  # seconds between two looks where the system gives no events
GROUP = 50  # milliseconds: events that follow each other this closely are one
LONGEST_GROUP = 200  # milliseconds


class FolderEvents:
    """Waits for events in folders; a context manager."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.notify: RustNotify | None = None

    def __enter__(self) -> "FolderEvents":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, folders: Iterable[Path], seconds: float) -> None:
        """Wait for an event in these folders, for at most so many seconds.

        Returns at once if the folders are not those of the last call: something may have happened
        in a new one before it was watched. Raises KeyboardInterrupt on Ctrl-C.
        """
        wanted = sorted(map(str, folders))
        if wanted != self.folders:
            self.close()
            self.folders, self.notify = wanted, _watch(wanted)
        elif self.notify is None:
            time.sleep(min(seconds, POLL))
            self.folders = []  # the next call tries again
        elif self.notify.watch(LONGEST_GROUP, GROUP, int(1000 * seconds), None) == "signal":
            raise KeyboardInterrupt

    def close(self) -> None:
        """Stop watching."""
        if self.notify:
            self.notify.close()
        self.folders, self.notify = [], None


def _watch(folders: list[str]) -> RustNotify | None:
    """Start to watch; None if the system can't, for example because it watches too much already."""
    try:
        return RustNotify(
            folders,
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=False,
            ignore_permission_denied=True,
        )
    except (OSError, WatchfilesRustInternalError):
        return None
