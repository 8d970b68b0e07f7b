/* FULLY_CONNECTED. Weights: (outputs, inputs). */
typedef struct {
    int32_t rows; /* 1, or how many vectors the layer is applied to */
    int32_t inputs, outputs;
    int32_t multiplier;
    int16_t shift, in_zero, out_zero, low, high;
    const int8_t *weights;
    const int32_t *bias;
} dense_settings;

static void dense(const int8_t *in, int8_t *out, const dense_settings *s)
{
    for (int32_t row = 0; row < s->rows; ++row, in += s->inputs) {
        for (int32_t o = 0; o < s->outputs;) {
            const int32_t lanes = s->outputs - o < 4 ? 1 : 4; /* outputs at once */
            const int8_t *weights = s->weights + o * s->inputs;
            int32_t sums[4] = {0, 0, 0, 0};
            if (lanes == 4) {
                dot4(sums, in, weights, s->inputs, s->inputs, s->in_zero);
            } else {
                sums[0] = dot(0, in, weights, s->inputs, s->in_zero);
            }
            for (int32_t i = 0; i < lanes; ++i, ++o) {
                const int32_t sum = sums[i] + s->bias[o];
                *out++ = clamped(scaled(sum, s->multiplier, s->shift) + s->out_zero, s->low,
                                 s->high);
            }
        }
    }
}
