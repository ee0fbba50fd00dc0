"""What nobody means and all must survive: one table of odd bytes, values, texts, names and paths.

Every suite that asks for "no traceback" draws from it (`tests/hostile`, `tests/fuzz`, `tests/day`,
`tests/test_security.py`), so that an input that broke one part is tried on all. `tests/promises.py`
says what is a fair answer.
"""

import gzip
import re

BOM = b"\xef\xbb\xbf"
DEEP = 100_000
_NUMBER = re.compile(rb"(?<![\w.-])\d+(?![\w.])")


# Bytes of files


def middle(content):
    """A place in the line after the middle one, not at its beginning."""
    place = content.find(b"\n", len(content) // 2) + 1
    return min(place + 9, len(content) - 1) if place else len(content) // 2


def _put(piece):
    return lambda b: b[: middle(b)] + piece + b[middle(b) :]


def _encoded(name):
    return lambda b: b.decode("utf-8", "replace").encode(name, "replace")


def _numbers(by):
    return lambda b: _NUMBER.sub(by, b)


#: Changes that lose nothing: line ends and a byte order mark say nothing about the data.
HARMLESS = {
    "crlf": lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "bom": lambda b: BOM + b.removeprefix(BOM),
    "blank lines at the end": lambda b: b.rstrip(b"\n") + b"\n\n\n",
    "no line end at the end": lambda b: b.rstrip(b"\r\n"),
}
#: Pieces that are wrong wherever they stand.
PIECES = {
    "BOM": BOM,
    "NUL": b"\0",
    "no UTF-8": b"\xff",
    "overlong UTF-8": b"\xc0\xaf",
    "surrogate bytes": b"\xed\xa0\x80",
    "half a surrogate escape": b"\\ud83d",
    "line separator": "\u2028".encode(),
    "vertical tab": b"\x0b",
    "terminal signals": b"\x1b[2J",
    "quote": b'"',
}
#: Changes after which no reader can read as if nothing were wrong.
WRONG = {
    "half": lambda b: b[: len(b) // 2],
    "one byte less": lambda b: b.rstrip()[:-1],
    "one byte": lambda b: b[:1],
    "white space": lambda _: b" \n\t\n\n",
    "NUL bytes alone": lambda _: b"\0" * 1000,
    "GBK": _encoded("gbk"),
    "UTF-16": _encoded("utf-16"),
    "UTF-16 big end first": _encoded("utf-16-be"),
    "UTF-32": _encoded("utf-32"),
    "Latin-1": _encoded("latin-1"),
    "CR": lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "two BOMs": lambda b: BOM + BOM + b,
    **{f"{name} inside": _put(piece) for name, piece in PIECES.items()},
    "the file twice": lambda b: b + b,
    "lines upside down": lambda b: b"\n".join(b.split(b"\n")[::-1]),
    "gzip": lambda b: gzip.compress(b, mtime=0),
    "zip": lambda b: b"PK\x03\x04" + b,
    "Parquet": lambda b: b"PAR1" + b + b"PAR1",
    "a web page": lambda _: b"<!DOCTYPE html><html><body>404 not found</body></html>\n",
    "a Git LFS pointer": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "100,000 brackets": lambda _: b"[" * DEEP,
    "100,000 objects": lambda _: b'{"a":' * DEEP,
    "100,000 levels": lambda _: b"[" * DEEP + b"]" * DEEP,
    "100,000 tags": lambda _: b"<a>" * DEEP + b"</a>" * DEEP,
    "a billion laughs": lambda _: LAUGHS,
    "an entity of the system": lambda b: ENTITY + b,
    "numbers huge": _numbers(b"9" * 30),
    "numbers endless": _numbers(b"9" * 5000),
    "numbers beyond 32 bits": _numbers(b"4294967296"),
    "numbers negative": _numbers(b"-1"),
    "numbers floats": _numbers(rb"\g<0>.0"),
    "numbers NaN": _numbers(b"NaN"),
    "numbers infinite": _numbers(b"1e999"),
    "numbers true": _numbers(b"true"),
    "numbers strings": _numbers(rb'"\g<0>"'),
    "numbers null": _numbers(b"null"),
    "numbers Arabic": lambda b: b.replace(b"1", "١".encode()),
    "tabs to blanks": lambda b: b.replace(b"\t", b" "),
    "blanks to tabs": lambda b: b.replace(b" ", b"\t"),
    "blanks to U+2028": lambda b: b.replace(b" ", "\u2028".encode()),
    "letters upper": bytes.upper,
    "quotes single": lambda b: b.replace(b'"', b"'"),
    "quotes gone": lambda b: b.replace(b'"', b""),
    "marks that combine": lambda b: b.replace(b"e", "e\u0301".encode()),
    "letters astral": lambda b: b.replace(b"a", "\U0001f600".encode()),
}
#: XML that grows to gigabytes, and XML that reads another file.
LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY x0 "ha">'
    + b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]><a>&x11;</a>"
)
ENTITY = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
#: Units of which a line or a text is made that is millions of bytes long.
LONG = {
    "one word": "a",
    "words": "word and more ",
    "letters": "a ",
    "commas": "a,",
    "lines": "a\n",
    "dots": ". ",
    "digits": "1",
    "apostrophes": "a'",
    "Chinese": "名字",
    "astral": "😀",
    "marks": "e\u0301",
    "braces": '{"',
    "tags": "<",
    "brackets": "[",
    "bars": "1|",
    "tabs": "\t",
}
#: Units that end a sentence, or look as if something were to follow.
RUNS = [" ", "\n", " \n", ". ", '."', "(", "A", "a ", "{", "'", '{"a":']


