"""The suite's modules. This one imports no TensorFlow, Keras or scikit-learn."""

import os

__version__ = "1.1.0.dev0"

# With four channels of 16 bits, such a picture takes 400 MB once decoded.
LARGEST_PICTURE = 50_000_000  # pixels
# OpenCV reads these when it is imported, which this comes before.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(LARGEST_PICTURE))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


class UserError(Exception):
    """What the user can mend; its text is one line: what, where, what to do."""


class UsageError(UserError):
    """A command line that cannot be meant."""
