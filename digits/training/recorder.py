"""What Keras's fit tells of each epoch, kept in a results.History."""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import keras

from digits.experiment.results import History


class Recorder(keras.callbacks.Callback):
    """Adds each epoch of fit to a history, and may stop the training.

    cycles: epochs of fit in one pass over the data; target_accuracy: of the validation
    images, in per cent; at it the training stops.
    """

    def __init__(
        self, history: History, cycles: int = 1, target_accuracy: float | None = None
    ):
        super().__init__()
        self.history, self.cycles = history, cycles
        self.target_accuracy = target_accuracy

    def on_epoch_end(self, epoch, logs=None):
        """Add a row; called by Keras."""
        training = logs["loss"], logs["accuracy"]
        validation = logs["val_loss"], logs["val_accuracy"]
        passes = (epoch + 1) / self.cycles if self.cycles > 1 else epoch + 1
        self.history.add(passes, training, validation)
        if self.target_accuracy is not None:
            # Rounded, since Keras's accuracy is float32.
            percent = round(100 * logs["val_accuracy"], 3)
            self.model.stop_training = percent >= self.target_accuracy
