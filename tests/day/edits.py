"""What somebody changes in a day: datasets, labels, parameters, raw files. And what goes wrong.

Every operation takes the world and changes its inputs. What fails must fail in words and leave all
that the stages wrote as it was.
"""

from __future__ import annotations

import re
import shutil

import tomlkit
import yaml

from tests.conftest import ROOT
from tests.day.world import write_params
from tests.inputs import PARAMETERS

_NAMES = ("Ada Quill", "Tom Hale", "Lena Okafor", "Mira Stone", "Juno Park", "Ira Vance")
_PLACES = ("Velmora", "Harrow Point", "Dunmere", "Osk", "East Calder", "Split")
_WORDS = ["the", "ferry", "left", "an", "hour", "late", "and", "nobody", "knew", "why", "it", "was"]
#: Parameter -> the values that a day tries, the default among them.
PARAMS = {
    "instruct.seed": (0, 1, 7),
    "instruct.labels_per_instruction.NER": (2, 3, 6, 50),
    "instruct.grouping": ("confusable", "round_robin", "shuffle", "contrast"),
    "instruct.negative_record_rate": (1.0, 0.5, 0.0),
    "instruct.pure_negative_ratio": (1.5, 3, None),
    "instruct.ways": (64, 1, 3),
    "instruct.remainder": ("fill", "reference"),
    "instruct.budget": (None, 40, 200),
    "instruct.conflicts": ("keep", "qualify"),
    "instruct.role_values": ("published", "list", "string"),
    "clean.max_non_letter_share": (0.8, 0.3),
    "clean.min_characters": (5, 30),
    "clean.fix": ([], ["span_with_two_labels", "mention_not_in_text"]),
    "clean.long_text": (5000, 40),
    "dedupe.near_duplicates": ("report", "drop", "ignore"),
    "dedupe.overlap": ("report", "drop", "ignore"),
    "dedupe.across_datasets": (True, False),
    "dedupe.conflicts.train": ("drop", "first", "merge", "keep"),
    "negatives.top_k": (6, 1),
    "negatives.symmetric": (False, True),
    "normalize.records_per_shard": (20000, 3),
    "normalize.repair": (True, False),
    "normalize.joined_fragments": ("keep", "omit"),
    "normalize.window_chars": (None, 60),
    "no_relation_label": (None, "no such relation"),
    "publish.rows_per_shard": (200000, 7),
    "publish.bytes_per_shard": (None, 4000),
}


def change_a_parameter(world):
    key = world.rng.choice([*PARAMS])
    set_parameter(world, key, world.rng.choice(PARAMS[key]))


def set_parameter(world, key, value):
    params = world.params
    *path, last = key.split(".")
    section = params
    for name in path:
        section = section[name]
    section[last] = value
    write_params(world.here, params)
    world.history.append(f"params {key} = {value}")


def cap_or_repeat(world):
    name = world.rng.choice(world.listed)
    key, value = world.rng.choice([("max_rows", 5), ("repeat", 2.0), ("repeat", 1.5)])
    params = world.params
    params["publish"][key] = {name: value} if world.rng.random() < 0.7 else {}
    write_params(world.here, params)
    world.history.append(f"params publish.{key} = {params['publish'][key]}")


def new_dataset(world):
    """`iepile new` drafts one of a file in columns."""
    world.number += 1
    name, inbox = f"mine-{world.number}", world.folder / "inbox"
    inbox.mkdir(exist_ok=True)
    files = []
    for split, n in (("train", 14), ("test", 4)):
        path = inbox / f"{name}-{split}.tsv"
        path.write_text("\n".join(_sentence(world.rng) for _ in range(n)), encoding="utf-8")
        files += ["--split", f"{split}={path}"]
    before = world.listed
    world.iepile("new", name, "--reader", "columns", *files)
    assert sorted(world.listed) == sorted([*before, name]), "other datasets were listed or left out"
    world.iepile("check", name)
    world.iepile("check", name, "--raw", "raw/full")


