"""Which of torch's operations are linear, which act on every number alone, and which normalise."""

import torch

aten = torch.ops.aten

# One input, one output, the same numbers: each passed on, moved, repeated, left out or added up.
MOVES = {
    aten.view, aten._unsafe_view, aten.reshape, aten._reshape_copy, aten._reshape_alias,
    aten.view_copy, aten.as_strided, aten.permute, aten.permute_copy, aten.transpose,
    aten.transpose_copy, aten.t, aten.t_copy, aten.squeeze, aten.squeeze_copy, aten.unsqueeze,
    aten.unsqueeze_copy, aten.expand, aten.expand_copy, aten.alias, aten.alias_copy, aten.detach,
    aten.clone, aten._to_copy, aten.contiguous, aten.lift_fresh, aten.slice, aten.slice_copy,
    aten.select, aten.select_copy, aten.split, aten.split_with_sizes, aten.split_copy,
    aten.split_with_sizes_copy, aten.chunk, aten.unbind, aten.unbind_copy, aten.index,
    aten._unsafe_index, aten.index_select, aten.gather, aten.diagonal, aten.flip, aten.roll,
    aten.repeat, aten.unfold, aten.im2col, aten.pixel_shuffle, aten.pixel_unshuffle,
    aten.channel_shuffle, aten.native_channel_shuffle, aten.cat, aten.stack, aten.constant_pad_nd,
    aten.reflection_pad2d, aten.replication_pad2d, aten.slice_scatter, aten.select_scatter,
    aten.copy, aten.upsample_nearest2d, aten._upsample_nearest_exact2d,
}  # fmt: skip

# Sums of the numbers of one tensor, with fixed weights.
SUMS = {
    aten.sum, aten.mean, aten.avg_pool2d, aten._adaptive_avg_pool2d, aten.upsample_bilinear2d,
    aten._upsample_bilinear2d_aa, aten.upsample_bicubic2d, aten.cumsum, aten.col2im,
}  # fmt: skip

# Sums of two tensors; one of them may be a constant.
ADDITIONS = {aten.add, aten.sub, aten.rsub}

# Linear in their first tensor, or in both of two: constant (weights) or not.
PRODUCTS = {
    aten.mul, aten.mm, aten.mv, aten.dot, aten.bmm, aten.addmm, aten.addmv, aten.baddbmm,
    aten.linear, aten.convolution,
}  # fmt: skip

# Every number on its own, and each a bounded step or a bent line: the activations.
ACTIVATIONS = {
    aten.relu, aten.relu6, aten.sigmoid, aten.tanh, aten.gelu, aten.silu, aten.mish, aten.elu,
    aten.celu, aten.selu, aten.leaky_relu, aten._prelu_kernel, aten.hardtanh, aten.hardsigmoid,
    aten.hardswish, aten.softplus, aten.clamp, aten.clamp_min, aten.threshold, aten.log_sigmoid,
}  # fmt: skip

# Every number on its own, otherwise.
POINTWISE = ACTIVATIONS | {
    aten.exp, aten.expm1, aten.log, aten.log1p, aten.sqrt, aten.rsqrt, aten.reciprocal, aten.abs,
    aten.erf, aten.pow, aten.sin, aten.cos, aten.clamp_max, aten.softshrink, aten.hardshrink,
}  # fmt: skip

BATCH_NORMS = {
    aten.native_batch_norm, aten._native_batch_norm_legit_no_training, aten.cudnn_batch_norm,
}  # fmt: skip

MAXIMA = {aten.max_pool2d_with_indices, aten.adaptive_max_pool2d}

SOFTMAXES = {aten._softmax, aten._safe_softmax}
