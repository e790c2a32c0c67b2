from conftest import ROOT
from digits import parallel, reading

IMAGES = ROOT / "assets" / "images"
WEIGHTS = ROOT / "assets" / "weights" / "digits.hdf5"


def test_processes_read_as_one_does(shipped):
    paths = [*sorted(map(str, IMAGES.iterdir())), "gone.png"] * 5
    alone = list(reading.read_pictures(paths, shipped, 0.5))
    together = list(parallel.read_pictures(paths, WEIGHTS, 0.5))
    assert [each.file for each in together] == paths
    for one, other in zip(alone, together, strict=True):
        assert other.picture is None
        assert one.rows == other.rows and one.error == other.error
