/* SOFTMAX over the channels: shares of 256, less 128. Fractions are of 2^31. */
typedef struct {
    int32_t positions, channels;
    int32_t counted; /* so far below the largest a number counts nothing */
    const int32_t *exponentials; /* of 0, 1, 2, ... below the largest */
} softmax_settings;

static void softmax(const int8_t *in, int8_t *out, const softmax_settings *s)
{
    for (int32_t position = 0; position < s->positions; ++position) {
        int32_t largest = in[0];
        for (int32_t c = 1; c < s->channels; ++c) {
            largest = in[c] > largest ? in[c] : largest;
        }
        uint32_t sum = 0; /* 12 bits before the point, 19 behind it */
        for (int32_t c = 0; c < s->channels; ++c) {
            const int32_t below = largest - in[c];
            sum += below < s->counted ? ((uint32_t)s->exponentials[below] + 2048) >> 12 : 0;
        }
        int headroom = 0;
        for (; sum < (uint32_t)1 << 31; sum <<= 1) {
            ++headroom;
        }
        /* The reciprocal of the sum, by Newton's method; 2 bits before the point. */
        const int32_t half = (int32_t)(sum >> 1);
        int32_t x = 1515870810 + scaled(half, -1010580540, 0);
        for (int step = 0; step < 3; ++step) {
            x += scaled(x, ((int32_t)1 << 29) - scaled(half, x, 0), 0) * 4;
        }
        const int32_t factor = x < (int32_t)1 << 30 ? x * 2 : INT32_MAX;
        for (int32_t c = 0; c < s->channels; ++c) {
            const int32_t below = largest - *in++;
            const int32_t counts = below < s->counted ? s->exponentials[below] : 0;
            *out++ = clamped(scaled(counts, factor, headroom - 35) - 128, -128, 127);
        }
    }
}
