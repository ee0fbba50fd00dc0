"""Is the construction of instructions worth it? Heads over a frozen encoder, trained arm by arm."""
