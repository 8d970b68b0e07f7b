/* MAX_POOL_2D. */
static void max_pool(const int8_t *in, int8_t *out, const pool_settings *s)
{
    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t y = oy * s->stride_height - s->top;
        const taps ys = inside(y, s->in_height, s->kernel_height, 1);
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t x = ox * s->stride_width - s->left;
            const taps xs = inside(x, s->in_width, s->kernel_width, 1);
            for (int32_t c = 0; c < s->channels; ++c) {
                int8_t best = INT8_MIN;
                for (int32_t ky = ys.first; ky < ys.last; ++ky) {
                    const int8_t *pixel =
                        in + ((y + ky) * s->in_width + x + xs.first) * s->channels + c;
                    for (int32_t kx = xs.first; kx < xs.last; ++kx, pixel += s->channels) {
                        best = *pixel > best ? *pixel : best;
                    }
                }
                *out++ = clamped(best, s->low, s->high);
            }
        }
    }
}
