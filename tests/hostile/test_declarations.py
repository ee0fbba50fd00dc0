"""Declarations, manifests, parameters and options of readers that no run could mean."""

import msgspec
import pytest
import tomlkit

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.catalog import reader_options as options
from pipeline.errors import DeclarationError
from tests import promises
from tests.helpers import DECLARATION as GOOD
from tests.helpers import each, make
from tests.hostile.toys import lay_out, ner, span_rows
from tests.inputs import DEEP, IDS, PARAMETERS, PATHS

HEAD = "[labels.entity]"
#: What takes the place of what in a good declaration -> what must be said.
DECLARATIONS = {
    "coverage of a task of another dataset": ((HEAD, f"[coverage]\nRE = 'pair'\n{HEAD}"), "not declared"),
    "coverage of a kind there is not": ((HEAD, f"[coverage]\nNER = 'most'\n{HEAD}"), "'most'"),
    "pairs of entities": ((HEAD, f"[coverage]\nNER = 'pair'\n{HEAD}"), "cannot be 'pair'"),
    "implied by no relation": ((HEAD, f"[implied]\nperson = ['person']\n{HEAD}"), "no relation"),
    "a misspelled field": (("title =", "titel ="), "did you mean 'title'?"),
    "a misspelled table": ((HEAD, "[lables.entity]"), "did you mean 'labels'?"),
    "a misspelled kind": ((HEAD, "[labels.entitty]"), "did you mean 'entity'?"),
    "a misspelled reader": (('"columns"', '"colunms"'), "did you mean 'columns'?"),
    "a misspelled option": (('"columns"', '"columns", shceme = "IO"'), "did you mean 'scheme'?"),
    "a misspelled split": ((HEAD, f"[splits.tain]\nfiles = []\n{HEAD}"), "did you mean 'train'?"),
    "a misspelled count": (
        (HEAD, f"[splits.dev]\nfiles = []\ncounts = {{ entites = 1 }}\n{HEAD}"),
        "did you mean 'entities'?",
    ),
    "a key twice": (("title =", 'title = "a"\ntitle ='), "overwrite"),
    "a table twice": ((HEAD, f"{HEAD}\nX = 'x'\n{HEAD}"), "declare"),
    "no title": (('title = "Toy"\n', ""), "the key 'title' is missing"),
    "no labels": ((f"{HEAD}\nPER = 'person'", ""), "labels"),
    "a blank title": (('title = "Toy"', 'title = " "'), "title: it is blank"),
    "a blank source": (('source = "Toy"', 'source = "\\n"'), "source: it is blank"),
    "no task": (('["NER"]', "[]"), "no task"),
    "a task twice": (('["NER"]', '["NER", "NER"]'), "a task stands twice"),
    "a task in small letters": (('["NER"]', '["ner"]'), "'ner' is none of"),
    "tasks as a string": (('["NER"]', '"NER"'), "a list"),
    "a number as title": (('title = "Toy"', "title = 5"), "must be text, not a whole number"),
    "a date as title": (('title = "Toy"', "title = 2001-01-01"), "must be text"),
    "a boolean as label": (('"person"', "true"), "not true or false"),
    "a number as label": (('"person"', "5"), "not a whole number"),
    "a label of blanks": (('"person"', '"\\t"'), "labels.entity: it is blank"),
    "a raw label of blanks": (("PER", '" "'), "labels.entity: it is blank"),
    "a reader that is no table": (('{ name = "columns" }', '"columns"'), "must be a table"),
    "a reader without name": (('{ name = "columns" }', "{}"), "there is no reader None"),
    "a reader of another type": (('"columns"', "[1]"), "there is no reader [1]"),
    "a private module as reader": (('"columns"', '"_source"'), "there is no reader '_source'"),
    "a path as reader": (('"columns"', '"../clean/stage"'), "there is no reader"),
    "a language as it is called": (('"en"', '"English"'), "'English' is not a language code"),
    "files that are strings": ((HEAD, f"[splits.dev]\nfiles = ['a']\n{HEAD}"), "must be a table"),
    "a negative count": (
        (HEAD, f"[splits.dev]\nfiles = []\ncounts = {{ records = -1 }}\n{HEAD}"),
        "every value must be at least 0",
    ),
    "a count that is a float": (
        (HEAD, f"[splits.dev]\nfiles = []\ncounts = {{ records = 1.0 }}\n{HEAD}"),
        "must be a whole number, not a number",
    ),
    "a count that is true": (
        (HEAD, f"[splits.dev]\nfiles = []\ncounts = {{ records = true }}\n{HEAD}"),
        "must be a whole number, not true or false",
    ),
    "shares of no split": ((HEAD, f"[split_by_hash]\ntain = 1\n{HEAD}"), "did you mean 'train'?"),
    "shares of nothing": ((HEAD, f"[split_by_hash]\ntrain = 0\n{HEAD}"), "every value must be at least 1"),
    "negative shares": ((HEAD, f"[split_by_hash]\ntrain = -5\ndev = 5\n{HEAD}"), "every value must be at least 1"),
    "a policy of no split": ((HEAD, f"[conflicts]\nvalid = 'drop'\n{HEAD}"), "'valid' is none of dev, test, train"),
    "no such policy": ((HEAD, f"[conflicts]\ntrain = 'dorp'\n{HEAD}"), "'dorp' is none of"),
    "a role of no event": ((HEAD, f"[roles]\nbuy = ['x']\n{HEAD}"), "no such event label"),
    "a signature of no relation": ((HEAD, f"[signatures]\nx = [['a', 'b']]\n{HEAD}"), "no such"),
    "a signature of one": ((HEAD, f"[signatures]\nx = [['a']]\n{HEAD}"), "a list of 2, not of 1"),
    "signatures that are written alike": (
        (
            f'["NER"]\nreader = {{ name = "columns" }}\n{HEAD}',
            (
                '["SPO"]\nreader = { name = "spo_json" }\n[labels]\nrelation = ["b", "b_c"]\n'
                f'[signatures]\nb = [["a", "c_d"]]\nb_c = [["a", "d"]]\n{HEAD}'
            ),
        ),
        "several signatures are written ['a_b_c_d']",
    ),
    "no TOML": (("title =", "title: "), "Expected '='"),
    "100,000 levels": (('title = "Toy"', "title = " + "[" * DEEP), "nested too deeply"),
    "a string that is not closed": (('"Toy"', '"Toy'), "Illegal character"),
    "an integer of 5,000 digits": (('title = "Toy"', f"title = {'9' * 5000}"), "digits"),
}  # fmt: skip


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_declaration_that_says_the_impossible(case, tmp_path):
    change, words = DECLARATIONS[case]
    changed = GOOD.replace(*change, 1)
    assert changed != GOOD or case == "no labels"
    if case == "no labels":
        changed = GOOD.partition(HEAD)[0]
    (tmp_path / "toy.toml").write_text(changed, encoding="utf-8")

    with promises.refused(words, DeclarationError, tmp_path / "toy.toml"):
        catalog.load("toy", tmp_path)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:20])
