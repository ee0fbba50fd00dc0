"""What a declaration says: a dataset, its labels, and its raw files, as typed values.

`renamed` gives a declaration under its other names: the readable ones, or those that IEPile prints.
`[published.<kind>]` says which readable names differ from the published ones. Renaming keeps the
order of all inventories, so that labels of both are matched by their places.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from pipeline.config import Name
from pipeline.records import SplitKey, Task  # msgspec reads the fields' types

Kind = Literal["entity", "relation", "event", "role"]
COUNTED: Final = ("records", "entities", "relations", "events", "arguments", "rejects")
if TYPE_CHECKING:
    Counted = str
else:
    Counted = Literal[COUNTED]
Names = dict[Name, Name] | list[Name]
Address = Annotated[str, Meta(pattern=r"^https?://[^/\s]+/")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
#: What a license, or whoever hands the files out, asks of those who use them.
Restriction = Literal[
    "non-commercial", "research-only", "share-alike", "no-redistribution", "agreement"
]
#: A repository and a commit in an address of GitHub or of the Hugging Face Hub.
_COMMIT: Final = re.compile(
    r"https://(?:(?:raw\.githubusercontent|github)\.com|huggingface\.co(?:/datasets)?)"
    r"/([^/]+/[^/]+)/(?:[a-z]+/)?([0-9a-f]{40})\b"
)
#: A file of the Hugging Face Hub at a commit, whose hash the Hub states with the file.
_PINNED: Final = re.compile(
    r"https://huggingface\.co/(datasets/)?[^/]+/[^/]+/resolve/[0-9a-f]{40}/"
)


class File(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A raw file, or a folder of them, relative to the dataset's raw folder."""

    path: str
    sha256: Sha256 | None = None
    #: The id that Git gives these bytes, where no sha256 is known: see `raw_files.git_blob`.
    git: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None
    bytes: int | None = None
    #: Addresses on the web, tried in order. What follows a # is a member of the archive there.
    url: Address | list[Address] | None = None
    #: Of the archives among the addresses, where no hash of the member itself is known.
    archive_sha256: Sha256 | None = None

    @property
    def addresses(self) -> list[str]:
        """Return the addresses on the web, in the order in which they are tried."""
        return [self.url] if isinstance(self.url, str) else self.url or []

    @property
    def verified_by(self) -> Literal["sha256", "git", "archive", "revision"] | None:
        """Return what can show that a download is the declared file; None if nothing can."""
        if self.sha256:
            return "sha256"
        if self.git:
            return "git"
        if self.archive_sha256:
            return "archive"
        return "revision" if any(map(pinned, self.addresses)) else None


def pinned(address: str) -> bool:
    """Whether an address names a commit, of which the server states the hash of the file."""
    return _PINNED.match(address) is not None


