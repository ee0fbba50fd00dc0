"""The stages, one file each: normalize, clean, dedupe, negatives, instruct, publish, report."""
