"""Stage 5: from records to instructions: sets of labels, batches, rows."""
