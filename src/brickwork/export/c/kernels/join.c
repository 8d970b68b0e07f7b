/* One input of a CONCATENATION: its channels go to their place in each pixel of the output. */
static void join(const int8_t *in, int8_t *out, int32_t positions, int32_t channels,
                 int32_t out_channels)
{
    for (int32_t position = 0; position < positions; ++position) {
        memcpy(out, in, (size_t)channels);
        in += channels;
        out += out_channels;
    }
}
