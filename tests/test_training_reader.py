"""The reader of pages: what it should answer, its loss, its score and its training."""

import itertools

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from conftest import assert_close
from digits import mnist
from digits.experiment.resume import Training
from digits.model.classifier import DIGITS
from digits.model.reader import (
    BORDER,
    CLASSES,
    LOG_SIZE,
    MARKS,
    OFFSET,
    OUTPUTS,
    PRESENCE,
    STRIDE,
    TYPICAL,
    Reader,
    bordered,
)
from digits.reading.find import peaks
from digits.synthesis.page import HEIGHT, HIDDEN, SEEN, UNCERTAIN, WIDTH, piece
from digits.synthesis.pages import NOTHING
from digits.synthesis.skeleton import Skeletons
from digits.training import export, reader

DOWN, ACROSS = HEIGHT // STRIDE, WIDTH // STRIDE
SURE = 20.0  # logit
# Two digits whose middles lie in neighbouring cells, and a comma.
CLOSE = [(3, 11, 9, 4, 8), (7, 15.5, 9, 4, 8), (MARKS.index(","), 60, 30, 3, 6)]
EMPTY = (NOTHING,) * 5


def marks_of(*pieces):
    """Return marks (N, M, 5) of a list of marks for each piece, filled up."""
    most = 1 + max(map(len, pieces))
    filled = [[*own, *[EMPTY] * (most - len(own))] for own in pieces]
    return np.array(filled, np.float32)


