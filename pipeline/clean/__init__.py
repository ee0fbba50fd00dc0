"""Stage 2: the three cleaning rules, and what is odd about annotations."""
