"""The runs of training scripts: flags, results, checkpoints and resuming."""