def _sentence(rng, known=("PER", "LOC")):
    """One sentence in IOB2 columns, with a person or a place or neither, if these are known."""
    words = [(w, "O") for w in rng.sample(_WORDS, rng.randint(4, 9))]
    for names, label in ((_NAMES, "PER"), (_PLACES, "LOC")):
        if rng.random() < 0.7 and label in known:
            first, *rest = rng.choice(names).split()
            entity = [(first, f"B-{label}"), *((w, f"I-{label}") for w in rest)]
            at = rng.choice([n for n, (_, tag) in enumerate(words) if not tag.startswith("I-")])
            words[at:at] = entity
    return "".join(f"{word}\t{tag}\n" for word, tag in words)


def declare_by_hand(world):
    """A TOML file, a raw folder with a manifest and a line of params.yaml."""
    world.number += 1
    name = f"hand-{world.number}"
    title = f'title = "By hand"\nsource = "Hand{world.number}"\nlicense = "CC0"\nlanguage = "en"\n'
    labels = '[labels.entity]\nPER = "person"\nLOC = "place"\n'
    reader = '[reader]\nname = "columns"\nscheme = "IOB2"\n'
    text = f'{title}domain = "ferries"\ntasks = ["NER"]\n\n{reader}\n{labels}'
    (world.here / f"pipeline/catalog/{name}.toml").write_text(text, encoding="utf-8")
    folder = world.raw / name
    folder.mkdir(parents=True)
    (folder / "a b.tsv").write_text("\n".join(_sentence(world.rng) for _ in range(9)), "utf-8")
    manifest = '[splits.train]\nfiles = [{ path = "a b.tsv" }]\ncounts = { records = 9 }\n'
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    params = world.params
    params["datasets"].append(name)
    write_params(world.here, params)
    world.history.append(f"declare {name} by hand")


def edit_a_label_in_raw_files(world):
    """One annotation gets another label, in a format of columns."""
    name, path, lines = _columns(world)
    if not name:
        return
    tags = sorted({line.rsplit("\t", 1)[1] for line in lines if "\tB-" in line})
    at = world.rng.choice(_alone(lines))
    lines[at] = f"{lines[at].rpartition(chr(9))[0]}\t{world.rng.choice(tags)}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    world.history.append(f"{name}: line {at + 1} of {path.name} is now {lines[at]!r}")


def _alone(lines):
    """The lines of entities of one word."""
    after = [*lines[1:], ""]
    return [n for n, line in enumerate(lines) if "\tB-" in line and "\tI-" not in after[n]]


def _columns(world):
    """A dataset in columns, its train file, and the lines of that."""
    able = [n for n in world.ready() if world.declaration(n)["reader"]["name"] == "columns"]
    able = [n for n in able if "sha256" not in world.manifest(n)["train"]["files"][0]]
    if not able:
        return None, None, []
    name = world.rng.choice(able)
    path = world.raw / name / world.manifest(name)["train"]["files"][0]["path"]
    return name, path, path.read_text(encoding="utf-8").splitlines()


def add_a_row_and_forget_the_manifest(world):
    """The counts of the edition are enforced: an error first, then the manifest is corrected."""
    name, path, lines = _columns(world)
    if not name or not (world.raw / name / "manifest.toml").is_file():
        return
    added = _sentence(world.rng, world.declaration(name)["labels"]["entity"])
    path.write_text("\n".join([*lines, "", added]) + "\n", encoding="utf-8")
    manifest = world.raw / name / "manifest.toml"
    content = tomlkit.parse(manifest.read_text(encoding="utf-8"))
    if not {*content["splits"]["train"]["counts"]} - {"rejects"}:
        return
    with world.untouched():
        done = world.iepile("normalize", name, code=1)
    assert f"{name}/train" in done.err, done.err
    counts = content["splits"]["train"]["counts"]
    counts["records"] += 1
    for key in [k for k in counts if k != "records"]:
        del counts[key]
    manifest.write_text(tomlkit.dumps(content), encoding="utf-8")
    world.history.append(f"{name}: a row and its count were added")


