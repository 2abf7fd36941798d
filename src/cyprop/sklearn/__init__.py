"""The estimators of scikit-learn's neural networks, trained and asked by cyprop.

    from cyprop.sklearn import MLPClassifier, MLPRegressor

in place of ``from sklearn.neural_network import MLPClassifier, MLPRegressor``. Needs scikit-learn:
``pip install 'cyprop[sklearn]'``.
"""

from cyprop.sklearn.classifier import MLPClassifier
from cyprop.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
