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
    for (int32_t r = 0; r < s->rows; ++r, in += s->inputs) {
        const int8_t *weights = s->weights;
        int32_t o = 0;
        for (; o + 4 <= s->outputs; o += 4, weights += 4 * s->inputs) {
            int32_t sums[4] = {s->bias[o], s->bias[o + 1], s->bias[o + 2], s->bias[o + 3]};
            dot4(sums, in, weights, s->inputs, s->inputs, s->in_zero);
            for (int32_t i = 0; i < 4; ++i) {
                *out++ = clamped(scaled(sums[i], s->multiplier, s->shift) + s->out_zero, s->low,
                                 s->high);
            }
        }
        for (; o < s->outputs; ++o, weights += s->inputs) {
            const int32_t sum = dot(s->bias[o], in, weights, s->inputs, s->in_zero);
            *out++ = clamped(scaled(sum, s->multiplier, s->shift) + s->out_zero, s->low, s->high);
        }
    }
}
