/* AVERAGE_POOL_2D; halves are rounded away from zero. */
static void average_pool(const int8_t *in, int8_t *out, const pool_settings *s)
{
    for (int32_t oy = 0; oy < s->out_height; ++oy) {
        const int32_t y = oy * s->stride_height - s->top;
        const taps ys = inside(y, s->in_height, s->kernel_height, 1);
        for (int32_t ox = 0; ox < s->out_width; ++ox) {
            const int32_t x = ox * s->stride_width - s->left;
            const taps xs = inside(x, s->in_width, s->kernel_width, 1);
            const int32_t covered = (ys.last - ys.first) * (xs.last - xs.first);
            const int32_t all = (int32_t)s->kernel_height * s->kernel_width;
            const int32_t count = s->counted ? all : covered;
            for (int32_t c = 0; c < s->channels; ++c) {
                int32_t sum = (count - covered) * s->zero;
                for (int32_t ky = ys.first; ky < ys.last; ++ky) {
                    const int8_t *pixel =
                        in + ((y + ky) * s->in_width + x + xs.first) * s->channels + c;
                    for (int32_t kx = xs.first; kx < xs.last; ++kx, pixel += s->channels) {
                        sum += *pixel;
                    }
                }
                sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *out++ = clamped(sum, s->low, s->high);
            }
        }
    }
}
