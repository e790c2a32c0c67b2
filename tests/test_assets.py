import sys

import cv2
import numpy as np

from conftest import ROOT

sys.path.insert(0, str(ROOT / "assets"))

import draw_images


def test_pictures_are_what_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(draw_images, "FOLDER", tmp_path)
    assert draw_images.main() == 0
    kept = {path.name for path in (ROOT / "assets" / "images").iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == kept
    for name in kept:
        drawn, committed = (
            cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED).astype(int)
            for folder in (tmp_path, ROOT / "assets" / "images")
        )
        # Another version of the JPEG library may round otherwise.
        assert np.abs(drawn - committed).mean() < 1, name
