"""The hard-negative dictionary: which labels are near, by what evidence, and its files."""
