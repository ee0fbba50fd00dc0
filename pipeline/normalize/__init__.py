"""Stage 1: raw files become checked records with readable labels."""
