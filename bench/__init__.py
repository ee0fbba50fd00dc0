"""What the pipeline costs: `python -m bench`, or `make bench`; results are in RESULTS.md."""
