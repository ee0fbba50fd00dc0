"""The errors a user can meet. Each says what is wrong, where, and what to do about it."""

from __future__ import annotations

import errno
from typing import Final

#: What the system refuses -> what is wrong, and what to do.
_REFUSED: Final = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT),
        ("there is no space left on this disk", "free some, then run the same command again"),
    ),
    errno.EFBIG: (
        "this file grows larger than the system allows",
        "raise the limit (ulimit -f) or use another disk, then run the same command again",
    ),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE),
        (
            "too many files are open at a time",
            "raise the limit (ulimit -n), or use fewer workers; then run the same command again",
        ),
    ),
    errno.ENOMEM: (
        "there is not enough memory for this",
        "fewer workers, or smaller shards, need less of it; or raise the limit (ulimit -v)",
    ),
    errno.EROFS: (
        "this disk is read-only, nothing on it may be changed",
        "write to another folder, or have the disk mounted for writing",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        (
            "no permission to read or change this",
            "see who owns it, or use another folder",
        ),
    ),
}
#: Of what a message quotes, so that no data floods a terminal.
_MOST_LETTERS = 4000


class PipelineError(Exception):
    """A foreseeable problem. The command line prints it without a traceback and exits with 1.

    `where` is a path, `dataset/split/file:line`, a key of params.yaml, or an option of the command.
    """

    def __init__(self, what: str, *, where: object, todo: str) -> None:
        super().__init__(what, where, todo)
        self.what, self.where, self.todo = what, where, todo

    def __str__(self) -> str:
        what, where = plain(self.what, keep="\n\t"), plain(str(self.where))
        # These are words of ours, and long where they show raw lines of every reader.
        todo = plain(self.todo, keep="\n\t", most=len(self.todo))
        return f"{what}\n  where: {where}\n  to do: {todo}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross processes.
        return (_rebuild, (type(self), self.what, self.where, self.todo))


def plain(text: str, keep: str = "", most: int = _MOST_LETTERS) -> str:
    """A text that quotes data or names files, for a terminal: no signals, and no megabytes."""
    cut = text if len(text) <= most else f"{text[:most]} ..."
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in cut
    )


def _rebuild(kind: type[PipelineError], what: str, where: object, todo: str) -> PipelineError:
    return kind(what, where=where, todo=todo)


class DeclarationError(PipelineError):
    """A dataset's TOML, a manifest or params.yaml says something impossible."""


class RawFileError(PipelineError):
    """A raw file is missing, has other bytes than declared, or cannot be read at all."""


class UnknownLabelError(PipelineError):
    """The raw files hold labels that the declaration neither maps nor drops."""


class CountError(PipelineError):
    """The files hold another number of records or annotations than declared."""


class RecordError(PipelineError):
    """A stage would write a record with false offsets, indices or labels."""


class StaleError(PipelineError):
    """What the stages wrote does not belong together: something changed, or was forgotten."""


class FetchError(PipelineError):
    """A raw file cannot be had, or what was got is not it."""


class WorkError(PipelineError):
    """A piece of work failed for a reason outside the data: a killed process, a full disk."""


def of_system(problem: OSError | MemoryError, where: object) -> WorkError:
    """What the operating system refused: a folder where a file is due, no right to write, no room.

    Stages that know better say it themselves; this is for the places of files that a user names.
    """
    return explained(problem, where) or WorkError(
        f"the system refused: {getattr(problem, 'strerror', None) or problem}",
        where=getattr(problem, "filename", None) or where,
        todo="see whether the path is meant, may be read or written, and has room on its disk",
    )


def killed_twice(where: object, more: str = "") -> WorkError:
    """What to say of an item whose process was killed at the second try as well."""
    todo = "see whether memory ran out; fewer workers, or smaller shards, need less of it"
    what = "the process that worked on this was killed twice"
    return WorkError(what, where=where, todo=f"{todo}{more}")


def explained(problem: BaseException, where: object) -> WorkError | None:
    """The error in our words, if it is one that has nothing to do with the data."""
    if isinstance(problem, MemoryError):
        number, file = errno.ENOMEM, None
    elif isinstance(problem, OSError):
        number, file = problem.errno or 0, problem.filename
    else:
        return None
    what, todo = _REFUSED.get(number, (None, ""))
    return WorkError(what, where=file or where, todo=todo) if what else None
