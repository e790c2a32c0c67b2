"""Synthetic handwriting on synthetic paper: what networks are trained on beside MNIST."""
