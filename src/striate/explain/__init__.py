"""Looking inside a network: what does it see, and is the explanation true?"""

from collections.abc import Callable

from torch import Tensor

from striate.explain._hooks import evaluating as evaluating
from striate.explain._score import Score as Score
from striate.explain._score import class_score as class_score
from striate.explain.cam import grad_cam as grad_cam
from striate.explain.embed import embeddings as embeddings
from striate.explain.explanation import Explanation as Explanation
from striate.explain.locate import classifier_layer as classifier_layer
from striate.explain.locate import last_spatial_layer as last_spatial_layer
from striate.explain.locate import trace as trace
from striate.explain.neighbours import Neighbours as Neighbours
from striate.explain.neighbours import nearest as nearest
from striate.explain.pictures import overlay as overlay

METHODS: dict[str, Callable[..., Tensor]] = {method.__name__: method for method in (grad_cam,)}
