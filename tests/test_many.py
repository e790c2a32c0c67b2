import numpy as np
import pytest

from conftest import ROOT
from digits.model import model_file
from digits.reading import many, pipeline

IMAGES = ROOT / "assets" / "images"


@pytest.mark.slow
@pytest.mark.parametrize(("threshold", "single"), [(0.5, False), (0.995, True)])
def test_processes_read_as_one_does(shipped, monkeypatch, threshold, single):
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 8)  # several chunks
    paths = [*sorted(map(str, IMAGES.iterdir())), "gone.png"] * 2
    alone = list(pipeline.read_pictures(paths, shipped, threshold, single))
    together = list(many.read_pictures(paths, model_file.SHIPPED, threshold, single))
    assert [reading.file for reading in together] == paths
    for one, other in zip(alone, together, strict=True):
        assert other.picture is None
        assert (one.rows, one.error, one.scale) == (
            other.rows,
            other.error,
            other.scale,
        )
        for digit, expected in zip(other.digits, one.digits, strict=True):
            assert (digit.box, digit.row) == (expected.box, expected.row)
            np.testing.assert_allclose(
                digit.probabilities, expected.probabilities, atol=1e-5
            )
