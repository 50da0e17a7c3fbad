"""File names chosen by students: make them printable, and recognise files they did not create."""

JUNK = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def shown(name: str) -> str:
    """A name made safe for a sentence: at most 80 characters, all of them printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]


def is_junk(name: str) -> bool:
    """Whether an operating system or a tool, not the student, has created a file or folder."""
    return name.startswith(".") or name in JUNK
