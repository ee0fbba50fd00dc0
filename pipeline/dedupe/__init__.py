"""Stage 3: equal and nearly equal texts."""
