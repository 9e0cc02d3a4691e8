"""scikit-learn estimators: nets that work in pipelines, searches and cross-validation."""

from rushlight.errors import MissingExtra

try:
    import sklearn as _sklearn
except ImportError as error:
    raise MissingExtra("scikit-learn", "sklearn", "rushlight.sklearn") from error

from rushlight.sklearn.classifier import NetClassifier
from rushlight.sklearn.regressor import NetRegressor

__all__ = ["NetClassifier", "NetRegressor"]

del _sklearn
