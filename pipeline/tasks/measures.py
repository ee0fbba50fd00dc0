"""What is counted of the answers of each task, in the order of the tables."""

from typing import Final

MEASURES: Final = {
    "NER": ("entity",),
    "RE": ("relation",),
    "SPO": ("relation",),
    "EE": ("trigger", "argument"),
    "EET": ("trigger",),
    "EEA": ("argument",),
    "KG": ("attribute",),
}
