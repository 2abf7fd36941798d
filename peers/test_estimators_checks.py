"""scikit-learn's own checks of what an estimator has to do, all of them."""

import warnings
from unittest import SkipTest

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cyprop.sklearn import MLPClassifier, MLPRegressor

# What scikit-learn says where a check has nothing to look at, in its own estimators too.
NOTHING_TO_CHECK = (
    "SCIPY_ARRAY_API is not set: not checking array_api input",
    "MLPClassifier does not have a decision_function method.",
)


# As scikit-learn's tests of its own estimators have it: the checks fit dozens of networks.
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_every_check(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            check(estimator)
        except SkipTest as skipped:
            if str(skipped) not in NOTHING_TO_CHECK:
                raise
