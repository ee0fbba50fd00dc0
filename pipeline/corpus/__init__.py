"""From records to the rows of the corpus: label batches, instructions, lengths, the card."""