@pytest.mark.parametrize(
    "table",
    ["files = [{{ path = {} }}]", "files = []\ndocuments = {}"],
    ids=["a file", "a list of documents"],
)
def test_a_path_that_leads_out_of_its_folder(table, path, tmp_path):
    split = f"[splits.dev]\n{table.format(tomlkit.string(path).as_string())}\n"
    (tmp_path / "toy.toml").write_text(GOOD.replace(HEAD, f"{split}{HEAD}", 1), encoding="utf-8")

    with promises.refused(PATHS[path]):
        catalog.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD.encode("utf-16"), "not valid UTF-8"),
        (GOOD.replace("Toy", "Caf\xe9").encode("latin-1"), "not valid UTF-8"),
        (GOOD.replace("Toy", "名").encode("gbk"), "not valid UTF-8"),
        (b"", "is missing"),
        (b"\0", "Invalid"),
    ],
)
def test_a_declaration_of_other_bytes(content, words, tmp_path):
    (tmp_path / "toy.toml").write_bytes(content)

    with pytest.raises(DeclarationError, match=words):
        catalog.load("toy", tmp_path)


def test_a_byte_order_mark_and_crlf_say_nothing(tmp_path):
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    (tmp_path / "toy.toml").write_bytes(content)

    assert catalog.load("toy", tmp_path).names("entity") == {"PER": "person"}


