"""Ask a model behind an OpenAI-compatible endpoint for the answers to rows of the corpus."""
