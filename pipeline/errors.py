"""The errors a user can meet. Each says what is wrong, where, and what to do about it."""

from __future__ import annotations

_MOST_LETTERS = 4000


class PipelineError(Exception):
    """A foreseeable problem. The command line prints it without a traceback and exits with 1."""

    def __init__(self, what: str, *, where: object = None, todo: str | None = None) -> None:
        super().__init__(what, where, todo)
        self.what, self.where, self.todo = what, where, todo

    def __str__(self) -> str:
        parts = [plain(self.what, keep="\n")]
        if self.where is not None:
            parts.append(f"  where: {plain(str(self.where))}")
        if self.todo is not None:
            parts.append(f"  to do: {self.todo}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross processes.
        return (_rebuild, (type(self), self.what, self.where, self.todo))


def plain(text: str, keep: str = "") -> str:
    """A text that quotes data or names files, for a terminal: no signals, and no megabytes."""
    cut = text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} ..."
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in cut
    )


def _rebuild(
    kind: type[PipelineError], what: str, where: object, todo: str | None
) -> PipelineError:
    return kind(what, where=where, todo=todo)


class DeclarationError(PipelineError):
    """A dataset's TOML, a manifest or params.yaml says something impossible."""


class RawFileError(PipelineError):
    """A raw file is missing, has other bytes than declared, or cannot be read at all."""


class UnknownLabelError(PipelineError):
    """The raw files hold labels that the declaration neither maps nor drops."""


class RecordError(PipelineError):
    """A record breaks the invariants of the data model."""


class CountError(PipelineError):
    """The files hold another number of records or annotations than declared."""


class FetchError(PipelineError):
    """A raw file cannot be had, or what was got is not it."""


class WorkError(PipelineError):
    """A piece of work failed for a reason outside the data: a killed process, a full disk."""


def of_system(problem: OSError) -> WorkError:
    """What the operating system refused: a folder where a file is due, no right to write, no room.

    Stages that know better say it themselves; this is for the places of files that a user names.
    """
    return WorkError(
        f"the system refused: {problem.strerror or problem}",
        where=problem.filename,
        todo="see whether the path is meant, may be read or written, and has room on its disk",
    )
