"""What two or more scripts share. Imports no TensorFlow, Keras or scikit-learn."""

import os

__version__ = "1.0.0"

# OpenCV reads these when it is imported, which this comes before. The largest picture,
# of 50 megapixels with four channels of 16 bits, takes 400 MB once decoded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "50000000")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


class UserError(Exception):
    """What the user can mend; its text is one line: what, where, what to do."""


class UsageError(UserError):
    """A command line that cannot be meant."""