# JSON, and the values in it

#: What is no value of JSON, inside a document that is.
NO_JSON = {
    "half a surrogate escape": rb'"\ud800 x"',
    "surrogates swapped": rb'"\udc00\ud800"',
    "surrogate as bytes": b'"\xed\xa0\x80"',
    "no UTF-8": b'"\xff"',
    "Latin-1": b'"caf\xe9"',
    "GBK": '"名字"'.encode("gbk"),
    "100,000 levels": b"[" * DEEP + b"]" * DEEP,
    "300 levels": b"[" * 300 + b"]" * 300,
    "a number of 5,000 digits": b"9" * 5000,
    "a key twice": b'{"a": 1, "a": 2}',
}
#: What Python and pandas write where a value is missing: it is read as none.
MISSING = {"NaN": b"NaN", "Infinity": b"[-Infinity]"}
#: What stands in a JSON file that should hold something else.
CONTENTS = ["", "{", "[]", "{}", "null", "5", '"x"', "[" * DEEP, "\0"]
#: Values that take the place of others.
VALUES = {
    "null": None,
    "true": True,
    "minus one": -1,
    "a float": 1.5,
    "a whole float": 1.0,
    "beyond 64 bits": 2**70,
    "beyond 32 bits": 2**40,
    "almost infinite": 1e308,
    "no string": "",
    "a digit": "1",
    "a formula": "=1+1",
    "astral": "\U0001f600\U00020000",
    "NUL": "a\0b",
    "marks": "e\u0301\u0323",
    "no list": [],
    "no object": {},
    "a list of nothing": [None],
    "nested": [[[[]]]],
    "an object": {"text": {"text": 1}},
}


# Texts, labels, names