def perfect(marks):
    """Return the right answers (DOWN, ACROSS, OUTPUTS) for the marks of a piece."""
    answers = np.zeros((DOWN, ACROSS, OUTPUTS), np.float32)
    answers[..., PRESENCE] = -SURE
    certain = [mark for mark in marks if mark[0] >= 0]
    for row, column in np.ndindex(DOWN, ACROSS):
        middle = np.array([column + 0.5, row + 0.5])
        cell = answers[row, column]
        if certain:
            nearest = min(
                certain, key=lambda mark: np.hypot(*(mark[1:3] / STRIDE - middle))
            )
            cell[CLASSES][int(nearest[0])] = SURE
            cell[OFFSET] = nearest[1:3] / STRIDE - middle
            cell[LOG_SIZE] = np.log(nearest[3:5] / TYPICAL)
    for mark in certain:
        answers[int(mark[2] // STRIDE), int(mark[1] // STRIDE), PRESENCE] = SURE
    return answers


def loss(answers, marks):
    """Return the loss of the answers for one piece."""
    return float(reader.loss_of(tf.constant(answers[None]), tf.constant(marks[None])))


@pytest.fixture(scope="module")
def examples(printed_digits):
    """A few dozen pieces: (160, HEIGHT, WIDTH) uint8 and their marks."""
    random = np.random.default_rng(0)
    lines = [Skeletons(images) for images in printed_digits]
    drawn = [piece(lines, random) for _ in range(160)]
    marks = marks_of(*([tuple(mark) for mark in one.marks] for one in drawn))
    return np.stack([one.picture for one in drawn]), marks


@pytest.fixture(scope="module")
def network():
    """An untrained network whose normalisation is that of a trained one."""
    keras.utils.set_random_seed(0)
    model, random = reader.network(), np.random.default_rng(0)
    for variable in model.variables:
        if variable.path.rpartition("/")[2] not in ("kernel", "bias"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


def test_targets_by_loops():
    random = np.random.default_rng(0)
    classes = random.choice([NOTHING, UNCERTAIN, 0, 5, 9, 15], (6, 7, 1))
    places = random.uniform(0, [WIDTH, HEIGHT], (6, 7, 2))
    marks = np.concatenate([classes, places, random.uniform(3, 30, (6, 7, 2))], axis=2)
    rows, columns = np.mgrid[:DOWN, :ACROSS]
    middles = np.stack([columns, rows], axis=-1).astype(np.float32) + 0.5
    found = reader.targets(tf.constant(np.float32(marks)), tf.constant(middles))
    for index, row, column in np.ndindex(6, DOWN, ACROSS):
        certain = [mark for mark in marks[index] if mark[0] >= 0]
        middle = STRIDE * np.array([column + 0.5, row + 0.5])
        distances = [np.hypot(*(mark[1:3] - middle)) / STRIDE for mark in certain]
        at = index, row, column
        if certain:
            assert float(found.distance[at]) == pytest.approx(min(distances), abs=1e-4)
            nearest = certain[int(np.argmin(distances))]
            np.testing.assert_allclose(found.mark[at], nearest, rtol=1e-6)
        else:
            assert float(found.distance[at]) > 100
        cells = [tuple(mark[1:3] // STRIDE) for mark in certain]
        assert bool(found.present[at]) == ((column, row) in cells)
        is_open = [
            (abs(mark[1:3] - middle) < mark[3:5] / 2 + STRIDE / 2).all()
            for mark in marks[index]
            if mark[0] == UNCERTAIN
        ]
        assert bool(found.uncertain[at]) == any(is_open)


@pytest.mark.parametrize("marks", [CLOSE, [], [(0, 0.5, 0.5, 4, 9)]])
def test_the_right_answer_costs_nothing_and_is_read_as_the_marks(marks):
    own = marks_of(marks)[0]
    answers = perfect(own)
    assert loss(answers, own) < 1e-3
    found = peaks(answers, border=0)
    found = found.chosen(found.presence > 0.5)
    read = np.column_stack(
        [
            found.probabilities.argmax(axis=1),
            found.boxes[:, :2] + found.boxes[:, 2:] / 2,
            found.boxes[:, 2:],
        ]
    )
    expected = np.array(sorted(marks), np.float32).reshape(-1, 5)
    np.testing.assert_allclose(read[read[:, 0].argsort()], expected, atol=1e-4)


@pytest.mark.parametrize("output", [PRESENCE, CLASSES, OFFSET, LOG_SIZE])
def test_each_wrong_output_costs(output):
    own = marks_of(CLOSE)[0]
    answers = perfect(own)
    answers[2, 2, output] *= -1
    assert loss(answers, own) > 0.05


def test_the_loss_of_a_blank_answer_by_loops():
    mark = np.array([4, 50, 21, 12, 20.0])
    presence = details = weights = 0.0
    for row, column in np.ndindex(DOWN, ACROSS):
        place = mark[1:3] / STRIDE - [column + 0.5, row + 0.5]
        is_here = (column, row) == (50 // STRIDE, 21 // STRIDE)
        is_near = np.hypot(*place) < reader.NEAR
        if is_here or not is_near:
            presence += np.log(2)
        gaps = abs(place).sum() + abs(np.log(mark[3:5] / TYPICAL)).sum()
        weight = 1 if is_here else reader.NEAR_WEIGHT if is_near else 0
        details += weight * (np.log(len(MARKS)) + reader.SIZE_WEIGHT * gaps)
        weights += weight
    blank = np.zeros((DOWN, ACROSS, OUTPUTS), np.float32)
    expected = presence / 2 + details / (weights + 1)
    assert loss(blank, marks_of([mark])[0]) == pytest.approx(expected, rel=1e-4)


def test_an_uncertain_mark_costs_nothing_either_way():
    own = marks_of([(UNCERTAIN, 42, 22, 16, 16)])[0]
    silent = perfect(own)
    read = silent.copy()
    read[4:7, 9:12] = SURE  # of any class, place and size
    assert loss(silent, own) < 1e-3
    assert loss(read, own) < 1e-3
    read[5, 20, PRESENCE] = SURE  # beyond it
    assert loss(read, own) > 1


def dots(middles):
    """Return pictures (N, HEIGHT, WIDTH, 1) of a bright disc, 10 pixels wide, each."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x, y = middles[..., None, None].swapaxes(0, 1)
    inside = np.clip(5.5 - np.hypot(columns - x, rows - y), 0, 1)
    return np.float32(128 + 120 * inside[..., None])


def dot_of(picture):
    """Return x, y of the middle, width and height of the disc on a picture (H, W)."""
    paper, bright = np.median(picture), np.median(np.sort(picture, axis=None)[-40:])
    y, x = np.nonzero(picture > (paper + bright) / 2)
    return x.mean() + 0.5, y.mean() + 0.5, np.ptp(x) + 1, np.ptp(y) + 1


def test_moved_marks_lie_where_a_drawn_dot_lies():
    middles = np.random.default_rng(0).uniform([30, 14], [82, 26], (100, 2))
    marks = marks_of(*([(8, *middle, 10, 10)] for middle in middles))
    pixels, seed = tf.constant(dots(middles)), tf.constant([0, 1])
    found, new = (t.numpy() for t in reader.moved(pixels, tf.constant(marks), seed))
    assert found.shape == pixels.shape
    assert found.min() >= 0 and found.max() <= 255
    assert (new[:, 0, 0] == 8).all() and (new[:, 1, 0] == NOTHING).all()
    seen = np.array([dot_of(picture) for picture in found[..., 0]])
    gaps = new[:, 0, 1:] - seen
    assert abs(gaps[:, :2]).max() < 0.4 and abs(gaps[:, 2:]).max() < 2
    assert abs(gaps[:, :2].mean(axis=0)).max() < 0.05  # not half a pixel beside it
    assert np.hypot(*(new[:, 0, 1:3] - middles).T).max() > 4
    assert np.ptp(new[:, 0, 3]) > 2


def test_a_mark_that_leaves_the_piece_becomes_uncertain_or_nothing():
    random = np.random.default_rng(0)
    corners = random.uniform([-4, 5], [4, 35], (200, 2))
    marks = marks_of(*([(5, *at, 12, 12), (UNCERTAIN, *at, 12, 12)] for at in corners))
    blank = tf.zeros((200, HEIGHT, WIDTH, 1))
    _, new = reader.moved(blank, tf.constant(marks), tf.constant([0, 2]))
    classes = set()
    for certain, uncertain, _ in new.numpy():
        low, high = certain[1:3] - certain[3:] / 2, certain[1:3] + certain[3:] / 2
        shown = np.clip(high, 0, [WIDTH, HEIGHT]) - np.clip(low, 0, [WIDTH, HEIGHT])
        share = np.prod(shown / certain[3:])
        if min(abs(share - SEEN), abs(share - HIDDEN)) < 1e-3:
            continue
        is_gone = share < HIDDEN
        expected = NOTHING if is_gone else 5 if share >= SEEN else UNCERTAIN
        assert certain[0] == expected
        assert uncertain[0] == (NOTHING if is_gone else UNCERTAIN)
        classes.add(expected)
    assert classes == {5, UNCERTAIN, NOTHING}


def test_the_seed_alone_decides_how_pieces_are_moved(examples):
    pictures, marks = examples
    pixels = tf.constant(np.float32(pictures[:8, ..., None]))
    first, again, other = (
        reader.moved(pixels, tf.constant(marks[:8]), tf.constant([0, seed]))
        for seed in (1, 1, 2)
    )
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one.numpy() != different.numpy()).any()


def surroundings(cells):
    """Return the mean of the cells around each, as far as there are some."""
    half = reader.WINDOW // 2
    means = np.empty_like(cells)
    for row, column in np.ndindex(cells.shape):
        around = [slice(max(0, at - half), at + half + 1) for at in (row, column)]
        means[row, column] = cells[tuple(around)].mean()
    return means


def test_local_contrast_against_numpy(examples):
    pixels = examples[0][0].astype(np.float64)
    cells = pixels.reshape(DOWN, STRIDE, ACROSS, STRIDE)
    mean = surroundings(cells.mean(axis=(1, 3)))
    squares = surroundings((cells**2).mean(axis=(1, 3)))
    deviation = np.sqrt(surroundings(np.maximum(squares - mean**2, 0)))
    mean, deviation = (np.kron(a, np.ones((STRIDE, STRIDE))) for a in (mean, deviation))
    expected = (pixels - mean) / (deviation + reader.LEAST_CONTRAST)
    found = reader.LocalContrast()(np.float32(pixels[None, ..., None]))
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=2e-3)


def test_layers_that_change_the_size():
    places = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    found = reader.Doubled()(places)
    np.testing.assert_array_equal(found, places.repeat(2, axis=1).repeat(2, axis=2))
    found = reader.SpaceToDepth()(places[..., :1])
    assert found.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(found[1, 1, 2], places[1, 2:, 4:, 0].ravel())


@pytest.mark.parametrize("shape", [(1, 40, 112, 1), (2, 72, 48, 1)])
def test_the_graph_agrees_with_the_model(shape, network):
    session = onnxruntime.InferenceSession(export.reader_to_onnx(network))
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
    expected = network(pixels, training=False).numpy()
    assert found.shape == (shape[0], shape[1] // 4, shape[2] // 4, OUTPUTS)
    assert_close(found, expected)


def test_the_reader_takes_the_graph(network, examples):
    picture = examples[0][0][:33, :77]
    found = Reader(export.reader_to_onnx(network)).answers(picture)
    pixels = bordered(picture)[None, ..., None].astype(np.float32)
    assert pixels.shape[1] >= 33 + 2 * BORDER
    assert_close(found, network(pixels, training=False)[0])


def test_the_graph_is_plain(network):
    """Each normalisation is part of a convolution, and nothing else takes long."""
    graph = onnx.load_from_string(export.reader_to_onnx(network)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == 23 and kinds.count("Resize") == 3
    assert not {"BatchNormalization", "Tile", "Pow", "Loop", "If"} & set(kinds)
    assert kinds.count("Transpose") <= 2


class Composed:
    """Answers for a piece what `perfect` gives for the marks that it should read."""

    def __init__(self, *pieces):
        self.answers = [perfect(own) for own in marks_of(*pieces)]

    def __call__(self, pixels, training):
        assert not training
        return tf.stack([self.answers[number] for number in pixels[:, 0, 0, 0]])


def test_score(monkeypatch):
    monkeypatch.setattr(reader, "BATCH", 4)
    comma = MARKS.index(",")
    first, second = (1, 20, 20, 10, 20), (2, 50, 20, 10, 20)
    there_and_read = [
        ([first, second], [first, second]),
        ([first, second], [first, (3, 50, 20, 10, 20)]),  # another digit
        ([first, second], [first, (2, 70, 20, 10, 20)]),  # elsewhere: one is made up
        ([first], [(1, 23, 24, 12, 18)]),  # near enough
        ([first, (UNCERTAIN, 80, 20, 10, 20)], [first, (4, 82, 20, 10, 20)]),
        ([first, (comma, 50, 30, 4, 8)], [first, (comma, 90, 30, 4, 8)]),  # no digit
        ([(comma, 50, 30, 4, 8)], [(6, 50, 30, 4, 8)]),  # made up
        ([first], []),
        ([], []),
    ]
    there, read = zip(*there_and_read, strict=True)
    pictures = np.zeros((len(there), HEIGHT, WIDTH), np.uint8)
    pictures += np.arange(len(there), dtype=np.uint8)[:, None, None]
    found = reader.score(Composed(*read), pictures, marks_of(*there))
    assert found == {
        "digits": 10,
        "found": 8 / 10,
        "right": 7 / 10,
        "made_up": 2 / 10,
    }


def test_what_marks_show(monkeypatch):
    """Each shows the mark whose middle is near, whether or not it is read as such."""
    monkeypatch.setattr(reader, "BATCH", 2)
    comma = MARKS.index(",")
    there = [
        [(1, 20, 20, 10, 20), (comma, 50, 30, 4, 8)],
        [(UNCERTAIN, 80, 20, 10, 20)],
        [],
    ]
    read = [
        [(2, 22, 20, 10, 20), (7, 51, 31, 4, 8), (3, 90, 20, 10, 20)],
        [(4, 82, 20, 10, 20), (5, 30, 20, 10, 20)],
        [(6, 60, 20, 10, 20)],
    ]
    pictures = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    pictures += np.arange(3, dtype=np.uint8)[:, None, None]
    found, shown = reader.read_marks(Composed(*read), pictures, marks_of(*there))
    pairs = sorted(zip(found.labels.tolist(), shown.tolist(), strict=True))
    assert pairs == [
        (2, 1),
        (3, NOTHING),
        (4, UNCERTAIN),
        (5, NOTHING),
        (6, NOTHING),
        (7, comma),
    ]


class Overconfident:
    """Its last layer passes answers on, three at a place, whose logits are too large.

    A mark is there with the probability that presence / 3 is the logit of, and is of a
    class with those that the logits of the classes, halved, stand for.
    """

    def __init__(self, count):
        random = np.random.default_rng(0)
        self.answers = np.zeros((count, DOWN, ACROSS, OUTPUTS), np.float32)
        self.answers[..., PRESENCE] = -30
        marks = [[] for _ in range(count)]
        for index, column in itertools.product(range(count), (4, 13, 22)):
            presence = random.uniform(-2, 2)
            logits = random.normal(0, 2, len(MARKS))
            cell = self.answers[index, 5, column]
            cell[PRESENCE], cell[CLASSES] = 3 * presence, 2 * logits
            cell[LOG_SIZE] = np.log(np.array([12, 18]) / TYPICAL)
            if random.random() < 1 / (1 + np.exp(-presence)):
                shares = np.exp(logits) / np.exp(logits).sum()
                label = random.choice(len(MARKS), p=shares)
                marks[index].append((label, 4 * column + 2, 22, 12, 18))
        self.marks = marks_of(*marks)
        dense = keras.layers.Dense(OUTPUTS)
        dense.build((None, OUTPUTS))
        dense.set_weights([np.eye(OUTPUTS), np.full(OUTPUTS, 0.0)])
        self.layers = [dense]

    def __call__(self, pixels, training):
        assert not training
        return self.layers[-1](self.answers[np.asarray(pixels[:, 0, 0, 0], int)])


def test_calibration_undoes_what_is_too_sure():
    model = Overconfident(1000)
    pictures = np.zeros((1000, HEIGHT, WIDTH), np.uint16)
    pictures += np.arange(1000, dtype=np.uint16)[:, None, None]
    temperatures = reader.calibrate(model, pictures, model.marks)
    np.testing.assert_allclose(temperatures, (3, 2), rtol=0.1)
    kernel, bias = model.layers[-1].get_weights()
    factors = np.ones(OUTPUTS)
    factors[PRESENCE], factors[CLASSES] = np.reciprocal(temperatures)
    np.testing.assert_allclose(kernel, np.diag(factors), rtol=1e-6)
    assert not bias.any()
    # What is calibrated needs no other temperature.
    again = reader.calibrate(model, pictures, model.marks)
    np.testing.assert_allclose(again, (1, 1), rtol=0.1)


def test_two_digits_are_not_both_found_by_one_answer():
    """The answer counts for one of them."""
    two = [(1, 20, 20, 10, 20), (1, 23, 20, 10, 20)]
    pictures = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    found = reader.score(Composed([(1, 21, 20, 10, 20)]), pictures, marks_of(two))
    assert found["found"] == found["right"] == 1 / 2 and found["made_up"] == 0


@pytest.mark.slow
def test_it_learns(examples, monkeypatch):
    monkeypatch.setattr(reader, "BATCH", 8)
    course = reader.FROM_SCRATCH._replace(
        epochs=8, learning_rate=0.01, average_decay=0.9
    )
    run = Training()
    model = reader.fit(*examples, 0, course, run)
    assert [row["epoch"] for row in run.rows] == list(range(1, 9))
    losses = [row["loss"] for row in run.rows]
    assert losses[7] < losses[1] < losses[0] and losses[7] < 0.6 * losses[0]
    # The averaged weights are kept, and presence tells the cells of marks from others.
    pictures, marks = examples
    answers = model(pictures[:40, ..., None], training=False).numpy()
    present = np.stack([perfect(own)[..., PRESENCE] > 0 for own in marks[:40]])
    presence = answers[..., PRESENCE]
    assert presence[present].mean() > presence[~present].mean() + 1


@pytest.mark.slow
def test_same_seed_same_weights(examples, monkeypatch):
    monkeypatch.setattr(reader, "BATCH", 8)
    course = reader.FROM_SCRATCH._replace(epochs=1)
    pictures, marks = examples[0][:24], examples[1][:24]
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
    monkeypatch.setattr(reader, "score", score)
    monkeypatch.setattr(reader, "calibrate", calibrate)
    run = Training()
    found, facts, pages = reader.train(mnist.load("sklearn_digits"), 5, run)
    (training, marks, *rest), (held_out, _) = calls
    assert found is model and rest == [5, reader.FROM_SCRATCH, run]
    assert pages is training
    assert facts["score"]["digits"] > len(DIGITS)
    assert facts["temperatures"] == (1.5, 2.0)
    assert training.shape == held_out.shape == (200, HEIGHT, WIDTH)
    assert (training != held_out).any(axis=(1, 2)).all() and (marks[..., 0] >= 0).any()


def test_the_distance_is_least_where_answers_are_the_same():
    """And it counts only the presence where nothing is present."""
    random = np.random.default_rng(0)
    answers = perfect(marks_of(CLOSE)[0])[None] / 4  # not quite sure
    same = float(reader.distance(answers, answers))
    for part in (PRESENCE, CLASSES, OFFSET, LOG_SIZE):
        other = answers.copy()
        other[..., part] += random.normal(0, 1, other[..., part].shape)
        assert float(reader.distance(other, answers)) > same
    blank = np.full_like(answers, 0.0)
    blank[..., PRESENCE] = -SURE
    other = blank + random.normal(0, 1, blank.shape).astype(np.float32)
    other[..., PRESENCE] = -SURE
    assert float(reader.distance(other, blank)) == pytest.approx(0, abs=1e-4)
