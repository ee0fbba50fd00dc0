"""`iepile completion`: a script that completes commands, options and choices in a shell."""

from pipeline.commands import Arguments


def run(arguments: Arguments) -> int:
    """Print the script."""
    import shtab

    from pipeline.commands import parsing

    print(shtab.complete(parsing.parser(), arguments.shell))
    return 0
