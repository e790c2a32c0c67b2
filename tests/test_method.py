import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.neighbors import KNeighborsClassifier

from baselines import knn, svm
from baselines.method import LEAST_PROBABILITY, scores
from baselines.runner import Reader
from digits import mnist


def test_raw_inputs_are_pixels():
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 0, 3] = 51
    inputs = knn.METHOD.inputs_of(images, raw=True)
    assert inputs.shape == (2, 784) and inputs.dtype == np.float32
    expected = np.zeros((2, 784), np.float32)
    expected[1, 3] = 0.2
    np.testing.assert_array_equal(inputs, expected)


def test_scores_of_probabilities_are_finite_logarithms():
    inputs = np.eye(10, dtype=np.float32)
    classifier = KNeighborsClassifier(1).fit(inputs, np.arange(10))
    found = scores(classifier, inputs)
    assert found.dtype == np.float32
    smoothed = np.eye(10) + LEAST_PROBABILITY
    expected = smoothed / smoothed[0].sum()
    np.testing.assert_allclose(softmax(found, axis=1), expected, rtol=1e-5)


def test_a_reader_gives_calibrated_probabilities():
    dataset = mnist.load("sklearn_digits")
    images, labels = dataset.train_images[:300], dataset.train_labels[:300]
    for method in (knn.METHOD, svm.METHOD):
        classifier = method.build(False, 0).fit(method.inputs_of(images, False), labels)
        reader = Reader(method, classifier, raw=False)
        probabilities = reader.probabilities(dataset.test_images[:50])
        assert probabilities.shape == (50, 11) and probabilities.dtype == np.float32
        assert not probabilities[:, 10].any()
        inputs = method.inputs_of(dataset.test_images[:50], False)
        expected = log_softmax(scores(classifier, inputs) / method.temperature, axis=1)
        np.testing.assert_allclose(
            probabilities[:, :10], np.exp(expected), atol=1e-6, err_msg=method.name
        )
    assert reader.probabilities(np.empty((0, 28, 28))).shape == (0, 11)
