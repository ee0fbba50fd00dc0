"""`python -m pipeline` is `iepile`, with the code of the folder that it is called in."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
