"""Stage 4: the hard-negative dictionary: which labels are near, and on what evidence."""
