"""The training of the reader of pages."""

import numpy as np
import pytest

from digits import mnist
from digits.experiment.resume import Training
from digits.model.classifier import DIGITS
from digits.model.reader import PRESENCE
from digits.synthesis.page import HEIGHT, WIDTH
from digits.training import reader, reader_score
from marks import Composed, perfect


@pytest.mark.slow
def test_it_learns(drawn_pieces, monkeypatch):
    monkeypatch.setattr(reader, "BATCH", 8)
    course = reader.FROM_SCRATCH._replace(
        epochs=8, learning_rate=0.01, average_decay=0.9
    )
    run = Training()
    model = reader.fit(*drawn_pieces, 0, course, run)
    assert [row["epoch"] for row in run.rows] == list(range(1, 9))
    losses = [row["loss"] for row in run.rows]
    assert losses[7] < losses[1] < losses[0] and losses[7] < 0.6 * losses[0]
    # The averaged weights are kept, and presence tells the cells of marks from others.
    pictures, marks = drawn_pieces
    answers = model(pictures[:40, ..., None], training=False).numpy()
    present = np.stack([perfect(own)[..., PRESENCE] > 0 for own in marks[:40]])
    presence = answers[..., PRESENCE]
    assert presence[present].mean() > presence[~present].mean() + 1


@pytest.mark.slow
def test_same_seed_same_weights(drawn_pieces, monkeypatch):
    monkeypatch.setattr(reader, "BATCH", 8)
    course = reader.FROM_SCRATCH._replace(epochs=1)
    pictures, marks = drawn_pieces[0][:24], drawn_pieces[1][:24]
    first, again, other = (
        reader.fit(pictures, marks, seed, course, Training()) for seed in (3, 3, 4)
    )
    for one, same in zip(first.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), same.numpy())
    kernels = first.trainable_variables[0], other.trainable_variables[0]
    assert (kernels[0].numpy() != kernels[1].numpy()).any()


@pytest.mark.slow
def test_pages_of_held_back_digits_are_scored(monkeypatch):
    """`train` itself, with what takes long replaced."""
    for name, value in {"PIECES": 150, "HELD_OUT": 1}.items():
        monkeypatch.setattr(reader, name, value)
    calls = []
    model = Composed([])

    def fit(pictures, marks, seed, course, run):
        calls.append((pictures, marks, seed, course, run))
        return model

    def score(scored, pictures, marks):
        assert scored is model
        calls.append((pictures, marks))
        return {"digits": int(((marks[..., 0] >= 0) & (marks[..., 0] < 10)).sum())}

    def calibrate(scored, pictures, marks):
        assert scored is model and pictures is calls[-1][0] and marks is calls[-1][1]
        return 1.5, 2.0

    monkeypatch.setattr(reader, "fit", fit)
    monkeypatch.setattr(reader_score, "score", score)
    monkeypatch.setattr(reader_score, "calibrate", calibrate)
    run = Training()
    found, facts, pages = reader.train(mnist.load("sklearn_digits"), 5, run)
    (training, marks, *rest), (held_out, _) = calls
    assert found is model and rest == [5, reader.FROM_SCRATCH, run]
    assert pages is training
    assert facts["score"]["digits"] > len(DIGITS)
    assert facts["temperatures"] == (1.5, 2.0)
    assert training.shape == held_out.shape == (200, HEIGHT, WIDTH)
    assert (training != held_out).any(axis=(1, 2)).all() and (marks[..., 0] >= 0).any()
