"""Muon for Keras, with one cycle of the learning rate."""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import keras
from keras import ops


class KernelMuon(keras.optimizers.Muon):
    """Keras's Muon, which also takes the kernels of convolutions as matrices.

    Its own takes matrices only and leaves kernels to AdamW. Here a kernel is a matrix
    with a column for each filter, and AdamW changes all else.
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4

    def zeropower_via_newtonschulz5(self, x, steps):
        """Return an update (K, K, channels, filters) made orthogonal and sized."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        size = 0.2 * max(matrix.shape) ** 0.5  # as Keras's lr_adjust does for matrices
        update = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.reshape(size * update, x.shape)


def muon(
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    weight_decay: float,
    average_decay: float,
    ns_steps: int,
) -> KernelMuon:
    """Return Muon for convolutions and AdamW for the rest, with averaged weights.

    weight_decay: of kernels; average_decay: of the averaged weights, per step;
    ns_steps: Newton-Schulz steps, as Keras's Muon takes them.
    """
    optimizer = KernelMuon(
        learning_rate,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        rms_rate=None,  # KernelMuon sizes the update itself
        ns_steps=ns_steps,
        use_ema=True,
        ema_momentum=average_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly to its peak and falls with a cosine.

    steps: of a cycle, after which the next begins; warm_up: share of the steps in which
    it rises. The rate is 0 before a cycle's first step and after its last one, so that
    every step learns.
    """

    def __init__(self, peak: float, steps: int, warm_up: float):
        self.peak, self.steps, self.warm_up = peak, steps, warm_up

    def __call__(self, step):
        """Return the rate at a step that is counted from 0."""
        number = ops.cast(step % self.steps, "float32") + 1
        progress = number / (self.steps + 1)
        fall = (progress - self.warm_up) / (1 - self.warm_up)
        cosine = 0.5 + 0.5 * ops.cos(3.141592653589793 * fall)
        return self.peak * ops.minimum(progress / self.warm_up, cosine)
