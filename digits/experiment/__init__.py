"""Flags that training scripts and baselines share, and what they report."""
