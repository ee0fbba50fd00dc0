"""`iepile doctor`: check whether this installation, machine and data can make the corpus."""

from typing import Literal, NamedTuple


class Check(NamedTuple):
    """The result of one check."""

    subject: str
    #: "wrong" prevents the corpus from being made; a "note" is worth knowing.
    state: Literal["ok", "note", "wrong"]
    found: str
    #: What to do about it, if anything.
    todo: str = ""
