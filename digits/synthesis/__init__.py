"""Made-up handwriting on made-up paper: what networks are trained on beside MNIST."""
