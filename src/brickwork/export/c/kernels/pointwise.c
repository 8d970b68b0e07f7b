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
        for (int32_t o = 0; o < s->out_channels;) {
            const int32_t lanes = s->out_channels - o < 4 ? 1 : 4; /* filters at once */
            const int8_t *weights = s->weights + o * channels;
            int32_t sums[4] = {0, 0, 0, 0};
            if (lanes == 4) {
                dot4(sums, in, weights, channels, channels, zero);
            } else {
                sums[0] = dot(0, in, weights, channels, zero);
            }
            for (int32_t i = 0; i < lanes; ++i, ++o) {
                const int32_t sum = sums[i] + s->bias[o];
                *out++ = clamped(scaled(sum, s->multipliers[o], s->shifts[o]) + s->out_zero, s->low,
                                 s->high);
            }
        }
    }
}