@pytest.mark.parametrize("name", IDS)
def test_an_id_that_is_none(name, tmp_path):
    (tmp_path / "toy.toml").write_text(GOOD, encoding="utf-8")

    with pytest.raises(DeclarationError, match="is no id of a dataset"):
        catalog.load(name, tmp_path)


@pytest.mark.parametrize(("name", "meant"), [("tooy", "toy"), ("Toy", "toy"), ("toy2", "toy")])
def test_an_id_that_is_near_one(name, meant, tmp_path):
    (tmp_path / "toy.toml").write_text(GOOD, encoding="utf-8")

    with pytest.raises(DeclarationError, match=f"did you mean '{meant}'"):
        catalog.load(name, tmp_path)


@pytest.mark.parametrize("made", ["folder", "loop", "nothing"])
def test_a_declaration_that_is_no_file(made, tmp_path):
    path = tmp_path / "toy.toml"
    if made == "folder":
        path.mkdir()
    elif made == "loop":
        path.symlink_to(path)

    with pytest.raises(DeclarationError, match="there is no dataset 'toy'"):
        catalog.load("toy", tmp_path)


def options_of_readers():
    """(reader, option) of all readers."""
    for reader in options.readers():
        with pytest.raises(DeclarationError) as caught:
            options.bound({"name": reader, "no-such-option": 1}, "en", "toy.toml")
        offered = caught.value.todo.removeprefix("its options are: ")
        yield from ((reader, option) for option in offered.split(", ") if option != "none")


@pytest.mark.parametrize("value", [-1.5, {"a": {"b": 1}}, [1], [["x"]], float("nan")])
def test_an_option_of_another_type(value):
    def refused(reader, option):
        with promises.refused(f"reader {reader}: {option}", DeclarationError):
            options.bound({"name": reader, option: value}, "en", "toy.toml")

    # A list of numbers is one of paths, or of columns.
    lists = ("text", "layers") if value == [1] else ()
    tried = [case for case in options_of_readers() if case[1] not in lists]
    assert len(tried) > 900
    each(tried, refused)


