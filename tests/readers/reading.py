"""Readers as a declaration calls them: by name, with the options of its table `reader`."""

from functools import partial

from pipeline.catalog import reader_options


def reader(name):
    """The function (files, *, language, **options) -> records and rejects of a reader."""
    return partial(reader_options.read, name)
