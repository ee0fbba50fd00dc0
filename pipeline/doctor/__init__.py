"""`iepile doctor`: whether this installation, this machine and these files can make the corpus."""

from typing import Literal, NamedTuple


class Check(NamedTuple):
    """One thing that was looked at."""

    subject: str
    #: "wrong" is what the corpus cannot be made without; a "note" is worth knowing.
    state: Literal["ok", "note", "wrong"]
    found: str
    #: What to do, where something is.
    todo: str = ""
