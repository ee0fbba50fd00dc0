"""The engine room: workers, storage and freshness. Nothing here knows a stage."""
