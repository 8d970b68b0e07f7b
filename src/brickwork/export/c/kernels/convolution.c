/* CONV_2D. Weights: (out_channels, kernel_height, kernel_width, in_channels / groups). */
typedef struct {
    extent in_height, in_width, in_channels;
    extent out_height, out_width, out_channels;
    extent kernel_height, kernel_width;
    extent stride_height, stride_width;
    extent dilation_height, dilation_width;
    extent top, left; /* how far the first window begins outside of the input */
    extent groups;
    int16_t in_zero, out_zero, low, high;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multipliers;
    const int8_t *shifts;
} convolution_settings;

static void convolution(const int8_t *in, int8_t *out, const convolution_settings *s)
{
    const int32_t channels = s->in_channels;
    const int32_t filters = s->out_channels / s->groups; /* of a group */
    const int32_t depth = channels / s->groups;          /* channels that a filter reads */
    const int32_t row = s->kernel_width * depth;         /* weights of a row of the window */
    const int32_t filter = s->kernel_height * row;
    const int32_t down = s->in_width * channels * s->dilation_height; /* from tap to tap */
    const int32_t right = channels * s->dilation_width;
    const int32_t zero = s->in_zero;
    /* Without gaps between the taps a row of the window is one run of inputs and weights. */
    const int whole = s->groups == 1 && s->dilation_width == 1;

    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t y = oy * s->stride_height - s->top;
        const taps ys = inside(y, s->in_height, s->kernel_height, s->dilation_height);
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t x = ox * s->stride_width - s->left;
            const taps xs = inside(x, s->in_width, s->kernel_width, s->dilation_width);
            const int32_t runs = whole ? 1 : xs.last - xs.first;
            const int32_t count = whole ? (xs.last - xs.first) * depth : depth;
            const int32_t corner = (y * s->in_width + x) * channels + ys.first * down
                + xs.first * right;
            const int32_t tap = ys.first * row + xs.first * depth;
            const int32_t rows = ys.last - ys.first;
            for (int32_t group = 0; group < s->groups; ++group) {
                const int32_t end = (group + 1) * filters;
                for (int32_t o = group * filters; o < end;) {
                    const int32_t lanes = end - o < 4 ? 1 : 4; /* filters at once */
                    int32_t sums[4] = {0, 0, 0, 0};
                    for (int32_t ky = 0; ky < rows; ++ky) {
                        for (int32_t kx = 0; kx < runs; ++kx) {
                            const int8_t *run =
                                in + (corner + ky * down + kx * right + group * depth);
                            const int8_t *weights =
                                s->weights + (o * filter + tap + ky * row + kx * depth);
                            if (lanes == 4) {
                                dot4(sums, run, weights, filter, count, zero);
                            } else {
                                sums[0] = dot(sums[0], run, weights, count, zero);
                            }
                        }
                    }
                    for (int32_t i = 0; i < lanes; ++i, ++o) {
                        const int32_t sum = sums[i] + s->bias[o];
                        *out++ = clamped(scaled(sum, s->multipliers[o], s->shifts[o]) + s->out_zero,
                                         s->low, s->high);
                    }
                }
            }
        }
    }
}
