/* Uncompresses gzip, piece by piece, and stops after a bound.
 *
 * Source: RFC 1951 (deflate) and RFC 1952 (gzip). Checksums are not compared.
 */
#ifndef INFLATE_H
#define INFLATE_H

#include "tool.h"

#define WINDOW 32768
#define LONGEST 15

struct inflate {
    const unsigned char *at, *end;
    uint32_t bits;
    int bit_count;
    unsigned char window[WINDOW];
    size_t size; /* Of what waits in the window. */
    uint64_t bytes, most;
    bool has_history;
    void (*give)(void *to, const unsigned char *at, size_t size);
    void *to;
};

/* How many codes of each length there are, and their symbols in order. */
struct codes {
    uint16_t counts[LONGEST + 1];
    uint16_t symbols[288];
};

static _Noreturn void damaged(void) { fail("the compressed data is damaged"); }

static uint32_t take_bits(struct inflate *in, int count) {
    while (in->bit_count < count) {
        if (in->at == in->end)
            damaged();
        in->bits |= (uint32_t)*in->at++ << in->bit_count;
        in->bit_count += 8;
    }
    uint32_t value = in->bits & ((1u << count) - 1);
    in->bits >>= count;
    in->bit_count -= count;
    return value;
}

static void give_window(struct inflate *in) {
    in->give(in->to, in->window, in->size);
    in->bytes += in->size;
    in->has_history |= in->size == WINDOW;
    in->size = 0;
}

static void put_out(struct inflate *in, unsigned char byte) {
    in->window[in->size++] = byte;
    if (in->size == WINDOW)
        give_window(in);
}

/* Codes of so many bits each, in the canonical order; false when there are too many. */
static bool make_codes(struct codes *codes, const uint8_t *lengths, size_t size) {
    uint16_t places[LONGEST + 2] = {0};
    int room = 1;
    memset(codes, 0, sizeof *codes);
    for (size_t i = 0; i < size; i++)
        codes->counts[lengths[i]]++;
    codes->counts[0] = 0;
    for (int length = 1; length <= LONGEST; length++) {
        room = 2 * room - codes->counts[length];
        if (room < 0)
            return false;
        places[length + 1] = (uint16_t)(places[length] + codes->counts[length]);
    }
    for (size_t i = 0; i < size; i++)
        if (lengths[i])
            codes->symbols[places[lengths[i]]++] = (uint16_t)i;
    return true;
}

static unsigned take_symbol(struct inflate *in, const struct codes *codes) {
    int code = 0, first = 0, place = 0;
    for (int length = 1; length <= LONGEST; length++) {
        code |= (int)take_bits(in, 1);
        int count = codes->counts[length];
        if (code - first < count)
            return codes->symbols[place + code - first];
        place += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    damaged();
}

static void copy_back(struct inflate *in, size_t distance, size_t length) {
    if (distance > in->size && !in->has_history)
        damaged();
    while (length) {
        size_t size = in->size, room = WINDOW - size, count = length < room ? length : room;
        for (size_t end = size + count; size < end; size++)
            in->window[size] = in->window[(size - distance) & (WINDOW - 1)];
        length -= count;
        in->size = size;
        if (size == WINDOW)
            give_window(in);
    }
}

/* Lengths and distances: each symbol stands for a range, and more bits say where in it. */
static void take_copy(struct inflate *in, unsigned symbol, const struct codes *distances) {
    static const uint16_t lengths[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    if (symbol > 28)
        damaged();
    int more = symbol < 8 || symbol == 28 ? 0 : (int)symbol / 4 - 1;
    size_t length = lengths[symbol] + take_bits(in, more);
    unsigned far = take_symbol(in, distances);
    if (far > 29)
        damaged();
    more = far < 4 ? 0 : (int)far / 2 - 1;
    size_t base = far < 4 ? far + 1 : ((size_t)(2 + (far & 1)) << more) + 1;
    copy_back(in, base + take_bits(in, more), length);
}

static void take_block(struct inflate *in, const struct codes *literals, const struct codes *distances) {
    while (in->bytes < in->most) {
        unsigned symbol = take_symbol(in, literals);
        if (symbol == 256)
            return;
        if (symbol < 256)
            put_out(in, (unsigned char)symbol);
        else
            take_copy(in, symbol - 257, distances);
    }
}

static void take_stored(struct inflate *in) {
    in->bits = 0;
    in->bit_count = 0;
    size_t size = take_bits(in, 16);
    if (take_bits(in, 16) != (~size & 0xffff) || size > (size_t)(in->end - in->at))
        damaged();
    while (size--)
        put_out(in, *in->at++);
}

static void take_fixed(struct inflate *in) {
    struct codes literals, distances;
    uint8_t lengths[288];
    for (int i = 0; i < 288; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    make_codes(&literals, lengths, 288);
    memset(lengths, 5, 30);
    make_codes(&distances, lengths, 30);
    take_block(in, &literals, &distances);
}

/* The lengths of the codes are themselves told in codes, with signs for repetition. */
static void take_dynamic(struct inflate *in) {
    static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    struct codes literals, distances;
    uint8_t lengths[320] = {0};
    size_t literal_count = take_bits(in, 5) + 257, distance_count = take_bits(in, 5) + 1;
    size_t count = take_bits(in, 4) + 4, size = 0;
    for (size_t i = 0; i < count; i++)
        lengths[order[i]] = (uint8_t)take_bits(in, 3);
    if (literal_count > 286 || distance_count > 30 || !make_codes(&literals, lengths, 19))
        damaged();
    memset(lengths, 0, sizeof lengths);
    while (size < literal_count + distance_count) {
        unsigned symbol = take_symbol(in, &literals);
        if (symbol < 16) {
            lengths[size++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16 && !size)
            damaged();
        uint8_t repeated = symbol == 16 ? lengths[size - 1] : 0;
        size_t times = symbol == 16 ? 3 + take_bits(in, 2) : symbol == 17 ? 3 + take_bits(in, 3) : 11 + take_bits(in, 7);
        if (size + times > literal_count + distance_count)
            damaged();
        memset(lengths + size, repeated, times);
        size += times;
    }
    if (!make_codes(&literals, lengths, literal_count) ||
        !make_codes(&distances, lengths + literal_count, distance_count))
        damaged();
    take_block(in, &literals, &distances);
}

/* The header of gzip: ten bytes, and up to four fields that it announces. */
static void skip_header(struct inflate *in) {
    if (in->end - in->at < 18 || in->at[2] != 8)
        damaged();
    unsigned flags = in->at[3];
    in->at += 10;
    if (flags & 4) {
        size_t size = take_bits(in, 16);
        if (size > (size_t)(in->end - in->at))
            damaged();
        in->at += size;
    }
    for (unsigned left = (flags >> 3 & 1) + (flags >> 4 & 1); left--;) { /* A name, a comment. */
        const unsigned char *nul = memchr(in->at, 0, (size_t)(in->end - in->at));
        if (!nul)
            damaged();
        in->at = nul + 1;
    }
    if (flags & 2)
        take_bits(in, 16);
}

/* All of a gzip file, or as much as may be. Whether it was all. */
static bool inflate(struct inflate *in) {
    skip_header(in);
    for (bool is_last = false; !is_last && in->bytes < in->most;) {
        is_last = take_bits(in, 1);
        switch (take_bits(in, 2)) {
        case 0:
            take_stored(in);
            break;
        case 1:
            take_fixed(in);
            break;
        case 2:
            take_dynamic(in);
            break;
        default:
            damaged();
        }
    }
    bool is_all = in->bytes < in->most;
    give_window(in);
    return is_all;
}

#endif
