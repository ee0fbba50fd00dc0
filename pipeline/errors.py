"""The errors that a user can meet. Each says what is wrong, where, and what to do about it."""

import errno
from typing import Final

#: Errors of the system -> what they mean, and what to do.
_SYSTEM_ERRORS: Final = {
    "ENOSPC EDQUOT": (
        "there is no space left on this disk",
        "free some space, then run the same command again",
    ),
    "EFBIG": (
        "this file would become larger than the system allows",
        "raise the limit (ulimit -f) or use another disk, then run the same command again",
    ),
    "EMFILE ENFILE": (
        "too many files are open at a time",
        "raise the limit (ulimit -n) or use fewer workers, then run the same command again",
    ),
    "ENOMEM": (
        "there is not enough memory for this",
        "use fewer workers or smaller shards, or raise the limit (ulimit -v)",
    ),
    "EROFS": (
        "this disk is read-only, nothing on it may be changed",
        "write to another folder, or have the disk mounted for writing",
    ),
    "EACCES EPERM": (
        "no permission to read or change this",
        "see who owns it, or use another folder",
    ),
}
#: The most characters of a message, so that quoted data cannot flood a terminal.
_MOST_CHARACTERS: Final = 4000


class PipelineError(Exception):
    """A problem that we foresaw. The command line prints it without a traceback and exits with 1.

    `where` is a path, `dataset/split/file:line`, a key of params.yaml or a command-line option.
    """

    def __init__(self, what: str, where: object, todo: str) -> None:
        # All are arguments of `Exception` too, so that errors can cross processes.
        super().__init__(what, where, todo)
        self.what, self.where, self.todo = what, where, todo

    def __str__(self) -> str:
        what, where = plain(self.what, keep="\n\t"), plain(str(self.where))
        # This is our own text, and it is long where it shows raw lines of every reader.
        todo = plain(self.todo, keep="\n\t", most=len(self.todo))
        return f"{what}\n  where: {where}\n  to do: {todo}"


def plain(text: str, keep: str = "", most: int = _MOST_CHARACTERS) -> str:
    """Return a text that is safe to print: cut to `most` characters, control characters escaped.

    The characters in `keep` are not escaped.
    """
    cut = text if len(text) <= most else f"{text[:most]} ..."
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in cut
    )


def counted(number: int, nouns: str) -> str:
    """A number and what it counts, which is given in the plural: "1 entity", "2,000 records"."""
    one = f"{nouns[:-3]}y" if nouns.endswith("ies") else nouns[:-1]
    return f"{number:,} {one if number == 1 else nouns}"


class DeclarationError(PipelineError):
    """A dataset's TOML, a manifest or params.yaml says something impossible."""


class RawFileError(PipelineError):
    """A raw file is missing, has other bytes than declared, or cannot be read."""


class UnknownLabelError(PipelineError):
    """The raw files hold labels that the declaration neither maps nor drops."""


class CountError(PipelineError):
    """The files hold more or fewer records or annotations than declared."""


class RecordError(PipelineError):
    """A stage would write a record with false offsets, indices or labels."""


class StaleError(PipelineError):
    """The output of some stages is out of date: something that it depends on has changed."""


class FetchError(PipelineError):
    """A raw file cannot be downloaded, or the download is not the declared file."""


class WorkError(PipelineError):
    """Work failed for a reason outside the data, such as a killed process or a full disk."""


def of_system(problem: OSError | MemoryError, where: object) -> WorkError:
    """Return the error for what the operating system refused, for files that a user named."""
    what = f"the system refused: {getattr(problem, 'strerror', None) or problem}"
    todo = "check that the path is right, may be read or written, and has space on its disk"
    place = getattr(problem, "filename", None) or where
    return explained(problem, where) or WorkError(what, where=place, todo=todo)


def killed_twice(where: object, more: str = "") -> WorkError:
    """Return the error for an item whose process was killed twice."""
    todo = f"see whether memory ran out; fewer workers or smaller shards need less of it{more}"
    return WorkError("the process that worked on this was killed twice", where=where, todo=todo)


def explained(problem: BaseException, where: object) -> WorkError | None:
    """Return the error in plain words if it has nothing to do with the data, else None."""
    number = errno.ENOMEM if isinstance(problem, MemoryError) else getattr(problem, "errno", None)
    name = errno.errorcode.get(number or 0, "")
    for names, (what, todo) in _SYSTEM_ERRORS.items():
        if name in names.split():
            return WorkError(what, where=getattr(problem, "filename", None) or where, todo=todo)
    return None