class Split(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The files of one split and what they hold, counted in the source."""

    files: list[File]
    counts: dict[Counted, Annotated[int, Meta(ge=0)]] = {}
    #: A file of this folder that lists the source ids of this split, one a line.
    documents: str | None = None


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """An edition: which bytes of a dataset are which split."""

    splits: dict[str, Split]
    #: The raw folder, where it is not named like the dataset.
    folder: str | None = None
    #: The texts are imagined ones in the format of the real data: card and report say so.
    invented: bool = False
    #: The version or the date of the data; "" where nobody knows it.
    version: str = ""
    note: str = ""


class Labels(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Raw label -> readable name (a list: as they are), and what is left out on purpose."""

    entity: Names = {}
    relation: Names = {}
    event: Names = {}
    role: Names = {}
    #: Kind -> raw labels dropped on purpose.
    dropped: dict[Kind, list[str]] = {}
    #: Raw relations that say that there is none: dropped, unless `no_relation_label` asks them.
    no_relation: list[str] = []


class Quality(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether to mix a dataset into a corpus, from what was read and measured of it."""

    #: "" where nobody has judged it.
    use: Literal["good", "with care", "not as it is", ""] = ""
    why: str = ""
    #: A dataset of the same texts that is better: of both, an edition takes that one by default.
    prefer: str = ""

    def __str__(self) -> str:
        """Return the judgment in one line."""
        return ": ".join(filter(None, (self.use, " ".join(self.why.split()))))


class Dataset(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One dataset. `id` is the file's name; the rest is read from the TOML."""

    title: Name
    source: Name
    #: An SPDX expression, or "unstated".
    license: str
    #: An ISO 639 code; see `text.like` for what follows from it.
    language: str
    domain: str
    tasks: list[Task]
    reader: dict[str, Any]
    labels: Labels
    splits: dict[str, Split] = {}
    id: str = ""
    #: What the authors call this version of the data, or its date; see `version_of_data`.
    version: str = ""
    homepage: str = ""
    citation: str = ""
    #: Where the license can be read, what it asks in short, and what there is to say besides.
    license_url: str = ""
    restrictions: list[Restriction] = []
    license_note: str = ""
    access: Literal["open", "licensed", "unavailable"] = "open"
    access_note: str = ""
    use: Literal["train", "held-out"] = "train"
    note: str = ""
    #: Event label -> its roles; roles filled with one of a fixed list of values (no spans).
    roles: dict[str, list[str]] = {}
    enum_roles: list[str] = []
    #: Relation -> [head type, tail type] pairs, for the tasks SPO and KG.
    signatures: dict[str, list[tuple[str, str]]] = {}
    #: Kind -> readable name -> the name that IEPile prints, where that is another.
    published: dict[Kind, dict[str, str]] = {}
    #: Readable label or role -> what it means here. Where two kinds of label share a name, one
    #: text serves both. Label -> other names it may be asked by.
    descriptions: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    #: Described label or role -> the same description in other words, for train records.
    paraphrases: dict[str, list[str]] = {}
    #: Task -> what its annotation covers, see `instruct/asking.py`; by default all.
    coverage: dict[str, Literal["complete", "pair", "event", "partial"]] = {}
    #: Where that is known from.
    coverage_source: str = ""
    quality: Quality = Quality()
    #: Readable relation -> those that it brings along (the inverse, an entailed one), which the
    #: source notes now and then: where it does not, nobody can say that they are absent.
    implied: dict[str, list[str]] = {}
    inventory: Literal["dataset", "split"] = "dataset"
    #: How the source parted its texts into tokens, see `normalize/detokenize.py`; None: not at all.
    tokenized: Literal["words", "punctuation"] | None = None
    #: Pattern -> what is written in its place, see `normalize/rewriting.py`.
    repairs: dict[str, str] = {}
    #: The source repeats a text for each annotation; its rows become one record per text.
    one_annotation_per_row: bool = False
    discontinuous: Literal["join", "drop"] = "join"
    #: Split -> share, for a source that comes without splits; its files stand under `splits.all`.
    split_by_hash: dict[SplitKey, Annotated[int, Meta(ge=1)]] = {}
    #: Split -> policy for texts annotated twice and differently.
    conflicts: dict[SplitKey, Literal["drop", "keep", "first", "merge"]] = {}

    def names(self, kind: str) -> dict[str, str]:
        """Raw label -> readable name of one kind (entity, relation, event or role)."""
        declared: Names = getattr(self.labels, kind)
        if kind == "role" and not declared:
            declared = [*dict.fromkeys(role for roles in self.roles.values() for role in roles)]
        return dict(declared) if isinstance(declared, dict) else {n: n for n in declared}

    def labels_of(self, kind: str) -> list[str]:
        """The distinct readable names of one kind, in the order of the declaration."""
        return [*dict.fromkeys(self.names(kind).values())]

    def roles_of(self) -> dict[str, list[str]]:
        """Readable event label -> readable roles, in the order of the declaration."""
        events, roles = self.names("event"), self.names("role")
        merged: dict[str, dict[str, None]] = {}
        for event, raw in self.roles.items():
            merged.setdefault(events[event], {}).update({roles[r]: None for r in raw if r in roles})
        return {event: [*readable] for event, readable in merged.items()}

    def signatures_of(self) -> list[tuple[str, str, str]]:
        """(head type, relation, tail type) in readable names, in the order of the declaration."""
        relations, types = self.names("relation"), self.names("entity")
        signatures = {
            (types.get(head, head), relations[relation], types.get(tail, tail)): None
            for relation, pairs in self.signatures.items()
            for head, tail in pairs
        }
        return [*signatures]

    @property
    def version_of_data(self) -> str:
        """The declared version of the full edition, or the commits that its addresses name.

        "" where neither is known.
        """
        files = [file for split in self.splits.values() for file in split.files]
        matches = (_COMMIT.match(address) for file in files for address in file.addresses)
        commits = dict.fromkeys(f"{c[1]} at commit {c[2][:10]}" for c in matches if c)
        return self.version or ", ".join(commits)

    @property
    def terms(self) -> str:
        """The license, what it asks, and where it can be read, in one line."""
        asked = f" ({', '.join(self.restrictions)})" if self.restrictions else ""
        note = " ".join(self.license_note.split())
        return self.license + asked + "".join(f", {x}" for x in (self.license_url, note) if x)

    def how_to_get(self) -> str:
        """Return what a person must do to get files that have no known address."""
        note = " ".join(self.access_note.split())
        return note or f"See {self.homepage or 'its authors'}."


def wrong_names(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what to do) for the published names that a declaration gives."""
    for kind, published in dataset.published.items():
        readable = dataset.labels_of(kind)
        if unknown := sorted({*published} - {*readable}):
            yield f"published names of no {kind}: {unknown}", "use the readable names"
        counts = Counter(published.get(name, name) for name in readable)
        if twice := sorted(name for name, n in counts.items() if n > 1):
            yield f"published names of several {kind} labels: {twice}", "make them differ"


def renamed(dataset: Dataset) -> Dataset:
    """Return the dataset under its published names or, if it has them already, its readable ones.

    Where a readable name of two kinds has two published names or none, both keep its description.
    """
    labels: Any = msgspec.structs.replace(dataset.labels)
    for named, published in dataset.published.items():
        names = dataset.names(named)
        setattr(labels, named, {raw: published.get(name, name) for raw, name in names.items()})
    kinds: tuple[Kind, ...] = get_args(Kind)
    other: dict[str, list[str]] = {}
    for kind in kinds:
        published = dataset.published.get(kind, {})
        for name in dataset.labels_of(kind):
            other.setdefault(name, []).append(published.get(name, name))
    changed = msgspec.structs.replace(dataset, labels=labels)
    asked = {name for kind in kinds for name in changed.labels_of(kind)}

    def under_other(table: dict[str, Any]) -> dict[str, Any]:
        renamed_table: dict[str, Any] = {}
        for name, value in table.items():
            for key in other[name]:
                renamed_table.setdefault(key, value)
        return renamed_table

    related = dataset.published.get("relation", {})
    aliases = {n: [a for a in names if a not in asked] for n, names in dataset.aliases.items()}
    return msgspec.structs.replace(
        changed,
        descriptions=under_other(dataset.descriptions),
        paraphrases=under_other(dataset.paraphrases),
        aliases={name: names for name, names in under_other(aliases).items() if names},
        implied={
            related.get(name, name): [related.get(o, o) for o in implied]
            for name, implied in dataset.implied.items()
        },
        published={
            kind: {new: old for old, new in published.items()}
            for kind, published in dataset.published.items()
        },
    )
