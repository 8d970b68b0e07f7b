/* DEPTHWISE_CONV_2D with one filter for each channel. Weights: (kernel_height, kernel_width,
 * channels). */
typedef struct {
    extent in_height, in_width, channels;
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
} depthwise_settings;

static void depthwise(const int8_t *in, int8_t *out, const depthwise_settings *s)
{
    const int32_t channels = s->channels;
    const int32_t line = s->in_width * channels * s->dilation_height; /* from tap to tap */
    const int32_t step = channels * s->dilation_width;
    const int32_t zero = s->in_zero, out_zero = s->out_zero, low = s->low, high = s->high;
    const int32_t *const bias = s->bias, *const multipliers = s->multipliers;
    const int8_t *const shifts = s->shifts;

    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t y = oy * s->stride_height - s->top;
        const taps ys = inside(y, s->in_height, s->kernel_height, s->dilation_height);
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t x = ox * s->stride_width - s->left;
            const taps xs = inside(x, s->in_width, s->kernel_width, s->dilation_width);
            const int32_t corner = (y * s->in_width + x) * channels;
            for (int32_t c = 0; c < channels;) {
                const int32_t lanes = channels - c < 4 ? 1 : 4; /* channels at once */
                int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
                for (int32_t ky = ys.first; ky < ys.last; ++ky) {
                    const int8_t *pixel = in + (corner + ky * line + xs.first * step + c);
                    const int8_t *weights =
                        s->weights + (ky * s->kernel_width + xs.first) * channels + c;
                    for (int32_t kx = xs.first; kx < xs.last; ++kx) {
                        sum0 += (pixel[0] - zero) * weights[0];
                        if (lanes == 4) {
                            sum1 += (pixel[1] - zero) * weights[1];
                            sum2 += (pixel[2] - zero) * weights[2];
                            sum3 += (pixel[3] - zero) * weights[3];
                        }
                        pixel += step;
                        weights += channels;
                    }
                }
                const int32_t sums[4] = {sum0, sum1, sum2, sum3};
                for (int32_t i = 0; i < lanes; ++i, ++c) {
                    const int32_t sum = sums[i] + bias[c];
                    *out++ = clamped(scaled(sum, multipliers[c], shifts[c]) + out_zero, low, high);
                }
            }
        }
    }
}
