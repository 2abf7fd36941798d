"""scikit-learn's own tests of its estimators, as they are installed with it, run against ours."""

from pathlib import Path

import pytest
import sklearn.neural_network

import cyprop.sklearn

THEIRS = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"

# Those that are not run, and why.
PRIVATE = {
    "test_gradient": "calls the private _loss_grad_lbfgs with lists of arrays that it works in",
}

text = THEIRS.read_text()
assert text.count(IMPORT) == 1, f"{THEIRS} has not the import line that is to be replaced"
text = text.replace(IMPORT, "from cyprop.sklearn import MLPClassifier, MLPRegressor")
exec(compile(text, str(THEIRS), "exec"))
for name in PRIVATE:
    del globals()[name]


@pytest.fixture
def global_random_seed():
    """Of scikit-learn's own conftest, which is not installed with it everywhere."""
    return 42


def test_that_ours_are_tested():
    assert MLPClassifier is cyprop.sklearn.MLPClassifier  # noqa: F821
    assert MLPRegressor is cyprop.sklearn.MLPRegressor  # noqa: F821
