/* Windows that slide over an input and leave its channels apart. */
typedef struct {
    extent in_height, in_width, channels;
    extent out_height, out_width;
    extent kernel_height, kernel_width;
    extent stride_height, stride_width;
    extent top, left; /* how far the first window begins outside of the input */
    int16_t zero, low, high;
    int16_t counted; /* whether what lies outside counts as zeros */
} pool_settings;
