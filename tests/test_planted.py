"""A planted corpus: every rule at its threshold and a step either side, duplicates, conflicts,
leaks across datasets, near-duplicates. What goes, and why, is written beside each text.
"""

from functools import partial

import pytest

from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe
from pipeline.dedupe import tags as kept
from pipeline.dedupe.stage import dedupe
from pipeline.execution import engines, shards
from pipeline.records import Mention, Record
from pipeline.tables import to_table
from tests.conftest import ROOT
from tests.dedupe.test_dedupe import dataset

STOP_WORDS = ROOT / "pipeline" / "clean" / "stop_words"
FOG = "The ferry to Harrow Point left an hour late because of the fog over the bay"
DEAL = "Velmora sold Kestrel to a buyer whose name was told to nobody at all that day"
PORT = "雾港的渡轮因为海湾上的大雾晚开了一个小时，乘客们在码头上等着船长的消息"
RAIN = "Rain in Ostrava stopped the match between the two teams after nine minutes"
LETTERS, STOPS, SHORT = "mostly_non_letters", "mostly_stop_words", "too_short"
TWICE, CONFLICT, LEAK, NEAR = (
    "duplicate",
    "conflicting_duplicate",
    "train_text_in_test",
    "near_duplicate",
)

#: Dataset -> split -> (text, labeled words, reason, detail or partner); a number in `detail` is
#: that of a record of the same split.
PLANTED = {
    "english": {
        "train": [
            ("abc123456789", "", None, None),  # 9 of 12: 75 %
            ("ab12345678", "", None, None),  # 8 of 10: 80 %
            ("abc1234567890123", "", LETTERS, "13 of 16 characters are not letters"),  # 81 %
            ("Oslo", "", SHORT, "4 characters"),
            ("Bergn", "", None, None),
            ("Rome", "Rome:place", None, None),
            ("it is what rains", "", None, None),  # 3 of 4: 75 %
            ("it is what it rains", "", None, None),  # 4 of 5: 80 %
            ("it is what it is and rains", "", STOPS, "6 of 7 words are stop words"),
            (FOG, "Harrow Point:place", None, None),
            (FOG, "Harrow Point:place", TWICE, 9),
            (FOG.replace(" left", "  left"), "Harrow Point:place", TWICE, 9),
            ("Ada met Ben in the old town", "Ada:person", CONFLICT, 13),
            ("Ada met Ben in the old town", "Ben:person", CONFLICT, 12),
            ("Ada met Ben in the old town", "Ada:person", CONFLICT, 13),
            (FOG.replace("ferry", "Ferry") + "!", "Harrow Point:place", NEAR, 9),
            (FOG.replace("hour", "week") + " for all the people of the town", "", None, None),
            (DEAL, "Velmora:place", LEAK, "held/test/0"),
            ("He said: " + RAIN, "", NEAR, "english/test/1"),
            ("caf\u00e9 au lait in Lyon", "Lyon:place", None, None),
            ("cafe\u0301 au lait in Lyon", "Lyon:place", TWICE, 19),
        ],
        "dev": [
            (FOG, "Harrow Point:place", None, None),  # train texts may stand in dev
            ("Cal met Dan in the new town", "Cal:person", None, None),
            ("Cal met Dan in the new town", "Dan:person", None, None),  # conflicts stay in dev
            ("Cal met Dan in the new town", "Dan:person", TWICE, 2),
            (RAIN, "", LEAK, "english/test/1"),
        ],
        "test": [
            ("Nothing of this stands anywhere else in here", "", None, None),
            (RAIN, "Ostrava:place", None, None),
            (RAIN + ".", "Ostrava:place", NEAR, 1),
            ("1, 2, 3, 4 and 5", "", None, None),  # 5 digits, 4 commas, 3 letters: 75 %
            ("1, 2, 3, 4, 5, 6 x", "", LETTERS, "11 of 12 characters are not letters"),
        ],
    },
    "held": {
        "test": [
            (DEAL, "Kestrel:place", None, None),
            ("船长说明天没有雾，渡轮会准时开。", "", None, None),
        ],
    },
    "merging": {
        "train": [
            ("Eva met Fay in Rome", "Eva:person", None, None),
            ("Eva  met Fay in Rome", "Fay:person", "merged_duplicate", 0),
            (FOG, "Harrow Point:place", None, None),  # train texts may stand in other train splits
        ],
    },
    "zh": {
        "train": [
            ("好一二1234567", "", None, None),  # 7 of 10
            ("好一1２３４５６7８", "", None, None),  # 8 of 10
            ("好1２３４５６", "", LETTERS, "6 of 7 characters are not letters"),
            ("雾港很美", "", SHORT, "4 characters"),
            ("雾港真美丽", "", None, None),
            ("雾港", "雾港:place", None, None),
            ("我们的是雨。", "", None, None),  # 3 of 4
            ("我们的是在雨。", "", None, None),  # 4 of 5
            ("我们的是在和雨。", "", STOPS, "5 of 6 words are stop words"),
            (PORT, "", None, None),
            (PORT, "", TWICE, 9),
            (PORT.replace("一个", "两个") + "。", "", NEAR, 9),
            ("船长说明天没有雾，渡轮会准时开。", "", LEAK, "held/test/1"),
            ("カナダの한국 팀이 中国队", "", None, None),
            ("１２：３０～４５％😀", "", LETTERS, "10 of 10 characters are not letters"),
        ],
    },
}
DATASETS = [
    dataset("english"),
    dataset("held", use="held-out"),
    dataset("merging", conflicts={"train": "merge"}),
    dataset("zh"),
]


