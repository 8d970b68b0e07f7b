/* MEAN over height and width. */
typedef struct {
    int32_t positions, channels; /* positions: height times width */
    int32_t multiplier;
    int16_t shift, in_zero, out_zero, low, high;
} mean_settings;

static void mean(const int8_t *in, int8_t *out, const mean_settings *s)
{
    for (int32_t c = 0; c < s->channels; ++c) {
        const int8_t *pixel = in + c;
        int32_t sum = -s->in_zero * s->positions;
        for (int32_t position = 0; position < s->positions; ++position, pixel += s->channels) {
            sum += *pixel;
        }
        out[c] = clamped(scaled(sum, s->multiplier, s->shift) + s->out_zero, s->low, s->high);
    }
}