MANIFESTS = {
    "no TOML": ("splits = [", "Invalid value"),
    "empty": ("", "the key 'splits' is missing"),
    "no split": ("[splits]", "needs splits"),
    "a split of no name": ("[splits.valid]\nfiles = []", "there is no split 'valid'"),
    "a misspelled field": ("[splits.train]\nfile = []", "did you mean 'files'?"),
    "a hash of another type": (
        "[splits.train]\nfiles = [{ path = 'a', sha256 = 5 }]",
        "must be text or nothing",
    ),
    "UTF-16": ("[splits.train]\nfiles = []".encode("utf-16"), "not valid UTF-8"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_that_says_the_impossible(case, tmp_path):
    content, words = MANIFESTS[case]
    ws = lay_out(tmp_path, {"toy": ner(["person"], {"train": b"x"})})
    path = ws.raw / "toy" / "manifest.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with promises.refused(words, DeclarationError, path):
        raw_files.edition(ws.dataset("toy"), ws.raw)


#: Raw files that are something else than files -> what must be said.
def folder(path):
    path.unlink()
    path.mkdir()


def link(target):
    def change(path):
        path.unlink()
        path.symlink_to(target or path)

    return change


RAW = {
    "gone": (lambda path: path.unlink(), "this raw file is missing"),
    "empty": (lambda path: path.write_bytes(b""), "this raw file is empty"),
    "a folder": (folder, "no file in this folder ends in .json"),
    "a link to itself": (link(None), "this raw file is missing"),
    "a link to nothing": (link("nowhere"), "this raw file is missing"),
    "a link to a folder": (link("."), "no file in this folder ends in .json"),
    "a name of 300 letters": (None, "cannot read: File name too long"),
    "another hash": (None, "sha256 is"),
    "other counts": (None, "declared 7, found 1"),
    "a list of documents that is missing": (None, "cannot read the list of documents"),
}


@pytest.mark.parametrize("case", RAW)
def test_a_raw_file_that_is_something_else(case, tmp_path):
    change, words = RAW[case]
    ws = lay_out(tmp_path, {"toy": ner(["person"], {"train": span_rows(("Ada is here", []))})})
    manifest = ws.raw / "toy" / "manifest.toml"
    more = {
        "a name of 300 letters": f'files = [{{ path = "{"x" * 300}" }}]',
        "another hash": f'files = [{{ path = "train.json", sha256 = "{"0" * 64}" }}]',
        "other counts": 'files = [{ path = "train.json" }]\ncounts = { records = 7 }',
        "a list of documents that is missing": 'files = [{ path = "train.json" }]\ndocuments = "no.txt"',
    }
    if change:
        change(ws.raw / "toy" / "train.json")
    else:
        manifest.write_text(f"[splits.train]\n{more[case]}\n")

    with promises.refused(words):
        make("normalize", ["toy"], ws)

    assert not (ws.out / "normalize" / "toy").exists()


def test_a_link_in_the_place_of_an_output_to_what_is_not_ours_is_not_followed(tmp_path):
    ws = lay_out(tmp_path, {"toy": ner(["person"], {"train": span_rows(("Ada is here", []))})})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (ws.out / "normalize").mkdir(parents=True)
    target = ws.out / "normalize" / "toy"
    target.symlink_to(elsewhere)

    make("normalize", ["toy"], ws)

    assert not target.is_symlink()
    assert sorted(p.name for p in target.parent.iterdir()) == ["toy"]
    assert [p.name for p in elsewhere.iterdir()] == ["precious"]


@pytest.mark.parametrize("case", PARAMETERS)
def test_parameters_that_no_run_could_mean(case, tmp_path):
    content, words = PARAMETERS[case]
    path = tmp_path / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with promises.refused(words, DeclarationError, path):
        config.load(path)


def test_parameters_that_say_nothing_are_the_defaults(tmp_path):
    path = tmp_path / "params.yaml"
    for content in (b"", b"# nothing\r\n", b"\xef\xbb\xbf", b"---\n"):
        path.write_bytes(content)
        assert config.load(path) == config.Settings()


@pytest.mark.parametrize(
    ("section", "key", "named"),
    [
        ("dedupe", "conflicts", {"train": "merge"}),
        ("negatives", "weights", {"contexts": 0.0}),
        ("instruct", "labels_per_instruction", {"RE": 3}),
    ],
)
def test_a_dictionary_keeps_the_defaults_of_the_keys_that_it_does_not_name(
    tmp_path, section, key, named
):
    path = tmp_path / "params.yaml"
    path.write_text(msgspec.json.encode({section: {key: named}}).decode())

    default = getattr(getattr(config.Settings(), section), key)
    assert getattr(getattr(config.load(path), section), key) == {**default, **named}
    assert len(default) > len(named)


def test_any_seed_is_one(tmp_path):
    path = tmp_path / "params.yaml"
    for seed in (-1, 2**64, 10**40):
        path.write_text(f"instruct: {{seed: {seed}}}")
        assert config.load(path).instruct.seed == seed
