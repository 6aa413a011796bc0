"""Pure functions from outputs and targets to numbers, each with the interval it deserves."""

from striate.metrics.calibration import fit_temperature as fit_temperature
from striate.metrics.calibration import label_probabilities as label_probabilities
from striate.metrics.calibration import probabilities as probabilities
from striate.metrics.calibration import temperature_note as temperature_note
from striate.metrics.compare import paired as paired
from striate.metrics.intervals import Estimate as Estimate
from striate.metrics.intervals import wilson as wilson
from striate.metrics.judge import judge as judge
from striate.metrics.multilabel import fit_thresholds as fit_thresholds
from striate.metrics.verdict import verdict as verdict
