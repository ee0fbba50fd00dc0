"""How work is done and what is stale; nothing here knows any stage."""
