"""The model file, the classifier in it, and what a network sees of an image."""
