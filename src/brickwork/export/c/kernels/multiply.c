/* MUL. A stride says how far an operand moves with a row, a column and a channel of the output: 0
 * where it repeats. The output may lie where an operand lies that does not repeat. */
typedef struct {
    int32_t height, width, channels;
    int32_t strides_a[3], strides_b[3];
    int32_t multiplier;
    int16_t shift, zero_a, zero_b, zero, low, high;
} multiply_settings;

static void multiply(const int8_t *a, const int8_t *b, int8_t *out, const multiply_settings *s)
{
    for (int32_t y = 0; y < s->height; ++y) {
        for (int32_t x = 0; x < s->width; ++x) {
            const int8_t *pa = a + y * s->strides_a[0] + x * s->strides_a[1];
            const int8_t *pb = b + y * s->strides_b[0] + x * s->strides_b[1];
            for (int32_t c = 0; c < s->channels; ++c) {
                const int32_t product = (*pa - s->zero_a) * (*pb - s->zero_b);
                *out++ = clamped(scaled(product, s->multiplier, s->shift) + s->zero, s->low,
                                 s->high);
                pa += s->strides_a[2];
                pb += s->strides_b[2];
            }
        }
    }
}
