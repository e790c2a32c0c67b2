import cv2
import numpy as np

from benchmarks import draw_images
from conftest import ROOT


def test_pictures_are_what_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(draw_images, "FOLDER", tmp_path)
    assert draw_images.main([]) == 0
    committed = {path.name for path in (ROOT / "assets" / "images").iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == committed
    for name in committed:
        drawn, kept = (
            cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED).astype(int)
            for folder in (tmp_path, ROOT / "assets" / "images")
        )
        # Another version of the JPEG library may round differently.
        assert np.abs(drawn - kept).mean() < 1, name


def test_the_script_writes_to_the_committed_folder():
    assert draw_images.FOLDER == ROOT / "assets" / "images"
