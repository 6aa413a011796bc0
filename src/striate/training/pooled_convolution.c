/* Max-pooling with ReLU after a convolution, and the gradient of all three, over float32 images.

   Of a window's values only the largest gets a gradient, and none where ReLU cut it. So the
   gradient that reaches the convolution is zero but for one value in a window, and the work of its
   backward pass shrinks with it: four to eight times fewer multiplications for windows of 2 x 2.

   Set by the compiler: CHANNELS of the input, OUTPUTS; KERNEL and STEP of the convolution, WINDOW
   and STRIDE of the pooling, pixels, the same in both directions; no padding and no dilation.

   Rows of the kernel, KERNEL * CHANNELS values, are padded with zeros to whole vectors. */

#include <stddef.h>
#include <stdint.h>

typedef float Vector __attribute__((vector_size(64), aligned(4), may_alias));

typedef int32_t Whole __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(16)));

#define LANES 16
#define VECTORS ((KERNEL * CHANNELS + LANES - 1) / LANES) /* in a row of the kernel */
#define CUT 255 /* in `where`: ReLU gave 0 */

/* Up to LANES values, as many as are left of OUTPUTS behind the first `done`; the others are 0. */
static inline Vector load(const float *from, int done) {
  Vector values = {0};
  __builtin_memcpy(&values, from, (OUTPUTS - done < LANES ? OUTPUTS - done : LANES) * 4);
  return values;
}

/* The largest of the values in a window, or 0, and which it was. NaN stays NaN. */
static inline void store(const Vector window[WINDOW * WINDOW], int done, ptrdiff_t channel,
                         float *pooled, uint8_t *where) {
  Vector best = {0};
  Whole at = CUT - (Whole){0};
  for (int place = 0; place < WINDOW * WINDOW; place++) {
    const Vector values = window[place];
    const Whole wins = (Whole)(values > best) | (Whole)(values != values);
    best = (Vector)(((Whole)values & wins) | ((Whole)best & ~wins));
    at = (place & wins) | (at & ~wins);
  }
  const int count = OUTPUTS - done < LANES ? OUTPUTS - done : LANES;
  if (channel == 1) {
    const Bytes bytes = __builtin_convertvector(at, Bytes);
    __builtin_memcpy(pooled, &best, count * 4);
    __builtin_memcpy(where, &bytes, count);
  } else
    for (int o = 0; o < count; o++) {
      pooled[o * channel] = best[o];
      where[o * channel] = (uint8_t)at[o];
    }
}

/* Max-pooling and ReLU; and where in the window the largest was, row by row.

   maps: [height, width, OUTPUTS] of one image; pooled, where: [tall, wide, OUTPUTS] with a step of
   `pixel` from one pixel to the next and of `channel` between the outputs. */
void pool(ptrdiff_t images, ptrdiff_t height, ptrdiff_t width, ptrdiff_t tall, ptrdiff_t wide,
          ptrdiff_t pixel, ptrdiff_t channel, const float *maps, float *pooled, uint8_t *where) {
  for (ptrdiff_t n = 0; n < images; n++)
    for (ptrdiff_t i = 0; i < tall; i++)
      for (ptrdiff_t j = 0; j < wide; j++)
        for (int done = 0; done < OUTPUTS; done += LANES) {
          const float *corner =
              maps + ((n * height + i * STRIDE) * width + j * STRIDE) * OUTPUTS + done;
          const ptrdiff_t to = n * tall * wide * OUTPUTS + (i * wide + j) * pixel + done * channel;
          Vector window[WINDOW * WINDOW];
          for (int a = 0; a < WINDOW; a++)
            for (int b = 0; b < WINDOW; b++)
              window[a * WINDOW + b] = load(corner + (a * width + b) * OUTPUTS, done);
          store(window, done, channel, pooled + to, where + to);
        }
}

#if OUTPUTS <= LANES
/* The same with the convolution before it, for few outputs: each value meets all of them at once.

   input: [height, width, CHANNELS] of one image; weights: [KERNEL, KERNEL * CHANNELS, LANES];
   bias: [LANES]. */
void convolve_and_pool(ptrdiff_t images, ptrdiff_t height, ptrdiff_t width, ptrdiff_t tall,
                       ptrdiff_t wide, ptrdiff_t pixel, ptrdiff_t channel, const float *input,
                       const float *weights, const float *bias, float *pooled, uint8_t *where) {
  const ptrdiff_t row = width * CHANNELS;
  for (ptrdiff_t n = 0; n < images; n++)
    for (ptrdiff_t i = 0; i < tall; i++)
      for (ptrdiff_t j = 0; j < wide; j++) {
        const float *corner =
            input + n * height * row + STEP * (i * STRIDE * row + j * STRIDE * CHANNELS);
        const ptrdiff_t to = n * tall * wide * OUTPUTS + (i * wide + j) * pixel;
        const Vector *kernel = (const Vector *)weights;
        Vector window[WINDOW * WINDOW];
        for (int place = 0; place < WINDOW * WINDOW; place++) window[place] = *(const Vector *)bias;
        for (int a = 0; a < KERNEL; a++)
          for (int q = 0; q < KERNEL * CHANNELS; q++, kernel++)
#pragma GCC unroll 16
            for (int place = 0; place < WINDOW * WINDOW; place++)
              window[place] += *kernel * corner[(a + STEP * (place / WINDOW)) * row +
                                                STEP * (place % WINDOW) * CHANNELS + q];
        store(window, 0, channel, pooled + to, where + to);
      }
}
#endif

#if CHANNELS % LANES == 0
#define PATCH (KERNEL + STEP * (WINDOW - 1)) /* pixels that one window looks at, across */

