"""Adding a dataset: drafted from files, imported from the unified format, checked."""
