/* The directory of a zip file. Nothing is unpacked.
 *
 * Source: PKWARE's APPNOTE.TXT, sections 4.3.12 to 4.3.16 and 4.5.3.
 */
#ifndef ZIP_H
#define ZIP_H

#include "listing.h"

struct bytes {
    const unsigned char *at;
    uint64_t size;
};

/* A number at a place that must lie inside. */
static uint64_t number_at(struct bytes in, uint64_t place, int size) {
    uint64_t value = 0;
    if (in.size < (uint64_t)size || place > in.size - (uint64_t)size)
        fail("the zip file is damaged: something lies outside of it");
    while (size--)
        value = value << 8 | in.at[place + (uint64_t)size];
    return value;
}

static struct bytes part(struct bytes in, uint64_t place, uint64_t size) {
    if (place > in.size || size > in.size - place)
        fail("the zip file is damaged: something lies outside of it");
    return (struct bytes){in.at + place, size};
}

/* Where the record is that ends a zip file; it may be followed by a comment. */
static uint64_t end_record(struct bytes in) {
    for (uint64_t back = 22; back <= in.size && back < 22 + 65536; back++)
        if (number_at(in, in.size - back, 4) == 0x06054b50)
            return in.size - back;
    fail("the zip file is damaged: it has no end");
}

/* A size of four bytes that is all ones stands in a field of eight bytes instead. */
static uint64_t wide(struct bytes extra, uint64_t narrow, uint64_t *used) {
    if (narrow != 0xffffffff)
        return narrow;
    for (uint64_t place = 0; place + 4 <= extra.size;) {
        uint64_t kind = number_at(extra, place, 2), size = number_at(extra, place + 2, 2);
        if (kind == 1)
            return number_at(part(extra, place + 4, size), (*used)++ * 8, 8);
        place += 4 + size;
    }
    return narrow;
}

static struct entry entry_at(struct bytes directory, uint64_t *place) {
    if (number_at(directory, *place, 4) != 0x02014b50)
        fail("the zip file is damaged: its directory has a gap");
    uint64_t name_size = number_at(directory, *place + 28, 2);
    uint64_t extra_size = number_at(directory, *place + 30, 2);
    struct bytes name = part(directory, *place + 46, name_size);
    struct bytes extra = part(directory, *place + 46 + name_size, extra_size);
    uint64_t used = 0, mode = number_at(directory, *place + 40, 2) >> 12;
    struct entry entry = {.kind = "file", .path = {(const char *)name.at, name_size}};
    entry.bytes = wide(extra, number_at(directory, *place + 24, 4), &used);
    entry.packed_bytes = wide(extra, number_at(directory, *place + 20, 4), &used);
    if (number_at(directory, *place + 5, 1) == 3 && mode == 10)
        entry.kind = "link";
    else if (name_size && name.at[name_size - 1] == '/')
        entry.kind = "directory";
    *place += 46 + name_size + extra_size + number_at(directory, *place + 32, 2);
    return entry;
}

static const char *list_zip(struct bytes in) {
    uint64_t end = end_record(in), packed = 0;
    uint64_t count = number_at(in, end + 10, 2), size = number_at(in, end + 12, 4);
    uint64_t place = number_at(in, end + 16, 4);
    if (end >= 20 && number_at(in, end - 20, 4) == 0x07064b50) { /* It is a large one. */
        end = number_at(in, end - 12, 8);
        count = number_at(part(in, end, 56), 32, 8);
        size = number_at(in, end + 40, 8);
        place = number_at(in, end + 48, 8);
    }
    if (size > end || place > end - size)
        fail("the zip file is damaged: its directory lies outside of it");
    /* Something may have been put in front; then every place is later than it says. */
    struct bytes directory = part(in, end - size, size);
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct entry entry = entry_at(directory, &at);
        packed = entry.packed_bytes > UINT64_MAX - packed ? UINT64_MAX : packed + entry.packed_bytes;
        put_entry(&entry);
    }
    return packed > in.size ? "its entries overlap, as those of a zip bomb do" : 0;
}

#endif