/* Add the gradient by the input of all outputs of one window, which is written but once. */
static inline void input_pixel(const float *gradient, const uint8_t *where, ptrdiff_t channel,
                               const float *weights, float *corner, ptrdiff_t row) {
  int outputs[WINDOW * WINDOW][OUTPUTS], counts[WINDOW * WINDOW] = {0};
  for (int o = 0; o < OUTPUTS; o++) { /* by place, since registers have no index */
    const int at = where[o * channel];
    if (at != CUT) outputs[at][counts[at]++] = o;
  }
  for (int from = 0; from < CHANNELS; from += LANES) {
    Vector patch[PATCH][PATCH];
#pragma GCC unroll 16
    for (int a = 0; a < PATCH; a++)
#pragma GCC unroll 16
      for (int b = 0; b < PATCH; b++)
        patch[a][b] = *(Vector *)(corner + a * row + b * CHANNELS + from);
#pragma GCC unroll 16
    for (int place = 0; place < WINDOW * WINDOW; place++)
      for (int e = 0; e < counts[place]; e++) {
        const int o = outputs[place][e];
        const Vector value = gradient[o * channel] - (Vector){0};
        const float *kernel = weights + o * KERNEL * KERNEL * CHANNELS + from;
#pragma GCC unroll 16
        for (int a = 0; a < KERNEL; a++)
#pragma GCC unroll 16
          for (int b = 0; b < KERNEL; b++)
            patch[a + STEP * (place / WINDOW)][b + STEP * (place % WINDOW)] +=
                value * *(const Vector *)(kernel + (a * KERNEL + b) * CHANNELS);
      }
#pragma GCC unroll 16
    for (int a = 0; a < PATCH; a++)
#pragma GCC unroll 16
      for (int b = 0; b < PATCH; b++)
        *(Vector *)(corner + a * row + b * CHANNELS + from) = patch[a][b];
  }
}
#endif

/* Add the gradients by weights, bias and input (unless it is null) to what is there.

   gradient, where: as `pooled`, with the same steps; input, input_gradient: [height, width,
   CHANNELS] of one image, all followed by LANES values, read and written as they are, where a row
   of the kernel does not fill its vectors; weights, weight_gradient: [OUTPUTS, KERNEL, VECTORS,
   LANES]; offsets, values: room for tall * wide + 1. */
void pool_backward(ptrdiff_t images, ptrdiff_t height, ptrdiff_t width, ptrdiff_t tall,
                   ptrdiff_t wide, ptrdiff_t pixel, ptrdiff_t channel, const float *gradient,
                   const uint8_t *where, const float *input, const float *weights,
                   float *weight_gradient, float *bias_gradient, float *input_gradient,
                   int32_t *offsets, float *values) {
  const ptrdiff_t row = width * CHANNELS;
  for (ptrdiff_t n = 0; n < images; n++)
    for (ptrdiff_t o = 0; o < OUTPUTS; o++) {
      ptrdiff_t count = 0;
      for (ptrdiff_t i = 0; i < tall; i++)
        for (ptrdiff_t j = 0; j < wide; j++) {
          const ptrdiff_t from =
              n * tall * wide * OUTPUTS + (i * wide + j) * pixel + o * channel;
          const uint32_t at = where[from];
          const ptrdiff_t line = i * STRIDE + at / WINDOW, place = j * STRIDE + at % WINDOW;
          offsets[count] = (int32_t)(STEP * (line * row + place * CHANNELS));
          values[count] = gradient[from];
          count += at != CUT;
        }
      for (ptrdiff_t e = 0; e < count; e++) bias_gradient[o] += values[e];

      Vector *sums = (Vector *)weight_gradient + o * KERNEL * VECTORS;
      Vector sum[KERNEL][VECTORS]; /* in registers, if they suffice */
      for (int a = 0; a < KERNEL; a++)
        for (int v = 0; v < VECTORS; v++) sum[a][v] = sums[a * VECTORS + v];
      for (ptrdiff_t e = 0; e < count; e++) {
        const Vector value = values[e] - (Vector){0};
        const float *from = input + n * height * row + offsets[e];
#pragma GCC unroll 16
        for (int a = 0; a < KERNEL; a++)
#pragma GCC unroll 16
          for (int v = 0; v < VECTORS; v++)
            sum[a][v] += value * *(const Vector *)(from + a * row + v * LANES);
      }
      for (int a = 0; a < KERNEL; a++)
        for (int v = 0; v < VECTORS; v++) sums[a * VECTORS + v] = sum[a][v];

#if CHANNELS % LANES
      if (!input_gradient) continue;
      const Vector *kernel = (const Vector *)weights + o * KERNEL * VECTORS;
      for (ptrdiff_t e = 0; e < count; e++) {
        const Vector value = values[e] - (Vector){0};
        float *to = input_gradient + n * height * row + offsets[e];
#pragma GCC unroll 16
        for (int a = 0; a < KERNEL; a++)
#pragma GCC unroll 16
          for (int v = 0; v < VECTORS; v++)
            *(Vector *)(to + a * row + v * LANES) += value * kernel[a * VECTORS + v];
      }
#endif
    }
#if CHANNELS % LANES == 0
  if (!input_gradient) return;
  for (ptrdiff_t n = 0; n < images; n++)
    for (ptrdiff_t i = 0; i < tall; i++)
      for (ptrdiff_t j = 0; j < wide; j++) {
        const ptrdiff_t from = n * tall * wide * OUTPUTS + (i * wide + j) * pixel;
        float *corner =
            input_gradient + n * height * row + STEP * STRIDE * (i * row + j * CHANNELS);
        input_pixel(gradient + from, where + from, channel, weights, corner, row);
      }
#endif
}
