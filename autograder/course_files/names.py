"""Names of files that strangers have chosen: told in a sentence, and told from a machine's own."""

JUNK = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def shown(name: str) -> str:
    """A name in a sentence: a stranger's choice, so neither long nor with anything unseen in it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]


def is_junk(name: str) -> bool:
    """Whether a file or folder is one that a machine, not its owner, has put there."""
    return name.startswith(".") or name in JUNK
