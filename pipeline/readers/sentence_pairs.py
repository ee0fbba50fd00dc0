r"""Sentences with a pair of names, and relations by number in files beside them: IPRE.

    sent_test.txt            TEST_SENT_ID_000001<TAB>林舟<TAB>林小满<TAB>林舟 的 女儿 林小满
    sent_relation_test.txt   TEST_SENT_ID_000001<TAB>13
    relation2id.txt          人物关系/亲属关系/血亲/自然血亲/子女/女儿<TAB>13

The name of a file says what it is: `relation2id*` and `sent_relation*` are what they say, the
others hold sentences. A row of relations may hold several numbers between blanks. The sentence
is in words; a name that is one word of it, once, has its span there.
"""

from pipeline.errors import RawFileError
from pipeline.readers._paths import Files, Found
from pipeline.readers._paths import Joined as Options
from pipeline.readers._source import EXCERPT, join_tokens, lines
from pipeline.records import Mention, Record, Reject, Relation


def read(files: Files, options: Options) -> Found:
    """Yield one record per sentence and pair; those of the same text complete each other."""
    names: dict[str, str] = {}
    labels: dict[str, tuple[str, list[str]]] = {}
    for file in files:
        if file.name.startswith("relation2id"):
            for _, line in lines(file):
                name, _, number = line.partition("\t")
                names[number.strip()] = name
        elif file.name.startswith("sent_relation"):
            for origin, line in lines(file):
                pair, _, cell = line.partition("\t")
                if pair.strip():
                    labels[pair] = origin, cell.split()
    if not names or not labels:
        what = "no file of relations, or none of their numbers"
        todo = "declare relation2id.txt, sent_relation_*.txt and sent_*.txt for the split"
        raise RawFileError(what, where=", ".join(map(str, files)) or "[splits]", todo=todo)
    for file in files:
        if not file.name.startswith(("relation2id", "sent_relation")):
            for origin, line in lines(file):
                if line.strip():
                    cells = line.split("\t")
                    _, numbers = labels.pop(cells[0], ("", []))
                    yield _record(origin, cells, numbers, names, options.language)
    for origin, numbers in labels.values():
        yield Reject(origin, "missing_sentence", records=0, relations=len(numbers))


def _record(
    origin: str, cells: list[str], numbers: list[str], names: dict[str, str], language: str
) -> Record | Reject:
    """The record of a row of sentences; `numbers` are those of its relations."""
    excerpt, lost = "\t".join(cells)[:EXCERPT], len(numbers)
    if len(cells) != 4:
        why = f"{len(cells)} of 4 columns"
        return Reject(origin, "malformed_record", why, excerpt, relations=lost)
    if not numbers:
        return Reject(origin, "missing_label", cells[0], excerpt)
    if unknown := [n for n in numbers if n not in names]:
        why = f"no relation has the number {unknown[0]}"
        return Reject(origin, "unknown_number", why, excerpt, relations=lost)
    _, head, tail, sentence = cells
    tokens = sentence.split()
    text, starts = join_tokens(tokens, language)
    # A name loses its blanks like the sentence, to be found in it.
    spelled = dict.fromkeys(join_tokens(name.split(), language)[0] for name in (head, tail))
    mentions = [_mention(name, tokens, starts) for name in spelled]
    relations = [Relation(names[n], 0, len(mentions) - 1) for n in numbers]
    return Record(text, origin, mentions, relations)


def _mention(name: str, tokens: list[str], starts: list[int]) -> Mention:
    if tokens.count(name) != 1:
        return Mention(name)
    start = starts[tokens.index(name)]
    return Mention(name, start, start + len(name))
