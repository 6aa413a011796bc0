"""Is an explanation true? Measures of faithfulness, one number per image.

All take `(network, images, score, maps, …)`; those that ask the method for more maps take it too.
"""

from striate.explain.quality.deletion import deletion as deletion
from striate.explain.quality.deletion import deletion_curve as deletion_curve
from striate.explain.quality.deletion import insertion as insertion
from striate.explain.quality.deletion import insertion_curve as insertion_curve
from striate.explain.quality.infidelity import infidelity as infidelity
from striate.explain.quality.measures import MEASURES as MEASURES
from striate.explain.quality.measures import Measure as Measure
from striate.explain.quality.measures import Subject as Subject
from striate.explain.quality.measures import check_measures as check_measures
from striate.explain.quality.measures import judged as judged
from striate.explain.quality.pointing import Boxes as Boxes
from striate.explain.quality.pointing import pointing_game as pointing_game
from striate.explain.quality.probability import class_probability as class_probability
from striate.explain.quality.randomisation import FAILS as FAILS
from striate.explain.quality.randomisation import Randomisation as Randomisation
from striate.explain.quality.randomisation import changes as changes
from striate.explain.quality.randomisation import (
    parameter_randomisation as parameter_randomisation,
)
from striate.explain.quality.relabelling import label_randomisation as label_randomisation
from striate.explain.quality.relabelling import learned_by_heart as learned_by_heart
from striate.explain.quality.road import road as road
from striate.explain.quality.road import road_curves as road_curves
from striate.explain.quality.sensitivity import Method as Method
from striate.explain.quality.sensitivity import max_sensitivity as max_sensitivity
