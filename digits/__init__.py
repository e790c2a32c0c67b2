"""What two or more scripts share. Imports no TensorFlow, Keras or scikit-learn."""

import os

# OpenCV reads these when it is imported, which every module below comes before. The
# limit, of 100 megapixels, keeps a picture within 300 MB.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


class UserError(Exception):
    """What the user can mend; its text is one line: what, where, what to do."""
