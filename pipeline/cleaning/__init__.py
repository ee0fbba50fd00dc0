"""Which records go and why: the three rules, odd annotations, nearly equal texts."""
