"""ONNX Runtime as this suite uses it: on the CPU, silent, with a graph from a file."""

import functools
import os
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import (
    onnxruntime_pybind11_state as onnxruntime_errors,  # pyright: ignore
)

from digits import UserError
from digits.model import graph
from digits.terminal import pool

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
MOST_MEMORY = 1 << 30  # bytes; a picture of 2,000x2,000 pixels takes less than half
# Of the processor's time that a run may take, and more for each pixel. Ours take less
# than 1 µs a pixel.
MOST_SECONDS, SECONDS_A_PIXEL = 2.0, 20e-6
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


@functools.cache
def _limit_memory():
    """Let all sessions of this process take MOST_MEMORY at most."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    limit = onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY})
    onnxruntime.create_and_register_allocator(memory, limit)


def open_session(
    onnx: bytes, name: str | Path, threads: int = 0
) -> onnxruntime.InferenceSession:
    """Return the session that runs a graph.

    onnx: its bytes; name: what a message calls the model; threads: 0 for one a core.
    Raises UserError where it is none that digits.model.graph lets pass, and where ONNX
    Runtime cannot run it.
    """
    try:
        graph.check(onnx)
    except ValueError as error:
        raise UserError(
            f"{name}: its graph cannot be run: {error}; train or copy it again"
        ) from error
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or pool.cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    # Waiting threads would take the cores from OpenCV: a tenth of the time to read.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A graph may name files to take weights from: they are sought in no folder.
    options.add_session_config_entry(WEIGHTS_FOLDER, os.devnull)
    try:
        return onnxruntime.InferenceSession(
            onnx,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # which would print to stdout
            # What is computed while a graph is opened could not be stopped.
            disabled_optimizers=["ConstantFolding"],
        )
    except GRAPH_ERRORS as error:
        raise UserError(
            f"{name}: its graph cannot be run; train or copy it again"
        ) from error


def run(
    session: onnxruntime.InferenceSession, pixels: np.ndarray, name: str | Path
) -> np.ndarray:
    """Return the first output of a graph, whose only input are pixels (…) float32.

    name: what a message calls the model. Raises UserError where the graph takes too
    long, and one of GRAPH_ERRORS or IndexError where it cannot be run. A single
    operator is not interrupted.
    """
    options, has_ended = onnxruntime.RunOptions(), threading.Event()
    seconds = MOST_SECONDS + SECONDS_A_PIXEL * pixels.size
    watch = threading.Thread(
        target=_stop, args=(options, has_ended, seconds), daemon=True
    )
    watch.start()
    try:
        inputs = {session.get_inputs()[0].name: pixels}
        return np.asarray(session.run(None, inputs, options)[0])
    except GRAPH_ERRORS as error:
        if options.terminate:
            raise UserError(f"{name}: its graph takes too long") from error
        raise
    finally:
        has_ended.set()


def _stop(options, has_ended, seconds):
    """Stop a run that has taken so many seconds of the processor's time.

    By the clock, a run would be stopped that only waited, as after Ctrl-Z.
    """
    end = time.process_time() + seconds
    while not has_ended.wait(max(0.1, end - time.process_time())):
        if time.process_time() >= end:
            options.terminate = True
            return
