"""Looking inside a network: what does it see, and is the explanation true?"""

from collections.abc import Callable

from torch import Tensor

from striate.explain._hooks import evaluating as evaluating
from striate.explain._score import Score as Score
from striate.explain._score import class_score as class_score
from striate.explain.ablation_cam import ablation_cam as ablation_cam
from striate.explain.attention import attention_maps as attention_maps
from striate.explain.attention import attention_rollout as attention_rollout
from striate.explain.cam import cam as cam
from striate.explain.cam import grad_cam as grad_cam
from striate.explain.class_distances import ClassDistances as ClassDistances
from striate.explain.class_distances import class_distances as class_distances
from striate.explain.common_place import CommonPlace as CommonPlace
from striate.explain.common_place import common_place as common_place
from striate.explain.compare import Comparison as Comparison
from striate.explain.compare import compare as compare
from striate.explain.counterfactual import Counterfactual as Counterfactual
from striate.explain.counterfactual import counterfactual as counterfactual
from striate.explain.deep_dream import deep_dream as deep_dream
from striate.explain.deep_lift import deep_lift as deep_lift
from striate.explain.eigen_cam import eigen_cam as eigen_cam
from striate.explain.embed import embeddings as embeddings
from striate.explain.exciting_patches import Exciting as Exciting
from striate.explain.exciting_patches import exciting_patches as exciting_patches
from striate.explain.explanation import Explanation as Explanation
from striate.explain.feature_ablation import feature_ablation as feature_ablation
from striate.explain.feature_maps import feature_map_sheet as feature_map_sheet
from striate.explain.feature_maps import feature_maps as feature_maps
from striate.explain.feature_maps import strongest_channels as strongest_channels
from striate.explain.filter_pictures import filter_pictures as filter_pictures
from striate.explain.filter_pictures import filter_sheet as filter_sheet
from striate.explain.filter_pictures import filters_of as filters_of
from striate.explain.gates import gates as gates
from striate.explain.gates import gates_picture as gates_picture
from striate.explain.gradient_cams import grad_cam_plus_plus as grad_cam_plus_plus
from striate.explain.gradient_cams import hirescam as hirescam
from striate.explain.gradient_cams import layer_cam as layer_cam
from striate.explain.gradient_cams import xgrad_cam as xgrad_cam
from striate.explain.gradients import completeness_error as completeness_error
from striate.explain.gradients import input_x_gradient as input_x_gradient
from striate.explain.gradients import integrated_gradients as integrated_gradients
from striate.explain.gradients import saliency as saliency
from striate.explain.gradients import smoothgrad as smoothgrad
from striate.explain.grid import grid_picture as grid_picture
from striate.explain.grid import snap_to_grid as snap_to_grid
from striate.explain.health import Health as Health
from striate.explain.health import health as health
from striate.explain.inversion import Inversion as Inversion
from striate.explain.inversion import invert as invert
from striate.explain.kernel_shap import kernel_shap as kernel_shap
from striate.explain.lime import lime as lime
from striate.explain.locate import classifier_layer as classifier_layer
from striate.explain.locate import last_spatial_layer as last_spatial_layer
from striate.explain.locate import trace as trace
from striate.explain.lrp import lrp as lrp
from striate.explain.meaningful_perturbation import (
    meaningful_perturbation as meaningful_perturbation,
)
from striate.explain.neighbours import NeighbourIndex as NeighbourIndex
from striate.explain.neighbours import Neighbours as Neighbours
from striate.explain.neighbours import nearest as nearest
from striate.explain.occlusion import occlusion as occlusion
from striate.explain.pictures import colour_scale as colour_scale
from striate.explain.pictures import overlay as overlay
from striate.explain.projection import project as project
from striate.explain.quality import class_probability as class_probability
from striate.explain.receptive_field import Box as Box
from striate.explain.receptive_field import Fields as Fields
from striate.explain.receptive_field import noise_like as noise_like
from striate.explain.receptive_field import receptive_field as receptive_field
from striate.explain.receptive_field import receptive_field_picture as receptive_field_picture
from striate.explain.receptive_field import support as support
from striate.explain.rectifiers import deconvnet as deconvnet
from striate.explain.rectifiers import guided_backprop as guided_backprop
from striate.explain.rectifiers import guided_grad_cam as guided_grad_cam
from striate.explain.rise import rise as rise
from striate.explain.score_cam import score_cam as score_cam
from striate.explain.superpixels import superpixels as superpixels
from striate.explain.synthesis import Regularisers as Regularisers
from striate.explain.synthesis import channel_score as channel_score
from striate.explain.synthesis import synthesise as synthesise

METHODS: dict[str, Callable[..., Tensor]] = {
    method.__name__: method
    for method in (
        saliency,
        input_x_gradient,
        integrated_gradients,
        smoothgrad,
        deconvnet,
        guided_backprop,
        guided_grad_cam,
        cam,
        grad_cam,
        grad_cam_plus_plus,
        hirescam,
        xgrad_cam,
        layer_cam,
        score_cam,
        ablation_cam,
        eigen_cam,
        occlusion,
        feature_ablation,
        rise,
        meaningful_perturbation,
        lime,
        kernel_shap,
        deep_lift,
        lrp,
        attention_rollout,
    )
}
