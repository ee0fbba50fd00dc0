"""Turn raw information-extraction datasets into a schema-based instruction corpus."""
