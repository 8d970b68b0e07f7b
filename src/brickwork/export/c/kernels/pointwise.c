/* CONV_2D with a window of one pixel and stride 1. Weights: (out_channels, in_channels). */
typedef struct {
    int32_t positions; /* height times width */
    int32_t in_channels, out_channels;
    int16_t in_zero, out_zero, low, high;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multipliers;
    const int8_t *shifts;
} pointwise_settings;

static void pointwise(const int8_t *in, int8_t *out, const pointwise_settings *s)
{
    const int32_t channels = s->in_channels;
    const int32_t zero = s->in_zero;

    for (int32_t position = 0; position < s->positions; ++position, in += channels) {
        const int8_t *weights = s->weights;
        int32_t o = 0;
        for (; o + 4 <= s->out_channels; o += 4, weights += 4 * channels) {
            int32_t sums[4] = {s->bias[o], s->bias[o + 1], s->bias[o + 2], s->bias[o + 3]};
            dot4(sums, in, weights, channels, channels, zero);
            for (int32_t i = 0; i < 4; ++i) {
                *out++ = clamped(
                    scaled(sums[i], s->multipliers[o + i], s->shifts[o + i]) + s->out_zero, s->low,
                    s->high);
            }
        }
        for (; o < s->out_channels; ++o, weights += channels) {
            const int32_t sum = dot(s->bias[o], in, weights, channels, zero);
            *out++ = clamped(scaled(sum, s->multipliers[o], s->shifts[o]) + s->out_zero, s->low,
                             s->high);
        }
    }
}
