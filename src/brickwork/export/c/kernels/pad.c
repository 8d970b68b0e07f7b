/* PAD and PADV2. */
typedef struct {
    int32_t height, line; /* rows of the input, and the bytes of one */
    int32_t above, below, before, behind; /* bytes that are added */
    int8_t value;
} pad_settings;

static void pad(const int8_t *in, int8_t *out, const pad_settings *s)
{
    memset(out, s->value, (size_t)s->above);
    out += s->above;
    for (int32_t y = 0; y < s->height; ++y) {
        memset(out, s->value, (size_t)s->before);
        memcpy(out + s->before, in, (size_t)s->line);
        memset(out + s->before + s->line, s->value, (size_t)s->behind);
        in += s->line;
        out += s->before + s->line + s->behind;
    }
    memset(out, s->value, (size_t)s->below);
}
