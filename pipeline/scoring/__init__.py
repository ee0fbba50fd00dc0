"""Score predictions: span-based micro-F1 per task, dataset and label, with its interval."""
