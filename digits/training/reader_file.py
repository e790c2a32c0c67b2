"""Train the reader of pages and put it beside the digit networks of a model file."""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from digits import UserError, mnist
from digits.experiment import results
from digits.experiment.resume import Run
from digits.model import model_file
from digits.model.reader import Reader
from digits.terminal import files
from digits.training import (
    device,
    export,
    network_file,
    quantise,
    reader,
    reader_network,
)
from digits.training.network_file import SCRIPT

OBSERVED = 200  # pieces of pages on which the ranges of activations are observed


def train(
    args: argparse.Namespace, summary: dict[str, Any], folder: Path, run: Run
) -> None:
    """Train a reader as tf_cnn.py's flags say, score it, save it, write its results.

    summary: as results.new_summary returns it; folder: for results, which go to its
    folder reader, so that those of digit networks stay. Raises UserError, before it
    trains, where --start is no file that tf_cnn.py saved.
    """
    folder = folder / "reader"
    files.make_folder(folder)
    start = start_of(args)
    networks = read_networks(start)
    if args.save_model:
        # It may have no reader yet.
        files.check_space(args.save_weights, 4 * start.stat().st_size)
    dataset = mnist.load(args.dataset, args.data_dir)
    summary["device"] = device.choose()
    model, facts, pages = reader.train(dataset, args.seed, run)
    print(score_text(facts["score"]), flush=True)
    training = {
        "seed": args.seed,
        "pieces": reader.PIECES,
        "epochs": reader.FROM_SCRATCH.epochs,
    }
    summary = summary | training | facts
    summary |= results.circumstances(dataset, run.start)
    results.write_rows(folder / "history.csv", run.rows)
    files.write_json(folder / "results.json", summary)
    if args.save_model:
        save(args.save_weights, networks, graphs_of(model, pages), summary)


def start_of(args: argparse.Namespace) -> Path:
    """Return the path that --start names, that of the shipped file without it."""
    return Path(model_file.SHIPPED if args.start is None else args.start)


def read_networks(path: str | Path) -> dict[str, Any]:
    """Return what model_file.save takes to write the networks of a file again.

    Raises UserError if tf_cnn.py did not save the file.
    """
    graph, attributes = model_file.read(path)
    if attributes.get("script") != SCRIPT:
        raise UserError(f"{path}: {SCRIPT} did not save it; --start needs such a file")
    with model_file.open_hdf5(path) as file:
        quick = model_file.read_bytes(file, model_file.QUICK)
    return {
        "onnx": graph,
        "attributes": attributes,
        "variables": model_file.read_variables(path),
        "quick": quick,
    }


def graphs_of(model: keras.Model, pictures: np.ndarray) -> dict[str, bytes]:
    """Return a network's graphs, float32 and quantised, as model_file.save takes them.

    pictures: pieces of pages, (N, H, W) uint8; the first OBSERVED give the ranges of
    the activations.
    """
    graph = export.reader_to_onnx(model)
    quantised = quantise.quantised(graph, pictures[:OBSERVED])
    return {"reader": quantised, "float_reader": graph}


def restore(path: str | Path) -> keras.Model:
    """Return the trained network whose graph is the float32 reader of a model file.

    Raises UserError where it has none, or that of another network.
    """
    with model_file.open_hdf5(path) as file:
        content = model_file.read_bytes(file, model_file.FLOAT_READER)
    if not content:
        raise UserError(f"{path}: has no reader of pages to learn on")
    Reader(content, path).answers(np.zeros((8, 8), np.uint8))  # it is sound
    model = reader_network.network(normalised=False)
    free = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    try:
        graph = onnx.load_from_string(content).graph
        arrays = {a.name: onnx.numpy_helper.to_array(a) for a in graph.initializer}
        for node in graph.node:
            if node.op_type == "Conv":
                kernel, bias = (arrays[name] for name in node.input[1:])
                kernel = kernel.transpose(2, 3, 1, 0)
                # Convolutions of one shape have the same order in graph and model.
                layer = next(one for one in free if one.kernel.shape == kernel.shape)  # pyright: ignore
                layer.set_weights([kernel, bias])
                free.remove(layer)
        if free:
            raise ValueError(f"no kernel for {free[0].name}")
    except (KeyError, ValueError, StopIteration) as error:
        raise UserError(f"{path}: its reader is of an earlier {SCRIPT}") from error
    return model


def save(
    path: str | Path,
    networks: dict[str, Any],
    graphs: dict[str, bytes],
    summary: dict[str, Any],
) -> None:
    """Write a model file of networks and a reader, and print how to use it.

    networks: as read_networks returns them; graphs: the reader's, as graphs_of returns
    them; summary: what made it.
    """
    attributes = networks["attributes"] | {"reader": summary}
    parts = networks | graphs | {"attributes": attributes}
    network_file.write(path, summary, **parts)


def score_text(score: dict[str, float]) -> str:
    """Return a score, as digits.training.reader_score does, in one line."""
    right, found, made_up = (
        f"{100 * score[name]:.1f} %" for name in ("right", "found", "made_up")
    )
    return (
        f"Reader: {right} of {score['digits']:,} digits on held-out pages found and "
        f"read right, {found} found; {made_up} as many made up"
    )