def lay(folder, per_shard):
    for name, splits in PLANTED.items():
        for split, rows in splits.items():
            for number, start in enumerate(range(0, len(rows), per_shard)):
                part = rows[start : start + per_shard]
                records, ids = [], []
                for n, (text, named, _, _) in enumerate(part, start):
                    word, _, label = named.partition(":")
                    at = text.index(word)
                    mentions = [Mention(word, at, at + len(word), label)] if word else []
                    records.append(Record(text, f"planted:{n}", mentions))
                    ids.append(f"{name}/{split}/{n}")
                language = "zh" if name == "zh" else "en"
                table = to_table(records, ids, dataset=name, split=split, language=language)
                shards.write(table, folder / name / f"{split}-{number:05d}.parquet")


def one(name, folder):
    clean([dataset(name)], folder / "normalize", Clean(), STOP_WORDS, folder / "clean")


def solved(folder, workers, per_shard):
    lay(folder / "normalize", per_shard)
    for _ in engines.run(partial(one, folder=folder), [*PLANTED], workers):
        pass
    settings = Dedupe(near_duplicates="drop")
    dedupe(DATASETS, folder / "clean", settings, folder / "dedupe", workers)
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return solved(tmp_path_factory.mktemp("planted"), 1, 1000)


def expected():
    for name, splits in PLANTED.items():
        for split, rows in splits.items():
            for n, (_, _, reason, detail) in enumerate(rows):
                told = f"{name}/{split}/{detail}" if isinstance(detail, int) else detail
                yield f"{name}/{split}/{n}", (reason, told)


def tagged(folder):
    for name in PLANTED:
        for _, path in shards.record_shards(folder / "clean" / name):
            yield from kept.tagged(path, folder / "dedupe" / name).to_pylist()


def test_everything_goes_as_planned(planted):
    found = {
        row["id"]: (row["dropped"], row["drop_partner"] or row["drop_detail"])
        for row in tagged(planted)
    }

    assert found == dict(expected())


def test_merged_annotations_are_all_there(planted):
    path = planted / "clean" / "merging" / "train-00000.parquet"
    first = kept.kept(path, planted / "dedupe" / "merging").to_pylist()[0]

    assert [(m["text"], m["start"]) for m in first["mentions"]] == [("Eva", 0), ("Fay", 8)]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_workers_give_the_same_bytes(planted, tmp_path):
    again = solved(tmp_path, 2, 1000)

    assert contents(planted / "clean") == contents(again / "clean")
    assert contents(planted / "dedupe") == contents(again / "dedupe")


@pytest.mark.parametrize("per_shard", [1, 4])
def test_other_shards_give_the_same_drops(planted, tmp_path, per_shard):
    again = solved(tmp_path, 1, per_shard)

    one, other = ([*tagged(folder)] for folder in (planted, again))
    assert one == other
    near = ["dedupe", "near_duplicates.json"]
    assert planted.joinpath(*near).read_bytes() == again.joinpath(*near).read_bytes()
