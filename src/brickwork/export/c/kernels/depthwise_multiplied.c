/* DEPTHWISE_CONV_2D with several filters for each channel. Weights: (kernel_height, kernel_width,
 * channels * filters). */
typedef struct {
    extent in_height, in_width, channels, filters;
    extent out_height, out_width;
    extent kernel_height, kernel_width;
    extent stride_height, stride_width;
    extent dilation_height, dilation_width;
    extent top, left; /* how far the first window begins outside of the input */
    int16_t in_zero, out_zero, low, high;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multipliers;
    const int8_t *shifts;
} depthwise_multiplied_settings;

static void depthwise_multiplied(const int8_t *in, int8_t *out,
                                 const depthwise_multiplied_settings *s)
{
    const int32_t channels = s->channels;
    const int32_t line = s->in_width * channels * s->dilation_height; /* from tap to tap */
    const int32_t step = channels * s->dilation_width;
    const int32_t outputs = channels * s->filters;

    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t y = oy * s->stride_height - s->top;
        const taps ys = inside(y, s->in_height, s->kernel_height, s->dilation_height);
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t x = ox * s->stride_width - s->left;
            const taps xs = inside(x, s->in_width, s->kernel_width, s->dilation_width);
            const int32_t corner = (y * s->in_width + x) * channels;
            int32_t o = 0;
            for (int32_t c = 0; c < channels; ++c) {
                for (const int32_t end = o + s->filters; o < end; ++o) {
                    int32_t sum = s->bias[o];
                    for (int32_t ky = ys.first; ky < ys.last; ++ky) {
                        for (int32_t kx = xs.first; kx < xs.last; ++kx) {
                            sum += (in[corner + ky * line + kx * step + c] - s->in_zero)
                                * s->weights[(ky * s->kernel_width + kx) * outputs + o];
                        }
                    }
                    *out++ = clamped(scaled(sum, s->multipliers[o], s->shifts[o]) + s->out_zero,
                                     s->low, s->high);
                }
            }
        }
    }
}