def use_an_unknown_label(world):
    """A label that nobody declared is one error that names it; then the file is put right."""
    name, path, lines = _columns(world)
    if not name:
        return
    text = path.read_text(encoding="utf-8")
    at = _alone(lines)[0]
    lines[at] = lines[at].rpartition("\t")[0] + "\tB-dragon"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with world.untouched():
        for command in (["normalize", name], ["run", name, "--workers", 1]):
            assert "dragon" in world.iepile(*command, code=1).err
    path.write_text(text, encoding="utf-8")


def rename_a_label(world):
    """The readable name of a label in a TOML file."""
    able = [n for n in world.ready() if isinstance(_entity(world, n), dict)]
    name = world.rng.choice(able)
    path = world.here / "pipeline" / "catalog" / f"{name}.toml"
    content = tomlkit.parse(path.read_text(encoding="utf-8"))
    raw = world.rng.choice([*content["labels"]["entity"]])
    world.number += 1
    content["labels"]["entity"][raw] = f"{content['labels']['entity'][raw]} {world.number}"
    path.write_text(tomlkit.dumps(content), encoding="utf-8")
    overrides = world.here / "dictionaries" / "overrides.toml"
    overrides.write_text(overrides.read_text("utf-8").split("\n[[link]]")[0], encoding="utf-8")
    world.history.append(f"{name}: {raw} is asked as {content['labels']['entity'][raw]!r}")


def _entity(world, name):
    return world.declaration(name)["labels"].get("entity")


def list_other_datasets(world):
    params = world.params
    able = [n for n in world.listed if n in world.ready()]
    if len(able) > 3 and world.rng.random() < 0.6:
        params["datasets"].remove(world.rng.choice(able))
    else:
        for path in sorted((world.here / "pipeline/catalog").glob("*.toml")):
            if (world.raw / path.stem).is_dir() and path.stem not in params["datasets"]:
                params["datasets"].append(path.stem)
    _forget_shares(params)
    write_params(world.here, params)
    world.history.append(f"list {', '.join(params['datasets'])}")


def _forget_shares(params):
    """Caps and repeats of datasets that are listed no more are an error, as they should be."""
    for key in ("max_rows", "repeat"):
        own = params["publish"][key]
        params["publish"][key] = {n: v for n, v in own.items() if n in params["datasets"]}


def remove_raw_files(world):
    """Then the stage says so, and `iepile run` leaves the dataset out and says that."""
    able = world.ready()
    if len(able) < 4:
        return
    name = world.rng.choice(able)
    params = world.params
    for key in ("max_rows", "repeat"):
        params["publish"][key].pop(name, None)
    write_params(world.here, params)
    place = world.folder / "attic" / world.params["raw"].replace("/", "-") / name
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(world.raw / name, place)
    world.attic[name] = place
    world.history.append(f"remove the raw files of {name}")
    with world.untouched():
        done = world.iepile("normalize", name, code=1)
        assert "missing" in done.err or "no raw files" in done.err
        assert name in done.err
        world.iepile("check", name, code=1)


def put_raw_files_back(world):
    if not world.attic:
        return
    name = world.rng.choice(sorted(world.attic))
    place = world.attic.pop(name)
    target = world.here / place.parent.name.replace("-", "/") / name
    if target.exists():
        return
    shutil.move(place, target)
    world.history.append(f"put the raw files of {name} back")


def remove_a_declaration(world):
    """A listed dataset without its TOML is an error before anything is written; it comes back."""
    name = world.rng.choice(world.ready())
    path = world.here / "pipeline" / "catalog" / f"{name}.toml"
    text = path.read_bytes()
    path.unlink()
    with world.untouched():
        for command in (["normalize"], ["clean"], ["dedupe"], ["negatives"], ["publish"]):
            done = world.iepile(*command, code=1)
            assert f"there is no dataset '{name}'" in done.err
        world.iepile("run", *world.listed, code=1)
    path.write_bytes(text)


