"""Readers: one module per raw format. Each has one function `read`.

    def read(files: Sequence[Path], *, language: str, <options>) -> Iterator[Record | Reject]

It gets the files of one split in declared order and yields records in source order, with labels in
their raw spelling and exact offsets wherever the source allows. It maps no labels, cleans nothing
and logs nothing. A piece that cannot be read becomes a `Reject` that says why and how many records
and annotations go with it; only a file that is wrong as a whole raises `RawFileError`.
"""