#: What would steer a terminal or turn the writing round, and half a character.
STEERING = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\b\x7f\u202e\u2066\ud800"
#: Labels that look like something else to YAML, JSON, CSV, HTML, a shell or a spreadsheet.
LABELS = [
    *("null", "true", "NO", "~", "1", "1e5", "0x10", "-", "- a", "2001-01-01", "nan", "None"),
    *("=1+1", "+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "#tag", "a: b", "a#b", "a, b", "[x]", "{x}"),
    *("'", '"', "\\", "a\nb", "a\tb", "%s", "${x}", "$(x)", "`x`", "</script><b>", "&amp;", "a/b"),
    *("人物", "😀", "e\u0301", "é", "\u202eabc", "a\u200bb", "x" * 3000, "(not asked)", "a_b_c"),
    *(".", "#", "a.b", "\x7f", "\0"),
]
#: Texts with a mention in the middle: the mention is what stands between the bars.
TEXTS = [
    "the |😀😀| laughed at noon today",
    "the |𠀀𠀁| stood at the gate of it",
    "a |cafe\u0301| by the old harbour wall",
    "an |e\u0301\u0323\u0302| with three marks on it all",
    "the |👩‍👩‍👧‍👦| family went to the sea today",
    "flags of |🇳🇴🇸🇪| flew above the long pier",
    "the word |שלום| reads from right to left",
    "he said |\u202eolleh\u202c| and nobody understood",
    "a |null\0byte| stands in the middle of it",
    "lines |parted\u2028here| by a separator of lines",
    "the |tab\tbed| word is still a single mention",
    "the |line\nfeed| is kept inside of the mention",
    "the |carriage\rreturn| is kept inside as well",
    "a |ﬁne ﬁsh| with ligatures swam along there",
    "the |\ufeffbom| is in the middle of this text",
    "spaces |of\u3000three\u00a0kinds| are kept as they are",
    "quotes |\"'`| and |x| more words of the text",
    "a |\U0010ffff| is the last character there is",
]
#: Names that a file may have, and the name of a folder with all that shells and paths dislike.
FILES = [
    *("a b", "a'b\"c`d", "a\nb", "a\tb", "名字", "😀", "e\u0301", "-x", "--help", ".hidden", "a;b"),
    *("$(x)", "%s", "*", "?", "[a]", "a\\b", "a#b", "x" * 200, "\u202egpj", "a\x1b[2J", "con", "~"),
]
FOLDER = "out 'a' \"b\"\n名😀"
#: What somebody may look for.
SOUGHT = ["\udcff", "(", "[", "\0", "\x1b[2J", "%s", "名"]
#: What is no id of a dataset.
IDS = [
    *("", " ", ".", "..", "a b", "a'b", 'a"b', "a\nb", "a/b", "../toy", "a,b", "-a", "a\0b"),
    *("\udcff", "/tmp/x", ".x", "a\\b"),
]
#: Paths that lead out of their folder, or are none -> the words of the error.
PATHS = {
    **dict.fromkeys(("../x", "/etc/passwd", "a/../../x", ".."), "leaves"),
    **dict.fromkeys(("a\0b", ""), "is no path"),
    "x" * 300: "File name too long",
}


# Parameters

#: What params.yaml says that no run could mean -> the words of the error.
PARAMETERS = {
    "a misspelled section": ("instruckt: {}", "did you mean 'instruct'?"),
    "a misspelled key": ("instruct: {grouping_: shuffle}", "did you mean 'grouping'?"),
    "a shorter key": ("instruct: {sed: 1}", "did you mean 'seed'?"),
    "a key of another section": ("clean: {top_k: 3}", "unknown key 'top_k'"),
    "a section twice": ("clean: {}\nclean: {}", 'duplicate key "clean"'),
    "a key twice": ("clean:\n  long_text: 1\n  long_text: 2", 'duplicate key "long_text"'),
    "no mapping": ("- 1", "must be a table of keys, not a list"),
    "a string": ("clean", "must be a table of keys, not text"),
    "a section of null": ("clean: null", "must be a table of keys, not nothing"),
    "not closed": ("clean: {", "but found"),
    "a list not closed": ("raw: [", "but found"),
    "tabs": ("clean:\n\tlong_text: 1", "cannot start any token"),
    "NUL": ("\0", "special characters"),
    "UTF-16": ("clean: {}".encode("utf-16"), "not valid UTF-8"),
    "100,000 lists": ("[" * DEEP, "nested too deeply"),
    "100,000 mappings": ("{a: " * DEEP, "nested too deeply"),
    "100,000 dashes": ("- " * DEEP, "nested too deeply"),
    "an alias of itself": ("raw: &a [*a]", "must be text"),
    "a Python object": ("raw: !!python/object/apply:os.system [ls]", "could not determine"),
    "a float as count": ("negatives: {top_k: 1.5}", "must be a whole number, not a number"),
    "true as count": ("clean: {min_characters: true}", "must be a whole number, not true or false"),
    "a share above one": ("instruct: {negative_record_rate: 1.01}", "at most 1"),
    "a share in percent": ("clean: {max_non_letter_share: 80}", "at most 1"),
    "a share of NaN": ("clean: {max_non_letter_share: .nan}", "at least 0"),
    "a share of infinity": ("normalize: {max_reject_rate: .inf}", "at most 1"),
    "a negative share": ("clean: {max_stop_word_share: -0.1}", "at least 0"),
    "no records": ("normalize: {records_per_shard: 0}", "at least 1"),
    "no labels": ("instruct: {labels_per_instruction: {NER: 0}}", "at least 1"),
    "no characters": ("normalize: {window_chars: 0}", "at least 1"),
    "negative characters": ("clean: {min_characters: -1}", "at least 0"),
    "a huge count": ("publish: {rows_per_shard: 99999999999999999999}", "at most"),
    "labels for all eternity": ("instruct: {labels_per_instruction: {NER: 9999999999}}", "at most"),
    "repeated for ever": ("publish: {repeat: {a: .inf}}", "at most"),
    "repeated less than once": ("publish: {repeat: {a: 0.5}}", "at least 1"),
    "no rows": ("publish: {max_rows: {a: 0}}", "at least 1"),
    "a negative weight": ("negatives: {weights: {name: -1}}", "at least 0"),
    "a weight of NaN": ("negatives: {weights: {name: .nan}}", "at least 0"),
    "a similarity of NaN": ("negatives: {min_similarity: .nan}", "at least"),
    "a negative ratio": ("instruct: {pure_negative_ratio: -1}", "at least 0"),
    "labels of no task": ("instruct: {labels_per_instruction: {NER2: 3}}", "did you mean 'NER'?"),
    "conflicts of no split": ("dedupe: {conflicts: {tset: keep}}", "did you mean 'test'?"),
    "no such policy": ("dedupe: {near_duplicates: dorp}", "'dorp' is none of"),
    "no such mending": ("clean: {fix: [everything]}", "'everything' is none of"),
    "a blank folder": ("raw: ' '", "raw: it is blank"),
    "a blank label": ("no_relation_label: ''", "no_relation_label: it is blank"),
}  # fmt: skip
