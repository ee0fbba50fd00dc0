"""The datasets that have raw files, and some of them normalized, cleaned and deduped."""

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.commands.layout import Workspace
from pipeline.config import Settings
from tests.helpers import make


def made(raw, out, names, **settings):
    """Normalize, clean and dedupe some datasets."""
    ws = Workspace(Settings(**settings), raw, out)
    make("normalize", names, ws)
    make("clean", names, ws)
    make("dedupe", names, ws)
    return ws


def present(raw, manifests=None):
    """The datasets that have raw files."""
    found = []
    for name in catalog.ids():
        folder, manifest = raw_files.edition(catalog.load(name), raw, manifests)
        files = [folder / f.path for s in manifest.splits.values() for f in s.files]
        if files and all(path.exists() for path in files):
            found.append(name)
    return found
