"""A random forest on MNIST, with scikit-learn.

    python3 baselines/random_forest.py
    python3 baselines/random_forest.py --raw
    python3 baselines/random_forest.py --save_model forest.skops
    python3 baselines/random_forest.py --load_model forest.skops --predict IMAGE

Extremely randomised trees (Geurts et al., 2006) on the principal components of oriented
gradients (baselines/features.py); with --raw a random forest. --search tries GRID.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from baselines import experiment
from baselines.method import Method
from digits import cli
from digits.lazy import LazyModule

decomposition = LazyModule("sklearn.decomposition")
metric = LazyModule("baselines.metric")
ensemble = LazyModule("sklearn.ensemble")
pipeline = LazyModule("sklearn.pipeline")

COMPONENTS = 0.99  # of the variance: about 120 of the 588 features
GRID = {
    "pca__n_components": [0.95, 0.99],
    "extratreesclassifier__max_features": ["sqrt", 20, 40],
}


def build(raw, seed):
    """Return the pipeline, not fitted; `seed` decides on the trees."""
    if raw:
        forest = ensemble.RandomForestClassifier(500, n_jobs=-1, random_state=seed)
        return pipeline.make_pipeline(forest)
    forest = ensemble.ExtraTreesClassifier(300, n_jobs=-1, random_state=seed)
    components = decomposition.PCA(COMPONENTS, svd_solver="covariance_eigh")
    return pipeline.make_pipeline(components, metric.LocalWhitening(), forest)


METHOD = Method("random_forest", build, GRID, growth=1.05, temperature=0.3)


@cli.report_errors
def main(argv=None):
    """Do what the command line asks for; return the exit status."""
    args = experiment.parse_args(__doc__, METHOD.name, argv)
    return experiment.main(METHOD, args, argv)


if __name__ == "__main__":
    sys.exit(main())
