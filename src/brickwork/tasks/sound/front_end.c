/* Fourier transform of FRONT_END_FFT real numbers in `work`, as one of half as many complex ones. */
static void transform(void)
{
    const int half = FRONT_END_FFT / 2;
    for (int i = 1, j = 0; i < half; ++i) { /* bit reversal */
        int bit = half >> 1;
        while ((j & bit) != 0) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
        if (i < j) {
            const float re = work[2 * i], im = work[2 * i + 1];
            work[2 * i] = work[2 * j];
            work[2 * i + 1] = work[2 * j + 1];
            work[2 * j] = re;
            work[2 * j + 1] = im;
        }
    }
    for (int size = 2; size <= half; size *= 2) {
        const int step = FRONT_END_FFT / size;
        for (int start = 0; start < half; start += size) {
            for (int k = 0; k < size / 2; ++k) {
                float *a = work + 2 * (start + k), *b = a + size;
                const float c = cosine[k * step], s = sine[k * step];
                const float re = b[0] * c - b[1] * s, im = b[0] * s + b[1] * c;
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
        }
    }
}

/* Squared magnitude at frequency k of 0 to FRONT_END_FFT / 2, after transform(). */
static float power(int k)
{
    const int half = FRONT_END_FFT / 2;
    const float *a = work + 2 * (k % half), *b = work + 2 * ((half - k) % half);
    const float even_re = 0.5f * (a[0] + b[0]), even_im = 0.5f * (a[1] - b[1]);
    const float odd_re = 0.5f * (a[1] + b[1]), odd_im = 0.5f * (b[0] - a[0]);
    const float c = k < half ? cosine[k] : -1.0f, s = k < half ? sine[k] : 0.0f;
    const float re = even_re + odd_re * c - odd_im * s;
    const float im = even_im + odd_re * s + odd_im * c;
    return re * re + im * im;
}

float front_end_level(const int16_t *samples, int32_t count)
{
    int32_t peak = 0;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t size = samples[i] < 0 ? -(int32_t)samples[i] : samples[i];
        peak = size > peak ? size : peak;
    }
    if (MOST_GAIN <= 0.0f || peak == 0) {
        return 1.0f;
    }
    const float level = PEAK * 32768.0f / (float)peak;
    return level < MOST_GAIN ? level : MOST_GAIN;
}

void front_end_frame(const int16_t *samples, float level, uint8_t *features)
{
    const float scale = level * (1.0f / 32768.0f);
    for (int i = 0; i < FRONT_END_FFT; ++i) {
        work[i] = i < FRONT_END_WINDOW ? (float)samples[i] * scale * hann[i] : 0.0f;
    }
    transform();
    const float *weight = mel_weights;
    for (int mel = 0; mel < FRONT_END_MELS; ++mel) {
        float sum = 0.0f;
        for (int i = 0; i < mel_count[mel]; ++i) {
            sum += *weight++ * power(mel_first[mel] + i);
        }
        const float value = (10.0f * log10f(sum + POWER_FLOOR) - LOW_DB) * STEPS_PER_DB + 0.5f;
        features[mel] = value <= 0.0f ? 0 : value >= 255.0f ? 255 : (uint8_t)value;
    }
}

void front_end(const int16_t *samples, uint8_t *features)
{
    const float level = front_end_level(samples, FRONT_END_SAMPLES);
    for (int frame = 0; frame < FRONT_END_FRAMES; ++frame) {
        front_end_frame(samples + (int32_t)frame * FRONT_END_HOP, level, features);
        features += FRONT_END_MELS;
    }
}
