"""Stage 7: what became of every record: figures, examples, the leak probe, the audit page."""
