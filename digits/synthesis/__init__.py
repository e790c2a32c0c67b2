"""Synthetic handwriting on synthetic paper, to train networks on beside MNIST."""