def override_a_link(world):
    """An entry of dictionaries/overrides.toml: first with a label that is none, then rightly."""
    able = [n for n in world.ready() if "NER" in world.declaration(n)["tasks"]]
    name = world.rng.choice(able)
    names = _entity(world, name)
    labels = sorted({*(names.values() if isinstance(names, dict) else names)})
    if len(labels) < 2:
        return
    one, other = world.rng.sample(labels, 2)
    path = world.here / "dictionaries" / "overrides.toml"
    text = path.read_text(encoding="utf-8")
    link = '\n[[link]]\ndataset = "{}"\ntask = "NER"\nlabel = "{}"\nadd = ["{}"]\nreason = "hand"\n'
    path.write_text(link.format(name, one, "nothing such"), encoding="utf-8")
    with world.untouched():
        done = world.iepile("run", *world.listed, code=1)
    assert "nothing such" in done.err
    path.write_text(text.split("\n[[link]]")[0] + link.format(name, one, other), encoding="utf-8")
    world.history.append(f"override: {name} {one} -> {other}")


def write_nonsense_into_the_parameters(world):
    """Every command refuses it; nothing is touched."""
    path = world.here / "params.yaml"
    text = path.read_text(encoding="utf-8")
    wrong = [case for case in PARAMETERS.values() if re.match(r"[a-z]+: ", str(case[0]))]
    own, word = world.rng.choice([*wrong, ("publish: {max_rows: {wnut2018: 5}}", "wnut2018")])
    section = own.partition(":")[0]
    params, names = {k: v for k, v in world.params.items() if k != section}, world.listed
    path.write_text(yaml.safe_dump(params) + own + "\n", encoding="utf-8")
    with world.untouched():
        done = world.iepile("run", "--workers", 1, *names, code=1)
    assert word in done.err, done.err
    path.write_text(text, encoding="utf-8")


def switch_the_edition(world):
    """`iepile use` lists what is there; an edition of nothing is refused."""
    full = world.here / "raw" / "full"
    other = "full" if world.params["raw"] == "raw/sample" else "sample"
    if other == "full" and not any(full.glob("*/*")):
        before = world.params
        assert "fetch" in world.iepile("use", "full", code=1).err
        assert world.params == before
        return
    params = world.params
    for key in ("max_rows", "repeat"):
        params["publish"][key] = {}
    write_params(world.here, params)
    world.iepile("use", other)
    there = sorted(p.name for p in world.raw.iterdir() if p.is_dir() and p.name[0] != ".")
    assert world.listed == there


def fetch_from_a_mirror(world):
    """A dataset declared with hashes comes from a mirror, and not if a byte is wrong."""
    import hashlib

    world.number += 1
    name, mirror = f"far-{world.number}", world.folder / "mirror"
    source = ROOT / "raw" / "sample" / "harveyner" / "tweets.train.bio"
    (mirror / name).mkdir(parents=True)
    path = mirror / name / source.name
    path.write_bytes(source.read_bytes() + b"\n")
    text = (ROOT / "pipeline/catalog/harveyner.toml").read_text(encoding="utf-8")
    text = text.split("[splits.train]")[0].replace('"HarveyNER"', f'"Far{world.number}"')
    sha = hashlib.sha256(source.read_bytes()).hexdigest()
    text += f'[splits.train]\ncounts = {{ records = 18 }}\nfiles = [{{ path = "{source.name}", '
    text += f'sha256 = "{sha}" }}]\n'
    (world.here / "pipeline/catalog" / f"{name}.toml").write_text(text, encoding="utf-8")
    with world.untouched():
        done = world.iepile("fetch", name, "--mirror", mirror, code=1)
        assert "sha256" in done.err + done.out, done
        assert not (world.here / "raw/full" / name / source.name).exists()
        path.write_bytes(source.read_bytes())
        world.iepile("fetch", name, "--mirror", mirror)
        world.iepile("check", name, "--raw", "raw/full")
    world.history.append(f"fetch {name} from a mirror")
