/* What is told about an archive: one entry after the other, and what is odd about each. */
#ifndef LISTING_H
#define LISTING_H

#include "tool.h"

#define MAX_SHOWN 1000
#define MAX_NAME ((size_t)1024)

struct entry {
    const char *kind; /* "file", "directory", "link", "other" */
    struct text path, target; /* Of a link; nothing for the others. */
    bool is_hard;
    uint64_t bytes, packed_bytes;
};

static struct {
    uint64_t entries, bytes, odd;
} total;

/* How far up a path leads, beginning `depth` directories below the top: above it or not. */
static bool leaves(struct text path, long depth) {
    const char *at = path.at, *end = at + path.size;
    if (path.size && (*at == '/' || *at == '\\'))
        return true;
    if (path.size > 1 && at[1] == ':')
        return true; /* A drive of Windows. */
    while (at < end) {
        const char *part = at;
        while (at < end && *at != '/' && *at != '\\')
            at++;
        size_t size = (size_t)(at - part);
        if (size == 2 && part[0] == '.' && part[1] == '.')
            depth--;
        else if (size && !(size == 1 && *part == '.'))
            depth++;
        if (depth < 0)
            return true;
        at += at < end;
    }
    return false;
}

static long directories_above(struct text path) {
    long count = 0;
    for (size_t i = 0; i + 1 < path.size; i++)
        count += path.at[i] == '/' && path.at[i + 1] != '/';
    return count;
}

/* The size of the UTF-8 character that begins here; 0 when none does. */
static size_t character_size(const unsigned char *at, size_t room) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    if (size <= 1)
        return size;
    uint32_t point = *at & (0x7f >> size);
    if (size > room)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point < 0xe000;
    return point < least[size] || is_surrogate || point > 0x10ffff ? 0 : size;
}

/* A name as JSON, which is UTF-8: what is none becomes U+FFFD. Whether all of it was. */
static bool put_name(struct text name) {
    static char clean[3 * MAX_NAME];
    size_t size = 0;
    bool is_utf8 = true;
    for (size_t i = 0; i < name.size && i < MAX_NAME;) {
        size_t count = character_size((const unsigned char *)name.at + i, name.size - i);
        if (count) {
            memcpy(clean + size, name.at + i, count);
        } else {
            memcpy(clean + size, "\xef\xbf\xbd", 3);
            is_utf8 = false;
        }
        size += count ? count : 3;
        i += count ? count : 1;
    }
    put_json((struct text){clean, size});
    return is_utf8;
}

static void put_field(const char *name, uint64_t value) {
    put(name);
    put_number(value >> 63 ? INT64_MAX : (long long)value);
}

static size_t oddities;

static void put_oddity(bool is_so, const char *words) {
    if (!is_so)
        return;
    put(oddities++ ? ",\"" : "\"");
    put(words);
    put("\"");
}

static bool is_inflated(const struct entry *entry) {
    return entry->bytes > 1000000 && entry->bytes / 200 > entry->packed_bytes;
}

static void put_entry(const struct entry *entry) {
    bool is_link = entry->target.size > 0;
    bool is_led_out = is_link && leaves(entry->target, entry->is_hard ? 0 : directories_above(entry->path));
    bool is_odd = leaves(entry->path, 0) || is_led_out || is_inflated(entry);
    total.bytes += entry->bytes < UINT64_MAX - total.bytes ? entry->bytes : UINT64_MAX - total.bytes;
    total.odd += is_odd;
    if (total.entries++ >= MAX_SHOWN)
        return;
    put(total.entries > 1 ? ",\n{\"path\":" : "\n{\"path\":");
    bool is_utf8 = put_name(entry->path);
    put(",\"kind\":\"");
    put(entry->kind);
    put_field("\",\"bytes\":", entry->bytes);
    if (is_link) {
        put(",\"target\":");
        is_utf8 &= put_name(entry->target);
    }
    oddities = 0;
    put(",\"odd\":[");
    put_oddity(leaves(entry->path, 0), "its path leads out of the directory it is unpacked in");
    put_oddity(is_led_out, "it is a link that leads out of that directory");
    put_oddity(is_inflated(entry), "it grows more than two hundred times");
    put_oddity(!is_utf8, "its name is not UTF-8");
    put_oddity(entry->path.size > MAX_NAME, "its name is longer than 1024 bytes");
    put("]}");
}

#endif
