/* TRANSPOSE_CONV, seen from the output: which inputs reach a pixel, and through which taps.
 * Weights: (out_channels, kernel_height, kernel_width, in_channels). */
typedef struct {
    extent in_height, in_width, in_channels;
    extent out_height, out_width, out_channels;
    extent kernel_height, kernel_width;
    extent stride_height, stride_width;
    extent top, left; /* what is cut off before the output begins */
    int16_t in_zero, out_zero, low, high;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multipliers;
    const int8_t *shifts;
} transposed_settings;

static void transposed(const int8_t *in, int8_t *out, const transposed_settings *s)
{
    const int32_t channels = s->in_channels;

    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t last_y = (oy + s->top) / s->stride_height;
        const int32_t first_ky = (oy + s->top) % s->stride_height;
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t last_x = (ox + s->left) / s->stride_width;
            const int32_t first_kx = (ox + s->left) % s->stride_width;
            for (int32_t o = 0; o < s->out_channels; ++o) {
                int32_t sum = s->bias[o];
                int32_t y = last_y;
                for (int32_t ky = first_ky; ky < s->kernel_height && y >= 0;
                     ky += s->stride_height, --y) {
                    if (y >= s->in_height) {
                        continue;
                    }
                    int32_t x = last_x;
                    for (int32_t kx = first_kx; kx < s->kernel_width && x >= 0;
                         kx += s->stride_width, --x) {
                        if (x < s->in_width) {
                            const int32_t tap = (o * s->kernel_height + ky) * s->kernel_width + kx;
                            sum = dot(sum, in + (y * s->in_width + x) * channels,
                                      s->weights + tap * channels, channels, s->in_zero);
                        }
                    }
                }
                *out++ = clamped(scaled(sum, s->multipliers[o], s->shifts[o]) + s->out_zero, s->low,
                                 s->high);
            }
        }
    }
}
