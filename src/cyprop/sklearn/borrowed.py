"""All that is scikit-learn's here, in one place, with the types that it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from typing import Self

    class BaseEstimator:
        """What every estimator inherits."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...
        def __sklearn_tags__(self) -> Any: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...

    class ClassifierMixin:
        """What every classifier inherits."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class RegressorMixin:
        """What every regressor inherits."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class ConvergenceWarning(UserWarning):
        """A solver has ended before it converged."""

    def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_F], _F]: ...
    def available_if(check: Callable[[Any], bool]) -> Callable[[_F], _F]: ...

    Interval: Any
    LabelBinarizer: Any
    Options: Any
    StrOptions: Any
    check_first_call: Any
    check_is_fitted: Any
    check_random_state: Any
    check_sample_weight: Any
    column_or_1d: Any
    compute_sample_weight: Any
    r2_score: Any
    train_test_split: Any
    type_of_target: Any
    unique_labels: Any
    validate_data: Any
else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
        from sklearn.base import _fit_context as fit_context
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.metrics import r2_score
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import LabelBinarizer
        from sklearn.utils import check_random_state, column_or_1d
        from sklearn.utils._param_validation import Interval, Options, StrOptions
        from sklearn.utils.class_weight import compute_sample_weight
        from sklearn.utils.metaestimators import available_if
        from sklearn.utils.multiclass import _check_partial_fit_first_call as check_first_call
        from sklearn.utils.multiclass import type_of_target, unique_labels
        from sklearn.utils.validation import _check_sample_weight as check_sample_weight
        from sklearn.utils.validation import check_is_fitted, validate_data
    except ImportError as error:
        raise ImportError(
            "cyprop.sklearn needs scikit-learn of version 1.6 or newer:"
            " pip install 'cyprop[sklearn]'"
        ) from error

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "Interval",
    "LabelBinarizer",
    "Options",
    "RegressorMixin",
    "StrOptions",
    "available_if",
    "check_first_call",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "column_or_1d",
    "compute_sample_weight",
    "fit_context",
    "r2_score",
    "train_test_split",
    "type_of_target",
    "unique_labels",
    "validate_data",
]
