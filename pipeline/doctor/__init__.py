"""`iepile doctor`: whether this installation, this machine and these files can make the corpus."""
