"""ONNX Runtime as this suite uses it: on the CPU, silent, with a graph from a file."""

import os
from pathlib import Path

import onnxruntime
from onnxruntime.capi import (
    onnxruntime_pybind11_state as onnxruntime_errors,  # pyright: ignore
)

from digits import UserError
from digits.terminal import pool

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
SILENT = 4  # ONNX Runtime's severity "fatal"
# What ONNX Runtime raises for a damaged graph. UnicodeDecodeError is a ValueError: its
# message may not be UTF-8.
GRAPH_ERRORS = (
    *(
        error
        for error in vars(onnxruntime_errors).values()
        if isinstance(error, type) and issubclass(error, Exception)
    ),
    RuntimeError,
    ValueError,
)


def open_session(
    onnx: bytes, name: str | Path, threads: int = 0
) -> onnxruntime.InferenceSession:
    """Return the session that runs a graph.

    onnx: its bytes; name: what a message calls the model; threads: 0 for one a core.
    Raises UserError where ONNX Runtime cannot run it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or pool.cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    # Waiting threads would take the cores from OpenCV: a tenth of the time to read.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A graph may name files to take weights from: they are sought in no folder.
    options.add_session_config_entry(WEIGHTS_FOLDER, os.devnull)
    try:
        return onnxruntime.InferenceSession(
            onnx,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # which would print to stdout
        )
    except GRAPH_ERRORS as error:
        raise UserError(
            f"{name}: ONNX Runtime cannot run its graph; train or copy it again"
        ) from error
