"""Stage 6: the corpus: Parquet shards, shares, lengths, the card."""
